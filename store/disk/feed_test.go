package disk

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"carillon/store"
)

// digestsOf are those of a user whose password is as his number.
func digestsOf(number string) store.Digests {
	return store.MakeDigests(number, "tel.example.org", number)
}

// sites is a main's configuration of two users, of whom 201 stands at a site.
func sites(t *testing.T, site string) []byte {
	t.Helper()
	return command(t, store.Config{
		Domain: "tel.example.org", Sites: []store.Site{{Name: "hq"}, {Name: "mons"}},
		Users: []store.User{
			{Number: "201", Site: site, Digests: digestsOf("201")},
			{Number: "202", Site: "hq", Digests: digestsOf("202")},
			{Number: "203", Digests: digestsOf("203")},
		},
	})
}

// fed gives a LifeGUARD at mons what a main has for it.
func fed(t *testing.T, main, guard *Config) {
	t.Helper()
	view, b, err := main.Shared()
	if err != nil {
		t.Fatal(err)
	}
	own, err := view.Secrets("mons")
	if err != nil {
		t.Fatal(err)
	}
	if err = guard.Install(append(b, own...)); err != nil {
		t.Fatal(err)
	}
}

// hasOnDisk reports whether any file of dir has a digest of the user in it, in any of
// the ways in which it may be written.
func hasOnDisk(t *testing.T, dir, number string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{digestsOf(number).MD5, digestsOf(number).SHA256} {
			raw, _ := hex.DecodeString(text)
			if bytes.Contains(b, raw) || bytes.Contains(b, []byte(text)) {
				return true
			}
		}
	}
	return false
}

// TestTheDiskOfABranch: a branch holds the digests of its own site and of nobody's;
// when a user moves there his come, when he leaves they go, out of every page of
// the file, with what the history had of them.
func TestTheDiskOfABranch(t *testing.T) {
	main, dir := openConfigTest(t, t.TempDir()), t.TempDir()
	guard := openConfigTest(t, dir)
	for i, step := range []struct {
		site string
		own  bool
	}{{"hq", false}, {"mons", true}, {"mons", true}, {"hq", false}, {"mons", true}} {
		index := uint64(i) + 1
		if err := main.Apply(index, sites(t, step.site)); err != nil {
			t.Fatal(err)
		}
		fed(t, main, guard)
		for range 2 {
			view := guard.Store().View()
			u, _ := view.User("201")
			if view.Index() != index || view.Hash() != main.Store().View().Hash() || u.Digests.Elsewhere == step.own {
				t.Errorf("201 at %s: got revision %d, %+v", step.site, view.Index(), u)
			}
			if hasOnDisk(t, dir, "201") != step.own || hasOnDisk(t, dir, "202") || !hasOnDisk(t, dir, "203") {
				t.Errorf("201 at %s: on disk 201 %v, 202 %v, 203 %v", step.site, hasOnDisk(t, dir, "201"), hasOnDisk(t, dir, "202"), hasOnDisk(t, dir, "203"))
			}
			if all, err := guard.History(); err != nil || len(all) != i+1 {
				t.Errorf("the history: got %d revisions, %v, want %d", len(all), err, i+1)
			}
			if err := guard.Close(); err != nil {
				t.Fatal(err)
			}
			guard = openConfigTest(t, dir)
		}
		if _, err := guard.At(index - 1); err == nil {
			t.Errorf("revision %d is still there", index-1)
		}
	}
}

// TestNarrow: what a node had before it knew of scopes goes too.
func TestNarrow(t *testing.T) {
	dir := t.TempDir()
	c := openConfigTest(t, dir)
	for i, site := range []string{"mons", "hq"} {
		if err := c.Apply(uint64(i)+1, sites(t, site)); err != nil {
			t.Fatal(err)
		}
	}
	hash := c.Store().View().Hash()
	left := filepath.Join(dir, configName+".new") // by a process that was killed
	if err := os.WriteFile(left, []byte(digestsOf("201").MD5), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Narrow("mons"); err != nil {
			t.Fatal(err)
		}
	}
	v := c.Store().View()
	if hasOnDisk(t, dir, "201") || hasOnDisk(t, dir, "202") || !hasOnDisk(t, dir, "203") || v.Hash() != hash || v.Index() != 2 {
		t.Errorf("got revision %d, %s, want 2, %s, and no digests of hq", v.Index(), v.Hash(), hash)
	}
}

// TestReadingWhileAnotherFileTakesItsPlace: who reads the history meanwhile gets it.
func TestReadingWhileAnotherFileTakesItsPlace(t *testing.T) {
	main, guard := openConfigTest(t, t.TempDir()), openConfigTest(t, t.TempDir())
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := guard.History(); err != nil {
				done <- err
				return
			}
		}
	}()
	for i := range 6 {
		if err := main.Apply(uint64(i)+1, sites(t, []string{"mons", "hq"}[i%2])); err != nil {
			t.Fatal(err)
		}
		fed(t, main, guard)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
