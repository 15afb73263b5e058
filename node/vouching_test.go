package node

import "testing"

// TestAMainThatWasOffFollows: the registry is closed, and while a main was off the one
// that leads got another key. It hears of changes from that one alone, and takes it in
// because another main vouches for it.
func TestAMainThatWasOffFollows(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.join("hardy", RoleMain, "laurel")
	w.join("stan", RoleMain, "laurel")
	w.join("ollie", RoleMain, "laurel")
	w.removes("laurel", "ollie")
	for _, at := range []string{"hardy", "stan"} {
		w.eventually(at+" is closed", func() bool { return w.nodes[at].config.View().IsClosed() })
	}
	laurel := w.nodes["laurel"]
	w.eventually("three have votes", func() bool { return len(laurel.quorum.Voters()) == 3 })
	w.eventually("laurel leads", func() bool { l, ok := laurel.quorum.Leader(); return ok && l == "laurel" })
	w.nodes["hardy"].stop()
	old := laurel.certificate.Load().Fingerprint()
	if _, err := laurel.RenewNode(t.Context(), "laurel"); err != nil {
		t.Fatal(err)
	}
	w.eventually("stan lists another key", func() bool {
		n, _ := w.nodes["stan"].config.View().Node("laurel")
		return n.Certificate != old && n.Next == ""
	})
	w.start(w.nodes["hardy"].o)
	w.eventually("hardy has followed", func() bool {
		return w.nodes["hardy"].config.View().Index() >= w.nodes["stan"].config.View().Index()
	})
}
