package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"carillon/store"
	"carillon/store/file"
)

// A Configuration is what the API needs of the part of a node that keeps the
// configuration. All methods may be called at the same time.
type Configuration interface {
	View() *store.View
	// Propose returns when the Change is in force here or has been refused.
	Propose(ctx context.Context, c store.Change) error
	// History returns the revisions that are kept, in any order.
	History() ([]Revision, error)
	// GoBack puts a former revision in force again, but for the nodes, and returns
	// what that changed when it is in force here.
	GoBack(ctx context.Context, revision uint64, who string) ([]store.Line, error)
}

// A Revision is one Change that took effect.
type Revision = store.Revision

// A Plan is what a configuration changes, or has changed.
type Plan struct {
	Revision uint64       `json:"revision"` // in force when the answer was given
	Hash     string       `json:"hash"`
	Changed  bool         `json:"changed"` // lines holds more than remarks
	Lines    []store.Line `json:"lines"`
}

// plan says what the file in the body would change.
func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	name, text, err := readFile(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	view := s.o.Config.View()
	_, lines, err := read(name, text, view)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, planOf(view, lines))
}

// apply puts the file in the body in force.
func (s *Server) apply(w http.ResponseWriter, r *http.Request) {
	name, text, err := readFile(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	p, err := Apply(r.Context(), s.o.Config, name, text, author(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, p)
}

// Apply puts the text of a file called name in force for who, and says what that
// changed. A file that changes nothing makes no revision.
func Apply(ctx context.Context, c Configuration, name string, text []byte, who string) (Plan, error) {
	view := c.View()
	change, lines, err := read(name, text, view)
	if err != nil {
		return Plan{}, err
	}
	if !store.IsChange(lines) {
		return planOf(view, lines), nil
	}
	change.By = store.Author{Who: who, At: time.Now()}
	if err = c.Propose(ctx, change); err != nil {
		return Plan{}, err
	}
	return planOf(c.View(), lines), nil
}

// read parses a file and says what it would do to view.
func read(name string, text []byte, view *store.View) (store.Replace, []store.Line, error) {
	f, err := file.Parse(name, text, view)
	if err != nil {
		return store.Replace{}, nil, err
	}
	lines, err := file.Plan(view, f)
	return f.Change(), lines, err
}

// rollback puts the revision ?to= in force again, as a new revision.
func (s *Server) rollback(w http.ResponseWriter, r *http.Request) {
	to, err := strconv.ParseUint(r.URL.Query().Get("to"), 10, 64)
	if err != nil {
		s.refuse(w, r, invalid("to", "a revision is a number: see the history"))
		return
	}
	lines, err := s.o.Config.GoBack(r.Context(), to, author(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, planOf(s.o.Config.View(), lines))
}

// export writes the configuration in force as a file.
func (s *Server) export(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(file.Export(s.o.Config.View()))
}

// history lists the revisions that are kept, the latest first.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	all, err := s.o.Config.History()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	all = append([]Revision{}, all...)
	slices.SortFunc(all, func(a, b Revision) int { return cmp.Compare(b.Index, a.Index) })
	s.answer(w, all)
}

func planOf(v *store.View, lines []store.Line) Plan {
	return Plan{
		Revision: v.Index(), Hash: v.Hash(),
		Changed: store.IsChange(lines), Lines: append([]store.Line{}, lines...),
	}
}

// readFile returns the body and its name, which is ?file=.
func readFile(w http.ResponseWriter, r *http.Request) (name string, text []byte, err error) {
	name = printable(r.URL.Query().Get("file"))
	if name == "" {
		name = "configuration"
	}
	text, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = invalid("", fmt.Sprintf("%s is larger than %d MB", name, e.Limit>>20))
	}
	return name, text, err
}

// knowing refuses what a node cannot answer that has not the configuration.
func (s *Server) knowing(h http.HandlerFunc) http.HandlerFunc {
	if !s.o.Blind {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, &Problem{Kind: string(store.Conflict), Message: "a witness does not know the configuration: ask another node"})
	}
}
