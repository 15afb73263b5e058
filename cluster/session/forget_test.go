package session

import (
	"slices"
	"testing"
	"time"
)

// TestForget: what a node said that was removed is passed on to nobody, and a new
// node of its name begins from nothing.
func TestForget(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		h.nodes["namur"].reg.Set("301", []byte("a"))
		h.nodes["namur"].reg.Set("302", []byte("b"))
		h.nodes["mons"].reg.Set("201", []byte("c"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"namur/reg/301": "a", "namur/reg/302": "b", "mons/reg/201": "c"})

		h.nodes["namur"].stop()
		delete(h.nodes, "namur")
		for _, main := range []string{"m1", "m2"} {
			h.setPeers(main, slices.DeleteFunc(h.peersOf(main), func(p Peer) bool { return p.Node == "namur" })...)
			h.setPeers(main, append(h.peersOf(main), Peer{Node: "liege", Relay: true})...)
		}
		h.setPeers("liege", Peer{Node: "m1"}, Peer{Node: "m2"})
		for _, x := range h.nodes {
			x.Forget("namur")
			x.Kick()
			clear(x.knows) // as the table does
		}
		h.start("liege", 1)
		time.Sleep(stable + 3*time.Second)
		liege := h.nodes["liege"]
		liege.mu.Lock()
		if len(liege.knows) != 1 || liege.knows["mons/reg/201"] != "c" {
			t.Errorf("a new node hears %v, want what mons says alone", liege.knows)
		}
		clear(liege.knows)
		liege.mu.Unlock()

		for _, main := range []string{"m1", "m2"} {
			h.setPeers(main, append(h.peersOf(main), Peer{Node: "namur", Relay: true})...)
			h.nodes[main].Kick()
		}
		h.start("namur", 1)
		h.nodes["namur"].reg.Set("301", []byte("d"))
		time.Sleep(3 * time.Second) // it is heard before it is expected
		for _, x := range h.nodes {
			x.Expect("namur")
		}
		time.Sleep(stable + 3*time.Second)
		h.nodes["namur"].mu.Lock()
		clear(h.nodes["namur"].knows) // of mons
		h.nodes["namur"].mu.Unlock()
		h.wants(map[string]string{"namur/reg/301": "d"})
	})
}

// TestForgottenForGood: a main that has not heard yet that a node is gone does not
// bring back what it said.
func TestForgottenForGood(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		h.nodes["namur"].reg.Set("301", []byte("a"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"namur/reg/301": "a"})
		h.nodes["namur"].stop()
		delete(h.nodes, "namur")
		mons := h.nodes["mons"]
		mons.Forget("namur")
		clear(mons.knows)
		for _, main := range []string{"m1", "m2"} { // one of them was not primary
			h.setPeers("mons", Peer{Node: main})
			mons.Kick()
			time.Sleep(stable + 3*time.Second)
		}
		h.nodes["m1"].reg.Set("101", []byte("b")) // it does hear what others say
		h.nodes["m2"].reg.Set("102", []byte("c"))
		time.Sleep(3 * time.Second)
		mons.mu.Lock()
		defer mons.mu.Unlock()
		if mons.knows["namur/reg/301"] != "" || mons.knows["m2/reg/102"] != "c" {
			t.Errorf("it knows %v, want what m2 says and nothing of namur", mons.knows)
		}
	})
}
