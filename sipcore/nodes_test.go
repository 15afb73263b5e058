package sipcore_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"
)

func TestACallAcrossNodes(t *testing.T) {
	for _, tt := range []struct {
		name         string
		callerHangUp bool
		from, to     string
	}{
		{"the caller hangs up", true, "tcp", "tcp"},
		{"the callee hangs up", false, "tcp", "tcp"},
		{"the caller hangs up, UDP", true, "udp", "udp"},
		{"the callee hangs up, UDP to TCP", false, "udp", "tcp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phoneOver(tt.from, "alice", "a"), w.nodes["hardy"].phoneOver(tt.to, "bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			from, to := connect(alice, bob)

			if n, m := w.nodes["laurel"].calls.Count(), w.nodes["hardy"].calls.Count(); n != 1 || m != 0 {
				t.Errorf("got %d calls at the caller's node and %d at the other, want 1, 0", n, m)
			}
			for _, s := range []*side{from, to} { // a re-INVITE from either side
				other := to
				if s == to {
					other = from
				}
				s.within("INVITE")
				again := other.gets("INVITE")
				other.replies(again, 200)
				s.gets("200")
				s.within("ACK")
				other.gets("ACK")
			}
			if tt.callerHangUp {
				hangsUp(from, to)
			} else {
				hangsUp(to, from)
			}
			eventually(t, "no call is left", func() bool { return w.nodes["laurel"].calls.Count() == 0 })
		})
	}
}

func TestWhatAPhoneSeesOfNodes(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	alice.invites("bob")
	invite := bob.gets("INVITE")
	isClean(t, invite)
	if got := invite.URI(); got != bob.contact() {
		t.Errorf("Request-URI: got %s, want %s", got, bob.contact())
	}
	bob.replies(invite, 486)
	bob.gets("ACK")
	refusal := alice.gets("486")
	if len(refusal.All("Via")) != 1 {
		t.Errorf("the caller sees:\n%s", refusal)
	}
}

// A caller who is not registered has no binding to be found by: what leads back

// to him is the address of the node that wrote the token.

func TestACallerWithoutABinding(t *testing.T) {
	for _, over := range []string{"tcp", "udp"} {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].stranger(over, "alice"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			invite := alice.invites("bob")
			if over == "tcp" {
				alice.isChallenged(invite)
			}
			rings := bob.gets("INVITE")
			if rings.Has("Proxy-Authorization") {
				t.Errorf("credentials go on:\n%s", rings)
			}
			answer := bob.replies(rings, 200)
			from, to := alice.calling(alice.gets("200")), bob.called(rings, answer)
			from.within("ACK")
			bob.gets("ACK")
			hangsUp(to, from)
		})
	}
}

func TestCancelAcrossNodes(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	invite := alice.invites("bob")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	cancel := invite.Clone()
	cancel.Start = strings.Replace(cancel.Start, "INVITE", "CANCEL", 1)
	cancel.Set("CSeq", strings.Replace(cancel.Get("CSeq"), "INVITE", "CANCEL", 1))
	cancel.Drop("Content-Type")
	cancel.Body = ""
	alice.send(cancel)
	alice.gets("200")
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	alice.gets("487")
	bob.gets("ACK")
}

func TestAForkOverTwoNodes(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	alice := w.nodes["laurel"].phone("alice", "a")
	desk, home := w.nodes["hardy"].phone("bob", "desk"), w.nodes["stan"].phone("bob", "home")
	w.nodes["laurel"].knows("bob", "hardy", "stan")
	alice.invites("bob")
	one, two := desk.gets("INVITE"), home.gets("INVITE")
	desk.replies(one, 180)
	home.replies(two, 180)
	alice.gets("180")
	alice.gets("180")
	answer := home.replies(two, 200)
	from, to := alice.calling(alice.gets("200")), home.called(two, answer)
	from.within("ACK")
	home.gets("ACK")
	cancel := desk.gets("CANCEL")
	if got := cancel.Get("Reason"); !strings.Contains(got, "Call completed elsewhere") {
		t.Errorf("Reason of the CANCEL: got %q", got)
	}
	desk.replies(cancel, 200)
	desk.replies(one, 487)
	desk.gets("ACK")
	hangsUp(to, from)
}

// A node that wakes up after it was passed over finds the INVITE and the end of

// the connection: the phone rings no longer than that takes.

