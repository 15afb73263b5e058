package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"carillon/store"
)

// The kinds of refusal that the API adds to those of package store.
const (
	NotAllowed  = "not allowed"
	Unavailable = "unavailable" // not now: other nodes are needed for it
	Internal    = "internal"
)

// A Problem is a refusal as it travels: what kind, what to correct, and where
// in the file that was sent.
type Problem struct {
	Kind    string     `json:"kind"`
	Message string     `json:"message"`
	Field   string     `json:"field,omitempty"`
	File    string     `json:"file,omitempty"`
	Line    int        `json:"line,omitempty"`
	Column  int        `json:"column,omitempty"`
	More    []*Problem `json:"more,omitempty"` // what else is to be corrected
}

// Error gives one line for each thing to correct, the place first, as compilers
// do: editors can jump to it.
func (p *Problem) Error() string {
	var text strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&text, "%s:%d:%d: ", p.File, p.Line, p.Column)
	}
	text.WriteString(p.Message)
	for _, more := range p.More {
		text.WriteString("\n" + more.Error())
	}
	return text.String()
}

// problemOf puts any error into words for the asker.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if all, ok := errors.AsType[store.Errors](err); ok && len(all) > 0 {
		p := problemOf(all[0])
		for _, e := range all[1:] {
			p.More = append(p.More, problemOf(e))
		}
		return p
	}
	if e, ok := errors.AsType[*store.Error](err); ok {
		return &Problem{
			Kind: string(e.Kind), Message: e.Message, Field: e.Field,
			File: e.File, Line: e.Line, Column: e.Column,
		}
	}
	return &Problem{Kind: Internal, Message: err.Error()}
}

// invalid refuses something in the request itself.
func invalid(field, message string) *Problem {
	return &Problem{Kind: string(store.Invalid), Field: field, Message: message}
}

// httpStatus is the one place where a kind of refusal meets HTTP.
func (p *Problem) httpStatus() int {
	switch p.Kind {
	case string(store.Invalid):
		return http.StatusUnprocessableEntity
	case string(store.NotFound):
		return http.StatusNotFound
	case string(store.Conflict):
		return http.StatusConflict
	case NotAllowed:
		return http.StatusForbidden
	case Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// refuse answers a request with err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Kind == Internal {
		s.o.Logger.Error("answering a question", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.httpStatus())
	_ = json.NewEncoder(w).Encode(p)
}

// answer sends v.
func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.o.Logger.Debug("answering a question", "error", err)
	}
}

// unknown answers what the API does not have.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, &Problem{Kind: string(store.NotFound), Message: "the API has no " + r.Method + " " + r.URL.Path})
}
