package sipcore_test

import "testing"

// apart are three nodes of three sites, each told of a call's sides apart: stan's learns
// that bob's phone rings, and not that alice is in a call.
func apart(t *testing.T) (w *town, alice, bob *phone) {
	t.Helper()
	w = newTown(t, "laurel", "hardy", "stan")
	alice, bob = w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	for _, s := range w.nodes {
		s.dialogs.Divide(func(user string) string { return "site of " + user })
		s.knows("alice", "laurel")
		s.knows("bob", "hardy")
	}
	w.hears = func(node, site string) bool { return node != "stan" || site != "site of alice" }
	return w, alice, bob
}

// TestPickupAtAThirdSite: what it was told of the call names the caller a user, and his
// lamps are lit by the call that takes its place.
func TestPickupAtAThirdSite(t *testing.T) {
	w, alice, bob := apart(t)
	carol := w.nodes["stan"].phone("carol", "c")
	for _, s := range w.nodes {
		s.knows("carol", "stan")
	}
	mine := alice.invitesWith("bob", "Supported", "timer, replaces")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	carol.at.isRinging("bob")
	carol.invites("**bob")
	invite := alice.gets("INVITE")
	answer := alice.replies(invite, 200)
	from, to := carol.calling(carol.gets("200")), alice.called(invite, answer)
	from.within("ACK")
	alice.gets("ACK")
	bob.stopsRinging(rings)
	alice.send(ackOf(mine, alice.gets("487")))
	eventually(t, "alice talks, where the call is", func() bool { return len(w.nodes["stan"].dialogs.Of("alice")) == 1 })
	hangsUp(to, from)
	w.noCallIsLeft()
}

// TestNobodyPicksUpHisOwnCall, not from another site either.
func TestNobodyPicksUpHisOwnCall(t *testing.T) {
	w, alice, bob := apart(t)
	there := w.nodes["stan"].phone("alice", "there")
	mine := alice.invites("bob")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	there.at.isRinging("bob")
	wants := there.invites("**bob")
	there.send(ackOf(wants, there.gets("403")))
	alice.send(cancelOf(mine))
	alice.gets("200")
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	bob.gets("ACK")
	alice.send(ackOf(mine, alice.gets("487")))
	w.noCallIsLeft()
}
