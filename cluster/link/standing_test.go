package link

import (
	"sync/atomic"
	"testing"
)

// TestStanding: who is turned away asks why, and hears whether his certificate is
// revoked; who has none of this system hears nothing.
func TestStanding(t *testing.T) {
	s, other := newSystem(t), newSystem(t)
	for _, tt := range []struct {
		name    string
		of      *system
		revoked bool
		out     bool
	}{
		{"a member", s, false, false},
		{"a removed one", s, true, true},
		{"one of another system", other, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.open("mons", LifeGUARD, func(o *Options) { o.Revoked = func(Shown) bool { return tt.revoked } })
			run(t, p)
			asking := tt.of.open("hardy", Main, nil)
			out, err := asking.isOutcastFor(t.Context(), "mons", p.Address())
			if out != tt.out || (err != nil) != (tt.of == other) {
				t.Errorf("got %v, %v; want %v", out, err, tt.out)
			}
			if got := p.Counters().Revoked; got != 0 {
				t.Errorf("the question counts as %d refusals", got)
			}
		})
	}
}

// TestToldOnce: a node that was removed is told so when it is turned away, and
// does not ask each time.
func TestToldOnce(t *testing.T) {
	s := newSystem(t)
	var told atomic.Int32
	removed := s.open("hardy", Main, func(o *Options) {
		o.OnOutcast = func(by string) {
			if by != "mons" {
				t.Errorf("told by %q", by)
			}
			told.Add(1)
		}
	})
	p := s.open("mons", LifeGUARD, func(o *Options) { o.Revoked = func(Shown) bool { return true } })
	p.Handle(ProtocolSession, echo)
	run(t, p)
	for range 3 {
		c, err := removed.Dial(t.Context(), "mons", p.Address(), ProtocolSession)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Read(make([]byte, 1)); err == nil {
			t.Error("it was served")
		}
		_ = c.Close()
		eventually(t, "told", func() bool { return told.Load() > 0 })
	}
	_ = removed.Close() // waits for what it asks
	if got := told.Load(); got != 1 {
		t.Errorf("told %d times, want 1", got)
	}
}
