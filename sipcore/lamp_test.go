package sipcore_test

import (
	"encoding/xml"
	"slices"
	"testing"
)

// TestACallLightsALamp: who watches a desk is told that it rings, that it talks, and
// that it is free.
func TestACallLightsALamp(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice, bob, carol := at.phone("alice", "1"), at.phone("bob", "2"), at.phone("carol", "3")
	alice.watches("dialog", "bob", "600").sees("")
	carol.invites("bob")
	invite := bob.gets("INVITE")
	bob.replies(invite, 180)
	carol.gets("180")
	alice.seesOne("early")
	answer := bob.replies(invite, 200)
	from, to := carol.calling(carol.gets("200")), bob.called(invite, answer)
	from.within("ACK")
	bob.gets("ACK")
	alice.seesOne("confirmed")
	hangsUp(from, to)
	alice.seesOne("terminated")
}

// seesOne checks that a phone is told of one call in this state, once.
func (p *phone) seesOne(state string) {
	p.t.Helper()
	m := p.gets("NOTIFY")
	p.replies(m, 200)
	var info struct {
		States []string `xml:"dialog>state"`
	}
	if err := xml.Unmarshal([]byte(m.Body), &info); err != nil || !slices.Equal(info.States, []string{state}) {
		p.t.Fatalf("the phone sees %v (%v), want %s:\n%s", info.States, err, state, m.Body)
	}
}
