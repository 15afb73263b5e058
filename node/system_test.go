package node

import (
	"testing"
	"time"

	"carillon/cluster"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/store"
)

// TestStateOfAMember: a link says sooner than a ring who is there; without either
// nothing is known yet.
func TestStateOfAMember(t *testing.T) {
	l := links{}
	l.say(session.Up, time.Minute, "hardy")
	l.say(session.Down, time.Minute, "mons")
	for _, tt := range []struct{ node, ring, want string }{
		{"hardy", alive, alive},
		{"hardy", suspect, alive},
		{"hardy", dead, alive},
		{"mons", alive, suspect},
		{"mons", suspect, suspect},
		{"mons", dead, dead},
		{"mons", "left", "left"},
		{"namur", alive, alive},
		{"namur", dead, dead},
	} {
		if got, _ := soonerByLink(cluster.Member{Name: tt.node, State: tt.ring}, l.list()); got != tt.want {
			t.Errorf("%s is %s in the ring: got %s, want %s", tt.node, tt.ring, got, tt.want)
		}
	}
	s := &system{peers: &peers{links: l.list}, started: time.Now()}
	for node, want := range map[string]string{"hardy": alive, "mons": dead, "namur": suspect} {
		if got, _ := s.byLink(node); got != want {
			t.Errorf("%s, in no ring: got %s, want %s", node, got, want)
		}
	}
}

// TestOthersAreToldByAMain: a node that is no main believes a main about those
// that are not in its own ring, and itself about itself.
func TestOthersAreToldByAMain(t *testing.T) {
	m, _, _ := member(t, someNodes()...)
	s := &system{self: func() store.Node { return written("mons", RoleLifeguard, "mons") }, rings: m.rings}
	rows := []admin.Member{{Name: "mons", State: alive}, {Name: "namur", State: suspect}}
	told := []admin.Member{{Name: "mons", State: dead}, {Name: "namur", State: dead}, {Name: "stan", State: alive}}
	got := s.completed(rows, told)
	if len(got) != 2 || got[0].State != alive || got[1].State != dead {
		t.Errorf("got %+v, want mons alive and namur dead", got)
	}
}
