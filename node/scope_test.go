package node

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carillon/node/mode"
	"carillon/store"
	"carillon/test/house/wire"
)

// threeTowns is a system with a user at each branch, and one who is at none; the
// site of 202 is said.
func threeTowns(site string) string {
	return `domain: tel.test
sites:
  - {name: hq, networks: [127.0.0.0/8], calls: trusted}
  - {name: mons}
  - {name: namur}
users:
  - {number: "201", site: mons, password: secret-201}
  - {number: "202", site: ` + site + `, password: secret-202}
  - {number: "203", password: secret-203}
`
}

// withBranches runs a main and a LifeGUARD at each of two branches.
func withBranches(t *testing.T) *town {
	t.Helper()
	file := filepath.Join(t.TempDir(), "town.yaml")
	if err := os.WriteFile(file, []byte(threeTowns("namur")), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, config: file, nodes: make(map[string]*townsman)}
	w.open("laurel", RoleMain, "laurel")
	for _, name := range []string{"mons", "namur"} {
		w.joinAt(name, RoleLifeguard, "laurel", name)
	}
	return w
}

// holds reports whether any file of a node has a digest of a user in it.
func (w *town) holds(node, user string) (found bool) {
	w.t.Helper()
	d := store.MakeDigests(user, "tel.test", "secret-"+user)
	var forms [][]byte
	for _, text := range []string{d.MD5, d.SHA256} {
		raw, err := hex.DecodeString(text)
		if err != nil {
			w.t.Fatal(err)
		}
		forms = append(forms, raw, []byte(text))
	}
	err := filepath.WalkDir(w.nodes[node].o.Data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, form := range forms {
			found = found || bytes.Contains(b, form)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// same waits until all nodes show the same revision and hash.
func (w *town) same() {
	w.t.Helper()
	w.eventually("all have the same configuration", func() bool {
		seen := make(map[string]bool)
		for _, n := range w.nodes {
			s := n.status()
			seen[fmt.Sprint(s.Config, s.ConfigHash)] = true
		}
		return len(seen) == 1
	})
}

// TestAStolenBranch: what lies on the disk of a branch lets nobody pass for a user
// of another site, whatever has changed since it joined, and all the same every
// node shows the same configuration.
func TestAStolenBranch(t *testing.T) {
	t.Parallel()
	w := withBranches(t)
	check := func(when string, holds map[string]string) {
		t.Helper()
		w.same()
		for node, users := range holds {
			got := ""
			for _, u := range []string{"201", "202", "203"} {
				if w.holds(node, u) {
					got += u + " "
				}
			}
			if got != users {
				t.Errorf("%s: %s holds the digests of %q, want %q", when, node, got, users)
			}
		}
	}
	check("after the join", map[string]string{"laurel": "201 202 203 ", "mons": "201 203 ", "namur": "202 203 "})

	mons := w.nodes["mons"]
	before := mons.config.View().Index()
	moved := bytes.ReplaceAll([]byte(threeTowns("mons")), []byte(", password: secret-202"), nil)
	if plan, err := mons.Apply(t.Context(), "moved.yaml", moved); err != nil || len(plan.Lines) != 1 {
		t.Fatalf("got %+v, %v, want that a user moves", plan, err)
	}
	check("202 has moved", map[string]string{"mons": "201 202 203 ", "namur": "203 "})

	mons.stop()
	w.start(mons.o)
	check("after a restart", map[string]string{"mons": "201 202 203 "})

	if plan, err := w.nodes["namur"].Rollback(t.Context(), before); err != nil || !plan.Changed {
		t.Fatalf("going back at a branch: got %+v, %v", plan, err)
	}
	check("202 is back", map[string]string{"laurel": "201 202 203 ", "mons": "201 203 ", "namur": "202 203 "})

	is := w.nodes["laurel"].config.View().Index()
	if plan, err := w.nodes["namur"].Apply(t.Context(), "again.yaml", []byte(threeTowns("namur"))); err != nil || plan.Revision != is {
		t.Errorf("a file with the passwords that there are: got revision %d, %v, want %d still", plan.Revision, err, is)
	}
}

// TestRoaming: a user of another site registers at a branch that does not hold his
// digests, while a main can be asked; while none can, he is refused, and the
// operator reads why; who is registered already stays so by his connection.
func TestRoaming(t *testing.T) {
	t.Parallel()
	w := withBranches(t)
	laurel, mons := w.nodes["laurel"], w.nodes["mons"]
	w.eventually("mons hears its main", func() bool { return len(mons.peers.Relays()) == 1 })
	roamer, local := aPhone(t, mons, "202"), aPhone(t, mons, "201")
	w.eventually("it is known where they are", func() bool {
		return len(laurel.bindings.Of("202")) == 1 && len(laurel.bindings.Of("201")) == 1
	})
	w.reaches(local, roamer, "201", "202")
	stranger, err := wire.Dial("tcp", netip.AddrPortFrom(mons.Listen(), 5060))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stranger.Close() })
	registers(t, stranger, "202", "wrong", 401)
	registers(t, stranger, "999", "wrong", 401)

	before := mons.peers.port.Carried("laurel")["ask"].Sum()
	for range 10 {
		registers(t, roamer, "202", "secret-202", 200)
	}
	t.Logf("a main asked about a password: %d bytes of the line", (mons.peers.port.Carried("laurel")["ask"].Sum()-before)/10)

	laurel.stop()
	w.eventually("mons is alone", func() bool { return mons.standing.Mode() == mode.Survivable })
	registers(t, stranger, "202", "secret-202", 403)
	registers(t, stranger, "202", "wrong", 403)
	registers(t, stranger, "201", "secret-201", 200)
	registers(t, roamer, "202", "secret-202", 200)
	if !slices.ContainsFunc(happened(mons.events), func(text string) bool {
		return strings.Contains(text, "a user of another site cannot register here now: no main can be asked about his password") &&
			strings.Contains(text, "user 202, of site namur")
	}) {
		t.Errorf("events: got %q", happened(mons.events))
	}

	mons.stop()
	mons = w.start(mons.o)
	registers(t, aPhone(t, mons, "201"), "202", "secret-202", 403)

	w.start(laurel.o)
	w.eventually("mons hears its main again", func() bool { return len(mons.peers.Relays()) == 1 })
	aPhone(t, mons, "202")
	if w.holds("mons", "202") {
		t.Error("the digests of a user who came by have stayed")
	}
	w.same()
}

// TestTheFeedOfABranchIsSmall: two parts, packed each for itself, take no more than
// the whole did; with several sites a branch gets far less.
func TestTheFeedOfABranchIsSmall(t *testing.T) {
	packed := func(b []byte) int {
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, flate.DefaultCompression)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Len()
	}
	for sites, most := range map[int]float64{1: 1.03, 10: 0.2} {
		c := store.Config{Domain: "tel.test"}
		for i := range sites {
			c.Sites = append(c.Sites, store.Site{Name: fmt.Sprint("site", i)})
		}
		for i := range 1000 {
			n := fmt.Sprint(2000 + i)
			c.Users = append(c.Users, store.User{
				Number: n, Name: "User " + n, Site: c.Sites[i%sites].Name, Digests: store.MakeDigests(n, c.Domain, n),
			})
		}
		v := store.NewView(c)
		whole, err := store.EncodeConfig(c)
		shared, other := store.EncodeConfig(v.Scope(""))
		own, third := v.Secrets("site0")
		if err = errors.Join(err, other, third); err != nil {
			t.Fatal(err)
		}
		got, was := packed(shared)+packed(own), packed(whole)
		t.Logf("1000 users at %d sites: %d bytes for a branch, %d with all digests", sites, got, was)
		if float64(got) > most*float64(was) {
			t.Errorf("%d sites: got %d bytes, want %.2f of %d", sites, got, most, was)
		}
	}
}
