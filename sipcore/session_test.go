package sipcore_test

import (
	"testing"
	"time"
)

// TestASessionTimerAcrossNodes: the caller's node keeps the call and asks for
// the timer; a refresh by the phone at the other node reaches it there.
func TestASessionTimerAcrossNodes(t *testing.T) {
	w := newTown(t, "hardy", "laurel")
	alice, bob := w.nodes["laurel"].phone("alice", "desk"), w.nodes["hardy"].phone("bob", "desk")
	w.nodes["laurel"].knows("bob", "hardy")
	alice.invites("bob")
	invite := bob.gets("INVITE")
	if got := invite.All("Session-Expires"); len(got) != 1 || got[0] != "1800" {
		t.Errorf("the callee is asked for a session of %q, want 1800", got)
	}
	ok := invite.Reply(200, "OK", bob.tag)
	ok.Add("Contact", "<"+bob.contact()+">")
	ok.Add("Session-Expires", "600;refresher=uas")
	bob.send(ok)
	from, to := alice.calling(alice.gets("200")), bob.called(invite, ok)
	from.within("ACK")
	bob.gets("ACK")
	w.nodes["laurel"].lasts(600 * time.Second)

	refresh := to.inside("UPDATE")
	refresh.Add("Session-Expires", "900;refresher=uac")
	refresh.Add("Supported", "timer")
	to.send(refresh)
	alice.replies(alice.gets("UPDATE"), 200)
	if got := bob.gets("200").Get("Session-Expires"); got != "900;refresher=uac" {
		t.Errorf("the refresher is told %q, want 900;refresher=uac", got)
	}
	w.nodes["laurel"].lasts(900 * time.Second)
	hangsUp(from, to)
}

// lasts waits until the one call of a node lasts so long from now, unless it is
// refreshed.
func (s *station) lasts(want time.Duration) {
	s.town.t.Helper()
	eventually(s.town.t, "the call lasts "+want.String(), func() bool {
		all := s.calls.All()
		return len(all) == 1 && time.Until(all[0].Expires).Round(10*time.Second) == want
	})
}
