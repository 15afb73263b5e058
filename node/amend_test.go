package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"carillon/cluster/session"
	"carillon/store"
	"carillon/test/tool"
)

// thousands is a configuration of two sites, and of 2,000 users half at each.
func thousands(c store.Config) store.Config {
	c.Sites = append(c.Sites, store.Site{Name: "mons"})
	c.Users = nil
	for i := range 2000 {
		number := fmt.Sprint(10000 + i)
		c.Users = append(c.Users, store.User{
			Number: number, Name: "User of " + number, Site: []string{firstSite, "mons"}[i%2], Digests: store.MakeDigests(number, c.Domain, number),
		})
	}
	return c
}

// TestOneUserOfTwoThousand: a branch is told what has changed, and not all that there
// is, and has what the mains have then.
func TestOneUserOfTwoThousand(t *testing.T) {
	t.Parallel()
	const most = 300
	w := newTown(t, "laurel")
	main := w.nodes["laurel"].Node
	change := func(what func(*store.Config)) (fed uint64) {
		t.Helper()
		before, c := w.fed("mons"), main.config.View().Config()
		what(&c)
		propose(t, main.config, store.ReplaceAll(c, store.Author{}))
		w.eventually("the branch has what is in force", func() bool {
			got, want := w.nodes["mons"].config.View(), main.config.View()
			return got.Index() == want.Index() && got.Hash() == want.Hash()
		})
		return w.fed("mons") - before
	}
	propose(t, main.config, store.ReplaceAll(thousands(main.config.View().Config()), store.Author{}))
	w.joinAt("mons", RoleLifeguard, "laurel", "mons")
	w.eventually("the branch has a session", func() bool {
		links, err := w.nodes["mons"].Links(t.Context())
		return err == nil && len(links) == 1 && links[0].State == string(session.Up)
	})
	for _, x := range []struct {
		what string
		do   func(*store.Config)
	}{
		{"one user of 2,000 has another name", func(c *store.Config) { c.Users[777].Name = "Somebody else" }},
		{"one has another password", func(c *store.Config) {
			c.Users[777].Digests = store.MakeDigests(c.Users[777].Number, c.Domain, "another")
		}},
		{"one goes to another site", func(c *store.Config) { c.Users[777].Site = firstSite }},
		{"one comes from there", func(c *store.Config) { c.Users[778].Site = "mons" }},
		{"one is gone", func(c *store.Config) { c.Users = append(c.Users[:500], c.Users[501:]...) }},
	} {
		if !tool.Figure(t, "the configuration on a branch's line, when "+x.what, float64(change(x.do)), most, "B") {
			t.Error("that is more than the goal")
		}
	}
	u, _ := w.nodes["mons"].config.View().User("10777")
	v, _ := w.nodes["mons"].config.View().User("10778")
	if !u.Digests.Elsewhere || v.Digests.Elsewhere {
		t.Errorf("the branch has %+v of who left, %+v of who came", u.Digests, v.Digests)
	}
}

// fed is how many bytes of the configuration came to a node.
func (w *town) fed(node string) (sum uint64) {
	links, err := w.nodes[node].Links(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range links {
		sum += l.Classes["feed"].Received
	}
	return sum
}

// TestWhatABranchHas: it makes of its View just what it was given, whatever that is,
// and so does a witness: else all would travel again each time.
func TestWhatABranchHas(t *testing.T) {
	main, _ := agreed(t, append(someNodes(), written("stan", RoleWitness, "hq"))...)
	from := source{main.Config, slog.New(slog.DiscardHandler)}
	mons, _ := agreed(t)
	stan, _ := agreed(t)
	for i, what := range []func(*store.Config){
		func(c *store.Config) { *c = thousands(*c); c.Sites = c.Sites[:3] },
		func(c *store.Config) { c.Users[1].Name = "Somebody else" },
		func(c *store.Config) { c.Users[1].Site = "hq" },
		func(c *store.Config) { c.Users[2].Site = "mons" },
		func(c *store.Config) { c.Nodes[2].Site = "namur" },
	} {
		c := main.View().Config()
		what(&c)
		propose(t, main, store.ReplaceAll(c, store.Author{Who: "alice"}))
		for _, to := range []sink{{mons, "mons", RoleLifeguard}, {stan, "stan", RoleWitness}} {
			var _ session.Sink = to
			now := from.Snapshot(to.role)
			own := now.Own(to.node)
			if err := to.Install(now.Index, append(bytes.Clone(now.Shared), own...)); err != nil {
				t.Fatal(err)
			}
			past, known := from.Past(to.role, now.Index)
			shared, mine, ok := to.Has()
			switch {
			case !ok || !bytes.Equal(shared, now.Shared) || !bytes.Equal(mine, own):
				t.Errorf("change %d: %s has %d and %d bytes, was given %d and %d", i, to.node, len(shared), len(mine), len(now.Shared), len(own))
			case !known || !bytes.Equal(past.Shared, now.Shared) || !bytes.Equal(past.Own(to.node), own):
				t.Errorf("change %d: of what %s has the main remembers %v, %d bytes", i, to.node, known, len(past.Shared))
			}
		}
	}
}
