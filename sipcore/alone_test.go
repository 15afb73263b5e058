package sipcore_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"carillon/store"
)

// islands are sites whose LifeGUARDs hear no main: one phone, one carrier each.
type islands struct {
	*town
	names    []string
	phones   map[string]*phone
	carriers map[string]*phone
}

func newIslands(t *testing.T, n int) *islands {
	t.Helper()
	w := &islands{town: newTown(t), phones: make(map[string]*phone), carriers: make(map[string]*phone)}
	c := w.view.Config()
	c.Sites, c.Users = []store.Site{{Name: "hq"}}, nil
	c.Nodes = []store.Node{{Name: "main", Role: store.Main, Site: "hq"}}
	at := make(map[string]netip.Addr)
	for i := range n {
		name := fmt.Sprintf("site%d", i+1)
		w.names, at[name] = append(w.names, name), address()
		c.Sites = append(c.Sites, store.Site{Name: name})
		c.Users = append(c.Users, user(name, name, fmt.Sprintf("+3265%d", 551200+i)))
		c.Nodes = append(c.Nodes, store.Node{Name: name, Role: store.Lifeguard, Site: name})
	}
	w.view = store.NewView(c)
	for _, name := range w.names {
		s := w.open(name, address())
		s.isFar()
		s.alone.Store(true)
		s.bindings.SetNodeAlive("main", false)
		w.carriers[name] = s.carrier(name, at[name])
		c.Trunks = append(c.Trunks, store.Trunk{Name: name, Site: name, Address: w.carriers[name].conn.Local().String()})
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.nodes {
		s.store.Publish(store.NewView(c).At(1))
	}
	for _, name := range w.names {
		w.phones[name] = w.nodes[name].phone(name, "p")
	}
	for _, name := range w.names {
		for _, other := range w.names {
			w.nodes[name].knows(other, other)
		}
	}
	return w
}

func (w *islands) pairs(f func(from, to string)) (n int) {
	for _, from := range w.names {
		for _, to := range w.names {
			if from != to {
				f(from, to)
				n++
			}
		}
	}
	return n
}

// cut ends the line between two sites.
func (w *islands) cut(a, b string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[[2]string{a, b}], w.lines[[2]string{b, a}] = refused, refused
}

// TestEightSitesWithoutMains: each calls each from LifeGUARD to LifeGUARD, and with
// the line between them cut the same calls arrive through the carrier.
func TestEightSitesWithoutMains(t *testing.T) {
	t.Run("over the lines", func(t *testing.T) {
		w := newIslands(t, 8)
		connected := w.pairs(func(from, to string) { hangsUp(connect(w.phones[from], w.phones[to])) })
		if connected != 56 {
			t.Errorf("%d of 56 pairs connect", connected)
		}
		for _, c := range w.carriers {
			c.hearsNothing(0)
		}
	})
	t.Run("through the carrier", func(t *testing.T) {
		w := newIslands(t, 8)
		w.pairs(w.cut)
		connected := w.pairs(func(from, to string) {
			caller, callee := w.phones[from], w.phones[to]
			caller.invites(to)
			out := w.carriers[from].gets("INVITE")
			number, _, _ := strings.Cut(strings.TrimPrefix(out.URI(), "sip:"), "@")
			w.carriers[to].asksFor("INVITE", number) // the carriers know whose number it is
			rings := callee.gets("INVITE")
			answer := callee.replies(rings, 200)
			in, there := w.carriers[to].calling(w.carriers[to].gets("200")), callee.called(rings, answer)
			in.within("ACK")
			callee.gets("ACK")

			answer = w.carriers[from].replies(out, 200)
			here, outside := caller.calling(caller.gets("200")), w.carriers[from].called(out, answer)
			here.within("ACK")
			w.carriers[from].gets("ACK")
			hangsUp(here, outside)
			hangsUp(in, there)
		})
		if connected != 56 {
			t.Errorf("%d of 56 pairs connect", connected)
		}
	})
}
