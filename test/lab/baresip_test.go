package lab

import (
	"math"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestBaresipHearsBaresip: two real phones talk through a node, once over TCP
// and once over UDP, and each hears the tone that the other plays.
func TestBaresipHearsBaresip(t *testing.T) {
	baresip, binary := tool.Need(t, "baresip", "baresip-core"), tool.Carillon(t)
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			n := Start(t, binary, []string{"alice", "bob"})
			alice := StartBaresip(t, baresip, Loopback(t), n, "alice", transport, 440)
			bob := StartBaresip(t, baresip, Loopback(t), n, "bob", transport, 660)

			talk(t, alice, bob, func() { n.HasCalls(1, "up") })
			n.HasCalls(0, "")
		})
	}
}

// hearEachOther: phones at two sites talk over the lines, and each hears the
// tone that the other plays.
func hearEachOther(s *System) {
	t := s.tb
	baresip := tool.Need(t, "baresip", "baresip-core")
	alice := s.Baresip(baresip, "mons", "mons-node", "alice", 440)
	bob := s.Baresip(baresip, "namur", "namur-node", "bob", 660)
	s.knowAmongOthers([]string{"alice", "bob"}, 20*time.Second)
	talk(t, alice, bob, func() { s.everyNodeHas(1, "up") })
	s.everyNodeHas(0, "")
}

// talk has one phone call another and hang up, and checks that each hears the
// other's tone. f runs while they talk.
func talk(tb testing.TB, caller, callee *Baresip, f func()) {
	tb.Helper()
	caller.Does("dial", "sip:"+callee.user+"@"+Domain)
	callee.Sees("CALL_INCOMING")
	callee.Does("accept", "")
	caller.Sees("CALL_ESTABLISHED")
	callee.Sees("CALL_ESTABLISHED")
	f()
	time.Sleep(3 * time.Second) // they talk
	caller.Does("hangup", "")
	callee.Sees("CALL_CLOSED")
	hears(tb, caller, callee.hertz)
	hears(tb, callee, caller.hertz)
}

// hears checks that what a phone received is a pure tone.
func hears(tb testing.TB, b *Baresip, hertz float64) {
	tb.Helper()
	w, err := b.heard()
	if err != nil {
		tb.Error(err)
		return
	}
	if got := w.frequency(); math.Abs(got-hertz) > 5 {
		tb.Errorf("%s hears %.1f Hz, want %.0f Hz", b.user, got, hertz)
	}
	if got := w.share(hertz); got < 0.9 {
		tb.Errorf("%s hears %.0f Hz with %.2f of the energy, want nearly all", b.user, hertz, got)
	}
}
