package session

import (
	"testing"
	"time"
)

// What is for one site alone travels to the mains and to that site's lifeguards,
// whoever says it, and to a lifeguard that comes to stand there.
func TestConcerns(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		for owner, channel := range map[string]string{"m1": "for/mons", "mons": "for/mons", "namur": "for/mons"} {
			h.nodes[owner].Namespace(channel).Set("201", []byte(owner))
		}
		h.nodes["m2"].Namespace("for/namur").Set("301", []byte("m2"))
		time.Sleep(time.Second)
		knows := func(name string, want int) {
			t.Helper()
			if got := h.nodes[name].count(); got != want {
				t.Errorf("%s was told of %d things, want %d", name, got, want)
			}
		}
		knows("m1", 3)    // of mons, namur and m2
		knows("m2", 3)    // of m1, mons and namur
		knows("mons", 2)  // of m1 and namur
		knows("namur", 1) // of m2

		for _, main := range []string{"m1", "m2"} {
			h.setPeers(main, Peer{Node: "m1"}, Peer{Node: "m2"}, Peer{Node: "mons", Relay: true, Site: "mons"}, Peer{Node: "namur", Relay: true, Site: "mons"})
			h.nodes[main].Kick()
		}
		time.Sleep(time.Second)
		knows("namur", 3) // of m1 and mons too
		knows("mons", 2)
	})
}

// What a node said in a channel before it was restarted is gone, also when it has
// nothing to say there since.
func TestChannelIsNotOpenedAgain(t *testing.T) {
	inHouse(t, 2, []string{"mons"}, func(h *house) {
		for _, owner := range []string{"m1", "mons"} {
			h.nodes[owner].Namespace("for/mons").Set("201", []byte(owner))
		}
		time.Sleep(time.Second)
		h.wants(map[string]string{"m1/for/mons/201": "m1", "mons/for/mons/201": "mons"})
		for _, owner := range []string{"m1", "mons"} {
			h.nodes[owner].stop()
			h.start(owner, 2)
			time.Sleep(stable + 5*time.Second)
		}
		h.wants(map[string]string{})
	})
}
