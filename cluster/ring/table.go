package ring

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"carillon/cluster"
	"carillon/cluster/link"
)

// The states of a member.
const (
	alive   = "alive"
	suspect = "suspect"
	dead    = "dead"
	left    = "left"
)

// A table is what the rings have seen. A node in several rings has a row for
// each.
type table struct {
	watchers []func([]cluster.Member)
	news     chan struct{}

	mu   sync.Mutex
	rows map[string]map[string]row // by ring and node
}

type row struct {
	cluster.Member
	bye bool // it said that it leaves
}

func newTable() *table {
	return &table{news: make(chan struct{}, 1), rows: map[string]map[string]row{}}
}

// seen is what an event says of a node.
func seen(n *memberlist.Node, state string) cluster.Member {
	m := cluster.Member{Name: n.Name, Address: addressOf(n), State: state}
	if says, err := decodeNote(n.Meta); err == nil {
		m.Site, m.Role, m.Version = says.site, says.role, says.version
	}
	return m
}

// change replaces the row of a node in a ring by what f makes of it; f says
// whether there is anything new.
func (t *table) change(ring, node string, f func(old row, known bool) (row, bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, known := t.rows[ring][node]
	now, is := f(old, known)
	if !is {
		return
	}
	if !known || old.State != now.State {
		now.Since = time.Now()
	}
	if t.rows[ring] == nil {
		t.rows[ring] = map[string]row{}
	}
	t.rows[ring][node] = now
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// set records an event. Who said good-bye and is gone has left.
func (t *table) set(ring string, m cluster.Member) {
	t.change(ring, m.Name, func(old row, _ bool) (row, bool) {
		m.Since = old.Since
		if m.State == dead && old.bye {
			m.State = left
		}
		return row{Member: m, bye: m.State == left}, true
	})
}

// goodbye records that a node is about to leave, or why it is gone.
func (t *table) goodbye(ring, node string) {
	t.change(ring, node, func(old row, known bool) (row, bool) {
		old.bye = true
		if old.State == dead {
			old.State = left
		}
		return old, known
	})
}

// doubt records that a node does not answer.
func (t *table) doubt(ring, node string) { t.turn(ring, node, alive, suspect) }

// trust records that somebody says that a node is alive.
func (t *table) trust(ring, node string) { t.turn(ring, node, suspect, alive) }

func (t *table) turn(ring, node, from, to string) {
	t.change(ring, node, func(old row, known bool) (row, bool) {
		is := known && old.State == from
		old.State = to
		return old, is
	})
}

// expect lists seeds that were never heard of.
func (t *table) expect(ring string, seeds []Seed) {
	for _, s := range seeds {
		t.change(ring, s.Node, func(_ row, known bool) (row, bool) {
			return row{Member: cluster.Member{Name: s.Node, Site: s.Site, Role: s.Role, Address: s.Address, State: dead}}, !known
		})
	}
}

// forget drops a ring.
func (t *table) forget(ring string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, ring)
}

// list joins the rings. Of a main the core ring says most, of others their own
// site's.
func (t *table) list() []cluster.Member {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]cluster.Member{}
	for _, ring := range slices.Sorted(maps.Keys(t.rows)) { // sites first, core last: it has the last word
		for name, r := range t.rows[ring] {
			_, known := all[name]
			if !known || ring == core || ring == siteRing(r.Site) && r.Role != string(link.Main) {
				all[name] = r.Member
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b cluster.Member) int { return cmp.Compare(a.Name, b.Name) })
}

// tell has the watchers called until ctx ends.
func (t *table) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.news:
		}
		all := t.list()
		for _, f := range t.watchers {
			f(all)
		}
	}
}
