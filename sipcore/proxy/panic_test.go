package proxy

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/dialog"
	"carillon/sipcore/route"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// bomb goes off when it is told to, as a mistake of ours would.
type bomb struct{ armed atomic.Bool }

func (b *bomb) explode() {
	if b.armed.Swap(false) {
		panic("a mistake of ours")
	}
}

// mined is a patient in whom something panics: routing, before or after the
// phone has answered, or finding the phone.
type mined struct {
	*patient

	first, second, finding bomb
}

func (m *mined) Route(c *route.Call) route.Verdict {
	if c.Outcome == route.None {
		m.first.explode()
	} else {
		m.second.explode()
	}
	return m.patient.Route(c)
}

func (m *mined) Locate(user, device string) (Way, bool) {
	m.finding.explode()
	return m.patient.Locate(user, device)
}

// survives calls f, which may panic, as a reader does.
func survives(f func()) {
	defer func() { _ = recover() }()
	f()
}

// TestPanicEndsItsRequestAlone: wherever handling a call panics, its caller
// hears 500, its phone stops ringing, nothing stays locked or counted, and the
// next call is as good as any.
func TestPanicEndsItsRequestAlone(t *testing.T) {
	for _, tt := range []struct {
		name            string
		arm             func(*mined)
		rings, toCaller string
		script          func(*mined)
	}{
		{"deciding", func(m *mined) { m.first.armed.Store(true) }, "", "100 500", func(m *mined) { m.calls() }},
		{"looking for the phone", func(m *mined) { m.finding.armed.Store(true) }, "", "100 500", func(m *mined) { m.calls() }},
		{"deciding what to do about a refusal", func(m *mined) { m.second.armed.Store(true) }, "INVITE ACK", "100 180 500", func(m *mined) {
			m.calls()
			m.says(180)
			m.says(486)
		}},
		{"a timer", func(m *mined) { m.second.armed.Store(true) }, "INVITE CANCEL", "100 180 500", func(m *mined) {
			m.calls()
			m.says(180)
			time.Sleep(5 * time.Minute)
		}},
		{"a phone that is gone", func(m *mined) { m.second.armed.Store(true) }, "", "100 500", func(m *mined) {
			m.phone.Close()
			m.calls()
			time.Sleep(time.Second)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inTime(t, func(p *patient) {
				p.t = t
				m := &mined{patient: p}
				p.proxy.o.Routing, p.proxy.o.Phones = route.Pipeline{m}, m
				calls := live.NewCalls()
				p.proxy.o.Calls = dialog.NewTracker("hardy", calls, live.NewDialogs("hardy", func() string { return "" }, nil), slog.New(slog.DiscardHandler))
				tt.arm(m)
				survives(func() { tt.script(m) })
				if m.first.armed.Load() || m.second.armed.Load() || m.finding.armed.Load() {
					t.Fatal("nothing has panicked")
				}
				p.check("then", tt.rings, tt.toCaller)
				if n := p.proxy.Ringing(); n != 0 || calls.Count() != 0 {
					t.Errorf("got %d INVITEs and %d calls left, want none", n, calls.Count())
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// TestPanicWithAnAnswer: who was about to hear it hears 500, and nobody is on the phone.
func TestPanicWithAnAnswer(t *testing.T) {
	inTime(t, func(p *patient) {
		var answer bomb
		calls, lamps := live.NewCalls(), live.NewDialogs("hardy", func() string { return "" }, nil)
		lamps.Watch(func(string) { answer.explode() })
		p.proxy.o.Calls = dialog.NewTracker("hardy", calls, lamps, slog.New(slog.DiscardHandler))
		p.calls()
		p.says(180)
		answer.armed.Store(true)
		survives(func() { p.says(200) })
		p.check("then", "INVITE", "100 180 500")
		if calls.Count() != 0 || len(lamps.All()) != 0 {
			t.Errorf("there are %d calls and %+v", calls.Count(), lamps.All())
		}
		time.Sleep(time.Minute)
	})
}

// TestPanicOfWhatTakesTimeIsAFailure: a phone that cannot be dialled because the
// resolver panics is one that cannot be reached.
func TestPanicOfWhatTakesTimeIsAFailure(t *testing.T) {
	inTime(t, func(p *patient) {
		p.proxy.o.Resolver = nil // to be asked for a name
		p.ways["bob"] = Way{Contact: "sip:bob@phone.test", Kind: transport.UDP, Dial: true}
		survives(p.calls)
		time.Sleep(time.Second)
		p.check("then", "", "100 480")
	})
}
