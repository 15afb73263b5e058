package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"carillon/test/tool"
)

// line counts what the lines between a node and its mains have carried, as IP.
func (h *house) line(node string, mains ...string) (bytes int) {
	for _, m := range mains {
		for _, way := range [][2]string{{node, m}, {m, node}} {
			x := h.n.traffic(way[0], way[1])
			bytes += x.carried + x.packetBytes + x.packets*overPacket
		}
	}
	return bytes
}

// TestRejoin: a branch of 2,000 phones was cut off for three days, in which 500 of
// them changed, some of them taking themselves off; so did phones of others. It is
// back within 3 s and 60 kB on a line of 250 kbit/s, and all know the same: what has changed travels, and
// not all that there is.
func TestRejoin(t *testing.T) {
	const mostTime, mostBytes = 3 * time.Second, 60_000
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		h.grant(250)
		mons, namur, want := h.nodes["mons"], h.nodes["namur"], map[string]string{}
		set := func(x *node, owner string, i, moves int) {
			key, value := binding(i)
			value = fmt.Appendf(value, "%d", 49152+moves*100)
			x.reg.Set(key, value)
			want[owner+"/reg/"+key] = string(value)
		}
		drop := func(x *node, owner string, i int) {
			key, _ := binding(i)
			x.reg.Delete(key)
			delete(want, owner+"/reg/"+key)
		}
		for i := range 2000 {
			set(mons, "mons", i, 0)
		}
		for i := range 200 {
			set(namur, "namur", 5000+i, 0)
		}
		time.Sleep(time.Minute)
		h.n.setBoth("mons", "m1", true)
		h.n.setBoth("mons", "m2", true)
		for day := range 3 {
			for i := range 150 {
				set(mons, "mons", 150*day+i, 1)
			}
			for i := range 17 {
				drop(mons, "mons", 1000+17*day+i)
				drop(namur, "namur", 5000+17*day+i)
				set(namur, "namur", 5100+17*day+i, 1)
			}
			time.Sleep(24 * time.Hour)
		}
		before := h.line("mons", "m1", "m2")
		h.n.setBoth("mons", "m1", false)
		h.n.setBoth("mons", "m2", false)
		began := time.Now()
		for h.differs(want) && time.Since(began) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began)
		time.Sleep(mostTime)
		h.wants(want)
		bytes := h.line("mons", "m1", "m2") - before
		soon := tool.Figure(t, "a branch that was cut off for three days has the same as the others", took.Seconds(), mostTime.Seconds(), "s")
		if !tool.Figure(t, "what that costs its line", float64(bytes), mostBytes, "B") || !soon {
			t.Error("that is more than the goal")
		}
	})
}

// differs reports whether any node does not know what is wanted yet.
func (h *house) differs(want map[string]string) bool {
	synctest.Wait()
	for name, x := range h.nodes {
		n := 0
		x.mu.Lock()
		for key, value := range want {
			if len(key) > len(name) && key[:len(name)+1] == name+"/" {
				continue
			}
			if n++; x.knows[key] != value {
				x.mu.Unlock()
				return true
			}
		}
		same := n == len(x.knows)
		x.mu.Unlock()
		if !same {
			return true
		}
	}
	return false
}
