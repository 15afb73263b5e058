package sipcore_test

import (
	"testing"
	"time"
)

// flow registers one of the flows of a phone of bob (RFC 5626).
func (s *station) flow(device string, regID int) *phone {
	s.town.t.Helper()
	p := s.stranger("tcp", "bob")
	p.device, p.regID = device, regID
	p.registers()
	return p
}

// TestAPhoneWithTwoFlows: it is called by the flow that it used last, and by the
// other one only when that has failed (RFC 5626 section 7).
func TestAPhoneWithTwoFlows(t *testing.T) {
	for _, tt := range []struct {
		name  string
		other bool // the other flow is tried
		first func(newest *phone)
	}{
		{"it is busy", false, func(p *phone) {
			p.replies(p.gets("INVITE"), 486)
			p.gets("ACK")
		}},
		{"a proxy on the way says that the flow has failed", true, func(p *phone) {
			p.replies(p.gets("INVITE"), 430)
			p.gets("ACK")
		}},
		{"the connection breaks under the INVITE", true, func(p *phone) {
			p.gets("INVITE")
			_ = p.conn.Close()
		}},
		{"the connection breaks while it rings", false, func(p *phone) {
			p.replies(p.gets("INVITE"), 180)
			_ = p.conn.Close()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel")
			s := w.nodes["laurel"]
			alice := s.phone("alice", "a")
			older := s.flow("b", 1)
			newest := s.flow("b", 2)
			alice.invites("bob")
			tt.first(newest)
			if !tt.other {
				older.hearsNothing(200 * time.Millisecond)
				return
			}
			older.replies(older.gets("INVITE"), 486)
			older.gets("ACK")
			alice.gets("486")
		})
	}
}

// TestTheFlowsOfTwoPhones: two phones of one user ring both, each by one flow,
// also when they are at two nodes.
func TestTheFlowsOfTwoPhones(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	laurel, hardy := w.nodes["laurel"], w.nodes["hardy"]
	alice := laurel.phone("alice", "a")
	far := hardy.flow("desk", 1)
	laurel.knows("bob", "hardy")
	desk, cell := laurel.flow("desk", 2), laurel.flow("cell", 1)
	alice.invites("bob")
	invite := desk.gets("INVITE")
	cell.replies(cell.gets("INVITE"), 486)
	cell.gets("ACK")
	far.hearsNothing(200 * time.Millisecond)
	desk.replies(invite, 430)
	desk.gets("ACK")
	far.replies(far.gets("INVITE"), 480)
	far.gets("ACK")
	alice.gets("486")
}

// TestACallGoesOnByTheOtherFlow: a request inside a call reaches a phone that
// has lost the connection on which the call came, and has another.
func TestACallGoesOnByTheOtherFlow(t *testing.T) {
	w := newTown(t, "laurel")
	s := w.nodes["laurel"]
	alice := s.phone("alice", "a")
	older := s.flow("b", 1)
	newest := s.flow("b", 2)
	from, to := connect(alice, newest)
	_ = newest.conn.Close()
	eventually(t, "the node sees that the flow is gone", func() bool {
		up := 0
		for _, b := range s.bindings.Of("bob") {
			if b.Flow != 0 {
				up++
			}
		}
		return up == 1
	})
	to.phone = older
	hangsUp(from, to)
}

// TestOwnOtherFlowDoesNotRing: who calls his own number from a phone with two
// flows does not hear it ring by the other one.
func TestOwnOtherFlowDoesNotRing(t *testing.T) {
	w := newTown(t, "laurel")
	s := w.nodes["laurel"]
	one := s.flow("b", 1)
	two := s.flow("b", 2)
	cell := s.phone("bob", "cell")
	one.invites("bob")
	cell.replies(cell.gets("INVITE"), 486)
	cell.gets("ACK")
	one.gets("486")
	two.hearsNothing(100 * time.Millisecond)
}
