package session

import (
	"testing"
	"time"
)

// lone has LifeGUARDs keep sessions with each other too, or only with the mains.
func (h *house) lone(alone bool, guards ...string) {
	h.t.Helper()
	for _, own := range guards {
		list := []Peer{{Node: "m1", Role: roleMain}}
		for _, other := range guards {
			if alone && other != own {
				list = append(list, Peer{Node: other, Role: roleLifeguard})
			}
		}
		h.setPeers(own, list...)
		h.nodes[own].Kick()
	}
}

// When the main is gone, LifeGUARDs tell each other who is registered with them,
// until it is back: then these sessions end, and nothing is lost or left over.
func TestLifeguardsAmongThemselves(t *testing.T) {
	inHouse(t, 1, []string{"mons", "namur", "liege"}, func(h *house) {
		guards := []string{"mons", "namur", "liege"}
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Second)
		h.nodes["m1"].stop()
		delete(h.nodes, "m1")
		h.nodes["mons"].reg.Set("202", []byte("b"))
		h.nodes["mons"].reg.Delete("201")
		time.Sleep(lineDead)
		h.lone(true, guards...)
		time.Sleep(2 * redial)
		h.nodes["namur"].reg.Set("301", []byte("c"))
		time.Sleep(time.Second)
		h.wants(map[string]string{"mons/reg/202": "b", "namur/reg/301": "c"})

		// A line between two of them that is dead is so for both, and comes back.
		h.n.setBoth("mons", "namur", true)
		time.Sleep(lineDead + 2*time.Second)
		if got := h.nodes["mons"].link("namur").State; got != Down {
			t.Errorf("a line that is cut is %s", got)
		}
		h.nodes["namur"].reg.Set("302", []byte("d"))
		h.n.setBoth("mons", "namur", false)
		time.Sleep(redialLeast + redial)
		h.wants(map[string]string{"mons/reg/202": "b", "namur/reg/301": "c", "namur/reg/302": "d"})

		h.start("m1", 2)
		time.Sleep(stable)
		h.lone(false, guards...)
		h.nodes["liege"].reg.Set("401", []byte("e"))
		time.Sleep(2 * time.Second)
		h.wants(map[string]string{"mons/reg/202": "b", "namur/reg/301": "c", "namur/reg/302": "d", "liege/reg/401": "e"})
		before := h.n.traffic("mons", "namur")
		time.Sleep(time.Minute)
		if got := h.n.traffic("mons", "namur"); got != before || len(h.nodes["mons"].Links()) != 1 {
			t.Errorf("they still talk: %+v, before %+v, links %v", got, before, h.nodes["mons"].Links())
		}
	})
}

// Who is not wanted as a peer, or has no way to one, asks seldom.
func TestLifeguardsWithoutAWayAskSeldom(t *testing.T) {
	inHouse(t, 1, []string{"mons", "namur"}, func(h *house) {
		h.nodes["m1"].stop()
		delete(h.nodes, "m1")
		h.setPeers("mons", Peer{Node: "m1", Role: roleMain}, Peer{Node: "namur", Role: roleLifeguard}) // namur hears its main
		h.nodes["mons"].Kick()
		time.Sleep(5 * time.Minute)
		if got := h.n.traffic("mons", "namur"); got.writes > 16 || got.packets > 0 {
			t.Errorf("in five minutes: %+v, want one try each %v and no packet", got, redialLeast)
		}
	})
}
