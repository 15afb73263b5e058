package node

import (
	"time"

	"carillon/node/admin"
	"carillon/store/live"
)

// A toll is what a drill costs the phones of its site, as this node sees it, and notes
// it in the drill's report.
type toll struct {
	*drill

	site   string
	nodes  map[string]bool // of the site
	before map[string]int  // phones of the site that could be called, wherever registered, by user
}

// counts begins to count.
func (d *drill) counts(r *rehearsal) *toll {
	t := &toll{drill: d, site: r.Site, nodes: map[string]bool{}}
	inside, _ := d.inside(r.Site)
	for _, n := range inside {
		t.nodes[n.Name] = true
	}
	t.before = t.phones(nil)
	within, beyond := 0, 0
	for _, c := range d.calls.All() {
		if c.State == live.Up && t.concerns(c) {
			if t.isWithin(c) {
				within++
			} else {
				beyond++
			}
		}
	}
	d.note(func(n *admin.DrillNode) {
		n.Calls, n.Beyond = within, beyond
		if r.inside {
			n.Phones = sumOf(t.before)
		}
	})
	d.calls.Watch(t.loses)
	return t
}

func (t *toll) over() { t.calls.Watch(nil) }

// loses notes a call that does not end well.
func (t *toll) loses(c live.Call, how live.Ending) {
	if !t.concerns(c) {
		return
	}
	t.note(func(n *admin.DrillNode) {
		switch {
		case how == live.Failed:
			n.Refused++
		case t.isWithin(c):
			n.Lost++
		default:
			n.BeyondLost++
		}
	})
}

// concerns reports whether a phone of the site takes part in a call, or rings.
func (t *toll) concerns(c live.Call) bool { return t.before[c.From] > 0 || t.before[c.To] > 0 }

// isWithin reports whether both phones of a call are of the site.
func (t *toll) isWithin(c live.Call) bool { return t.before[c.From] > 0 && t.before[c.To] > 0 }

// phonesNow notes how many phones there are in the end.
func (t *toll) phonesNow() {
	if !t.nodes[t.self().Name] {
		return
	}
	here, dropped := sumOf(t.phones(t.nodes)), missing(t.before, t.phones(nil))
	t.note(func(n *admin.DrillNode) { n.Here, n.Dropped = here, dropped })
}

// phones counts those of the site that can be called, by user: registered at some
// nodes, or wherever they are.
func (t *toll) phones(at map[string]bool) map[string]int {
	count := make(map[string]int)
	now := time.Now()
	for _, x := range t.bindings.All() {
		if x.Site == t.site && (at == nil || at[x.Node]) && x.State(now) == live.BindingUp && !x.Refused {
			count[x.User]++
		}
	}
	return count
}

func sumOf(count map[string]int) (sum int) {
	for _, n := range count {
		sum += n
	}
	return sum
}

// missing counts the phones that there were and are not.
func missing(before, after map[string]int) (count int) {
	for user, n := range before {
		count += max(0, n-after[user])
	}
	return count
}
