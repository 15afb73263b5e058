package node

import (
	"net/netip"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/store/live"
)

// A drill tells what has become of the site's calls and phones, and of no others.
func TestToll(t *testing.T) {
	t.Parallel()
	w := branchTown(t)
	lg := w.nodes["lg"]
	d := lg.drills
	registers := func(user, site string, flow uint64) {
		lg.bindings.Put(live.Binding{
			User: user, Device: user, Node: "lg", Site: site, Contact: "sip:" + user + "@192.0.2.1", Transport: "udp", Flow: flow,
			Source: netip.MustParseAddrPort("192.0.2.1:5060"), Granted: time.Hour, Expires: time.Now().Add(time.Hour), Since: time.Now(),
		})
	}
	registers("201", "mons", 1)
	registers("202", "mons", 1)
	registers("203", "mons", 1)
	registers("301", "hq", 1)
	isOver := func(*live.Call) bool { return true }
	call := func(id, from, to, state string) {
		lg.calls.Put(live.Call{ID: id, From: from, To: to, State: state, Node: "lg"})
	}
	call("within", "201", "202", live.Up)
	call("rings", "202", "201", live.Ringing)
	call("out", "203", "301", live.Up)
	call("in", "301", "203", live.Up)
	call("foreign", "301", "302", live.Up)
	count := d.counts(&rehearsal{drillOrder: drillOrder{Site: "mons"}, inside: true})
	lg.calls.End("within", live.Unheard, isOver)
	lg.calls.End("out", live.Expired, isOver)
	lg.calls.End("rings", live.Failed, isOver)
	lg.calls.End("foreign", live.Expired, isOver)
	lg.calls.Delete("in")       // hung up
	registers("203", "mons", 0) // its flow is lost
	count.phonesNow()
	count.over()
	call("late", "201", "202", live.Up)
	lg.calls.End("late", live.Expired, isOver)
	want := admin.DrillNode{Calls: 1, Lost: 1, Beyond: 2, BeyondLost: 1, Refused: 1, Phones: 3, Here: 2, Dropped: 1}
	if d.told != want {
		t.Errorf("got  %+v\nwant %+v", d.told, want)
	}
}
