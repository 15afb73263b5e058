package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"carillon/test/house/wire"
)

// A System is what a story is told about: a running Carillon and what can be
// asked of it from outside.
type System interface {
	SIP(node string) (netip.AddrPort, error) // where a node listens; "" is the first one
	Domain() string
	Password(user string) string
	Registrations(user string) (int, error) // how many phones of the user can be reached now
	Calls(user string) ([]string, error)    // states of the calls the user is in: "ringing", "up"
}

// quiet is how long nothing may come before a block of expected lines counts as
// whole. Only rewriting waits for it.
const quiet = 200 * time.Millisecond

const patience = 5 * time.Second

// Run tells a story to a system. The first line that does not come true is the
// error, with file and line, what came and what was wanted.
func Run(s *Story, system System) error {
	r := newRun(system, patience)
	r.dir = filepath.Dir(s.File)
	return r.tell(s)
}

func (r *run) tell(s *Story) error {
	defer r.close()
	for _, l := range s.Lines {
		if err := r.line(l); err != nil {
			return l.errorf("%w", err)
		}
	}
	return r.leftovers(s)
}

// Update tells a story and returns it with the lines of Carillon rewritten to
// what it said: changed, dropped when nothing came, added when more came.
func Update(s *Story, system System) (*Story, error) {
	r := newRun(system, patience)
	r.dir, r.rewrites = filepath.Dir(s.File), true
	return r.retell(s)
}

func (r *run) retell(s *Story) (*Story, error) {
	defer r.close()
	out := &Story{File: s.File}
	for i, l := range s.Lines {
		if l.Kind != Expect {
			out.Lines = append(out.Lines, l)
			if err := r.line(l); err != nil {
				return nil, l.errorf("%w", err)
			}
			if i+1 == len(s.Lines) || s.Lines[i+1].Kind != Expect {
				out.Lines = append(out.Lines, r.more(l)...)
			}
			continue
		}
		if got, ok := r.rewrite(l); ok {
			out.Lines = append(out.Lines, got)
		}
		if i+1 == len(s.Lines) || s.Lines[i+1].Kind != Expect {
			out.Lines = append(out.Lines, r.more(l)...)
		}
	}
	return out, nil
}

// A run is one telling of a story.
type run struct {
	system   System
	patience time.Duration // longest wait for what must come
	grace    time.Duration // wait for what must not come, at the end
	names    *names
	dir      string // of the story
	rewrites bool
	phones   map[string]*phone
}

func newRun(system System, patience time.Duration) *run {
	return &run{system: system, patience: patience, grace: 50 * time.Millisecond, names: newNames(system.Domain()), phones: map[string]*phone{}}
}

func (r *run) close() {
	for _, p := range r.phones {
		_ = p.conn.Close()
	}
}

func (r *run) line(l Line) error {
	switch l.Kind {
	case Comment:
	case Have:
		return r.have(l)
	case Now:
		return r.now(l)
	case Do:
		return r.do(l)
	case Expect:
		return r.expect(l)
	}
	return nil
}

// phone returns the phone of a name; one nobody spoke of before connects over TCP.
func (r *run) phone(name string) (*phone, error) {
	if p := r.phones[name]; p != nil {
		return p, nil
	}
	if err := r.connect(name, "tcp"); err != nil {
		return nil, err
	}
	return r.phones[name], nil
}

func (r *run) connect(name, transport string) error {
	node, err := r.system.SIP("")
	if err != nil {
		return fmt.Errorf("looking for the node: %w", err)
	}
	p, err := newPhone(name, r.system.Domain(), transport, node)
	if err != nil {
		return err
	}
	if old := r.phones[name]; old != nil {
		_ = old.conn.Close()
		p.registerID, p.sequence, p.challenge, p.proved = old.registerID, old.sequence, old.challenge, old.proved
	}
	r.phones[name] = p
	r.names.owns("*", node)
	r.names.owns(name, p.conn.Local())
	return nil
}

// expect checks the next message that the phone of a line receives.
func (r *run) expect(l Line) error {
	p, err := r.phone(l.Phone)
	if err != nil {
		return err
	}
	m, err := p.receive(r.patience)
	if err != nil {
		return fmt.Errorf("got nothing, want %q: %w", l.Start, err)
	}
	if got := startLine(m); got != l.Start {
		return fmt.Errorf("got %q, want %q; the message was\n%s", got, l.Start, m)
	}
	r.names.counts(m)
	for _, want := range l.Parts {
		if want.Name == bodyColumn {
			if err := r.isBody(m, want.Value); err != nil {
				return err
			}
			continue
		}
		if got := r.names.column(m, want.Name, want.Valued); got.String() != want.String() {
			return fmt.Errorf("got %q, want %q; the message was\n%s", got, want, m)
		}
	}
	return nil
}

// rewrite returns an expected line as it came, and false when nothing came.
func (r *run) rewrite(l Line) (Line, bool) {
	p, err := r.phone(l.Phone)
	if err != nil {
		return l, false
	}
	m, err := p.receive(r.patience)
	if err != nil {
		return l, false
	}
	return r.heard(l, m), true
}

// heard returns line l with what message m says.
func (r *run) heard(l Line, m wire.Message) Line {
	r.names.counts(m)
	got := l
	got.Start, got.Parts = startLine(m), nil
	for _, c := range l.Parts {
		if c.Name == bodyColumn {
			if r.isBody(m, c.Value) == nil {
				got.Parts = append(got.Parts, c)
			}
			continue
		}
		if is := r.names.column(m, c.Name, c.Valued); is.Value != absent || c.Value == absent {
			got.Parts = append(got.Parts, is)
		}
	}
	if got.Start != l.Start || !slices.Equal(got.Parts, l.Parts) {
		got.write()
	}
	return got
}

// more returns lines for what came beyond the expected ones.
func (r *run) more(after Line) []Line {
	var lines []Line
	for until := time.Now().Add(quiet); time.Now().Before(until); time.Sleep(quiet / 20) {
		for _, name := range r.everybody() {
			if m, err := r.phones[name].receive(0); err == nil {
				lines = append(lines, r.heard(Line{File: after.File, Kind: Expect, Phone: name}, m))
				until = time.Now().Add(quiet)
			}
		}
	}
	return lines
}

// leftovers is the error of messages that no line expected.
func (r *run) leftovers(s *Story) error {
	var errs []error
	time.Sleep(r.grace)
	for _, name := range r.everybody() {
		for {
			m, err := r.phones[name].receive(0)
			if err != nil {
				break
			}
			errs = append(errs, fmt.Errorf("%s:%d: %s got %q, which no line expects", s.File, len(s.Lines), name, startLine(m)))
		}
	}
	return errors.Join(errs...)
}

func (r *run) everybody() []string {
	var all []string
	for name := range r.phones {
		all = append(all, name)
	}
	slices.SortFunc(all, strings.Compare)
	return all
}
