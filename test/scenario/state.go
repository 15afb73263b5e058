package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// have sets up what a line says.
func (r *run) have(l Line) error {
	for _, name := range l.Names {
		var err error
		switch what, transport, over := strings.Cut(l.State, " over "); {
		case !over && what == "registered":
			err = r.registered(name, "tcp")
		case what == "registered":
			err = r.registered(name, transport)
		case over && what == "a line":
			err = r.connect(name, transport)
		default:
			return fmt.Errorf("no state %q: \"registered\", \"registered over udp\", \"a line over udp\"", l.State)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// registered connects and registers a phone. What is said meanwhile is not part
// of the story.
func (r *run) registered(name, transport string) error {
	if err := r.connect(name, transport); err != nil {
		return err
	}
	p := r.phones[name]
	for _, columns := range [][]Column{nil, {{Name: "Authorization", Value: p.user, Valued: true}}} {
		m, err := r.compose(p, Line{Start: "REGISTER", Parts: columns})
		if err != nil {
			return err
		}
		if err = p.send(m); err != nil {
			return err
		}
		answer, err := p.receive(r.patience)
		if err != nil {
			return err
		}
		switch {
		case answer.Status() == 200:
			return nil
		case answer.Status() != 401 || columns != nil:
			return fmt.Errorf("registering: got %q", startLine(answer))
		}
	}
	return nil
}

// now waits until what a line says is true of each of its names.
func (r *run) now(l Line) error {
	deadline := time.Now().Add(r.patience)
	for _, name := range l.Names {
		user, _, _ := strings.Cut(name, ".")
		for {
			got, err := r.state(user, l.State)
			if err != nil {
				return err
			}
			if got == l.State {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: got %q, want %q", name, got, l.State)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// state returns what is true of a user, of the kind that is asked for.
func (r *run) state(user, want string) (string, error) {
	switch want {
	case "idle", "ringing", "in a call":
		calls, err := r.system.Calls(user)
		switch {
		case err != nil:
			return "", fmt.Errorf("asking for calls: %w", err)
		case slices.Contains(calls, "up"):
			return "in a call", nil
		case len(calls) > 0:
			return "ringing", nil
		}
		return "idle", nil
	case "registered", "not registered", "registered twice":
		n, err := r.system.Registrations(user)
		if err != nil {
			return "", fmt.Errorf("asking for registrations: %w", err)
		}
		return [...]string{"not registered", "registered", "registered twice"}[min(n, 2)], nil
	}
	return "", fmt.Errorf("no state %q: idle, ringing, in a call, registered, registered twice, not registered", want)
}
