package lab

import (
	"testing"
	"time"

	"carillon/test/tool"
)

// TestPhoneOfAKilledNodeIsReached: a branch has no node any more, but its phone is
// there: it is called past the node at its Contact, from the head office at once and
// from another branch, which knows no more than where it was, through a main.
func TestPhoneOfAKilledNodeIsReached(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	baresip := tool.Need(t, "baresip", "baresip-core")
	s := OpenSystem(t, twoMains(), []string{"bob", "hq000", "hq001", "namur000"})
	bob := StartBaresip(t, baresip, s.Host("mons", "mons-phone"), s.nodes["mons-node"], "bob", "udp", 440)
	callers := []*Deskphone{
		s.Deskphone("hq", "laurel", "hq000"), s.Deskphone("hq", "hardy", "hq001"), s.Deskphone("namur", "namur-node", "namur000"),
	}
	s.know([]string{"bob", "hq000", "hq001", "namur000"}, 10*time.Second)

	s.nodes["mons-node"].kill()
	for _, p := range callers {
		began := time.Now()
		call, err := p.invites("bob")
		if err != nil {
			t.Fatal(err)
		}
		bob.Sees("CALL_INCOMING")
		took := time.Since(began)
		bob.Does("accept", "")
		answer, err := call.answered()
		if err != nil || answer.Status() != 200 {
			t.Fatalf("%s calls bob: got %s, %v, want 200", p.user, answer.Start, err)
		}
		bob.Sees("CALL_ESTABLISHED")
		t.Logf("it rings %v after %s has dialled", took.Round(time.Millisecond), p.user)
		if err := endsBy(p.user == "namur000", bob, call); err != nil {
			t.Error(err)
		}
	}
}

// endsBy ends a call by either side.
func endsBy(callee bool, bob *Baresip, call *Side) error {
	defer bob.Sees("CALL_CLOSED")
	if !callee {
		bye, err := call.hangsUp()
		if err != nil {
			return err
		}
		return call.farewell(bye)
	}
	bob.Does("hangup", "")
	bye, err := call.sees("BYE")
	if err != nil {
		return err
	}
	return call.phone.send(bye.Reply(200, "OK", ""))
}
