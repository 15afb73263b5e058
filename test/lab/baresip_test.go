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
	const highA, e = 440, 660
	for _, transport := range []string{"tcp", "udp"} {
		t.Run(transport, func(t *testing.T) {
			baresip := tool.Need(t, "baresip", "baresip-core")
			n := Start(t, tool.Carillon(t), []string{"alice", "bob"})
			alice := StartBaresip(t, baresip, n, "alice", transport, highA)
			bob := StartBaresip(t, baresip, n, "bob", transport, e)

			alice.Does("dial", "sip:bob@"+Domain)
			bob.Sees("CALL_INCOMING")
			bob.Does("accept", "")
			alice.Sees("CALL_ESTABLISHED")
			bob.Sees("CALL_ESTABLISHED")
			if got := n.Rows("calls"); got != 1 {
				t.Errorf("calls while they talk: got %d, want 1", got)
			}
			time.Sleep(3 * time.Second) // they talk
			alice.Does("hangup", "")
			bob.Sees("CALL_CLOSED")
			n.eventually("no call is left", 5*time.Second, func() bool { return n.Rows("calls") == 0 })

			hears(t, alice, e)
			hears(t, bob, highA)
		})
	}
}

// hears checks that what a phone received is a pure tone.
func hears(t *testing.T, b *Baresip, hertz float64) {
	t.Helper()
	w, err := b.heard()
	if err != nil {
		t.Error(err)
		return
	}
	if got := w.frequency(); math.Abs(got-hertz) > 5 {
		t.Errorf("%s hears %.1f Hz, want %.0f Hz", b.user, got, hertz)
	}
	if got := w.share(hertz); got < 0.9 {
		t.Errorf("%s hears %.0f Hz with %.2f of the energy, want nearly all", b.user, hertz, got)
	}
}