func TestThePhoneMovesInMidCall(t *testing.T) {
	for _, tt := range []struct{ name, to string }{
		{"to a third node", "stan"}, {"to the node of the other", "laurel"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy", "stan")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			from, to := connect(alice, bob)
			w.nodes[tt.to].knows("bob", "hardy")
			w.nodes[tt.to].knows("alice", "laurel")
			w.nodes["hardy"].stop()
			bob.moves(w.nodes[tt.to])
			w.nodes["laurel"].knows("bob", tt.to)

			from.within("INVITE") // finds him where he is
			again := bob.gets("INVITE")
			bob.replies(again, 200)
			from.gets("200")
			from.within("ACK")
			bob.gets("ACK")
			hangsUp(to, from) // and he finds her
		})
	}
}

// TestTheCallerMovesInMidCall: the node where the call began is not on its way
// any more, and hears of its end.
func TestTheCallerMovesInMidCall(t *testing.T) {
	for _, tt := range []struct {
		name                       string
		calleeMoves, callerHangsUp bool
	}{
		{"the caller hangs up", false, true},
		{"the callee hangs up", false, false},
		{"the callee moves too, the caller hangs up", true, true},
		{"the callee moves too and hangs up", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy", "stan")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			w.nodes["stan"].knows("alice", "laurel")
			w.nodes["stan"].knows("bob", "hardy")
			from, to := connect(alice, bob)
			alice.moves(w.nodes["stan"])
			w.nodes["hardy"].knows("alice", "stan")
			if tt.calleeMoves {
				bob.moves(w.nodes["stan"])
				w.nodes["stan"].knows("bob", "stan")
			}
			if n := w.nodes["laurel"].calls.Count(); n != 1 {
				t.Errorf("got %d calls where it began, want 1", n)
			}
			if tt.callerHangsUp {
				hangsUp(from, to)
			} else {
				hangsUp(to, from)
			}
			eventually(t, "no call is left", func() bool { return w.nodes["laurel"].calls.Count() == 0 })
			for name, s := range w.nodes {
				if n := s.calls.Count(); n != 0 {
					t.Errorf("%s has %d calls", name, n)
				}
			}
		})
	}
}

// TestAPhoneUnregistersAtAnotherNode: the one that has its binding drops it.
func TestAPhoneUnregistersAtAnotherNode(t *testing.T) {
	for _, how := range []string{"its Contact", "all Contacts"} {
		t.Run(how, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			contact := "<" + bob.contact() + ">;+sip.instance=\"<urn:x:b>\""
			if how == "all Contacts" {
				contact = "*"
			}
			bob.connects(w.nodes["laurel"])
			m := bob.request("REGISTER", "sip:"+domain, "<sip:bob@"+domain+">", rand.Text())
			m.Add("Contact", contact)
			m.Add("Expires", "0")
			bob.send(m)
			bob.proves(m, "Authorization", bob.gets("401").Get("WWW-Authenticate"))
			if got := bob.gets("200"); got.Has("Contact") {
				t.Errorf("he is still registered: %s", got)
			}
			w.nodes["laurel"].knows("bob")
			w.nodes["hardy"].knows("bob")
			if _, left := w.nodes["hardy"].bindings.Own("bob\x1furn:x:b"); left {
				t.Error("its node keeps it")
			}
			alice.invites("bob")
			alice.gets("480")
			bob.moves(w.nodes["hardy"])
			w.nodes["laurel"].knows("bob", "hardy")
			from, to := connect(alice, bob)
			hangsUp(from, to)
		})
	}
}

func TestAnOldTaleOfWhereAPhoneIs(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	w.mu.Lock()
	w.nodes["laurel"].deaf = true
	w.mu.Unlock()
	w.nodes["stan"].knows("bob", "hardy")
	bob.moves(w.nodes["stan"])
	w.nodes["hardy"].knows("bob", "stan")
	alice.invites("bob")
	alice.gets("480") // at once, and hardy asks nobody else
	if n := len(w.nodes["laurel"].bindings.Of("bob")); n != 1 {
		t.Errorf("laurel knows %d phones", n)
	}
	bob.hearsNothing(50 * time.Millisecond)
}

// Symptom: the first call after a node restarted failed, because its old

// connection was taken for open.

// A caller whose node is dead is called back past it, where its Contact says.

func TestTwoPhonesOfOneUserAtOneNode(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice := w.nodes["laurel"].phone("alice", "a")
	desk, soft := w.nodes["hardy"].phone("bob", "desk"), w.nodes["hardy"].phoneOver("udp", "bob", "soft")
	w.nodes["laurel"].knows("bob", "hardy", "hardy")
	alice.invites("bob")
	one, two := desk.gets("INVITE"), soft.gets("INVITE")
	soft.replies(two, 486)
	soft.gets("ACK")
	answer := desk.replies(one, 200)
	from, to := alice.calling(alice.gets("200")), desk.called(one, answer)
	from.within("ACK")
	desk.gets("ACK")
	hangsUp(from, to)
}
