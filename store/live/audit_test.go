package live

import (
	"fmt"
	"testing"
	"time"
)

// TestAuditHealsWhatWasLearned: a thousand rows of other nodes' calls that are wrong, each
// in one of the ways there are, are right after one look, and watchers are told.
func TestAuditHealsWhatWasLearned(t *testing.T) {
	d := NewDialogs("laurel", carillon, nil)
	for i := range 600 {
		node := []string{"hardy", "harold"}[i%2]
		c := &Call{ID: fmt.Sprintf("c%d\x00a", i), CallID: fmt.Sprintf("c%d", i), From: fmt.Sprint(1000 + i), To: fmt.Sprint(2000 + i), State: Ringing, Node: node, Since: time.Unix(1_800_000_000, 0)}
		for j, user := range []string{c.From, c.To} {
			c.Sides = append(c.Sides, &Side{Dialog: Dialog{User: user, Call: c.ID, CallID: c.CallID, Direction: DialogDirection(1 + j), State: Early}})
		}
		if err := d.Learn(node, fmt.Sprint(i), c.appendTalk(nil, everybody)); err != nil {
			t.Fatal(err)
		}
	}
	d.SetNodeAlive("harold", false)
	d.Over("c599", "a", "")
	text := func() string { return fmt.Sprint(sorted(d.All())) }
	right, planted := text(), 0
	if got := d.Audit(); got != 0 {
		t.Fatalf("%d are wrong before anything is", got)
	}
	told := make(map[string]int)
	d.Watch(func(user string) { told[user]++ })
	for node, talks := range d.theirs {
		for key, x := range talks {
			var i int
			_, _ = fmt.Sscan(key, &i)
			switch {
			case i >= 500 || x.hidden:
			case i%5 < 2: // dark with a call
				d.shard(x.sides[0].User).list(&x.sides[0], false)
				d.shard(x.sides[1].User).list(&x.sides[1], false)
				planted += 2
			case i%5 == 2 && node == "hardy": // not shown, though its node is heard
				d.showLocked(x, &talk{})
				planted += 2
			default: // lit without one
				for j := range x.sides {
					s := &Side{Dialog: x.sides[j].Dialog}
					s.Call = "none"
					d.shard(s.User).list(s, true)
					planted++
				}
			}
		}
	}
	clear(told)
	if got := d.Audit(); got != planted || planted != 1000 || len(told) != planted {
		t.Errorf("%d are wrong, and %d told, want %d of 1000", got, len(told), planted)
	}
	if got := text(); got != right {
		t.Error("they are not as they were")
	}
	if got := d.Audit(); got != 0 {
		t.Errorf("and then %d are wrong still", got)
	}
	d.Forget("harold")
	d.Forget("hardy")
	if all := d.All(); len(all) != 0 || d.Audit() != 0 {
		t.Errorf("%d are left of nodes that are forgotten", len(all))
	}
}
