package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.etcd.io/bbolt"

	"carillon/store"
)

func openConfigTest(t *testing.T, dir string) *Config {
	t.Helper()
	c, err := OpenConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// named returns a Change to a configuration of one user.
func named(t *testing.T, name string) []byte {
	t.Helper()
	return command(t, store.Config{Domain: "tel.example.org", Users: []store.User{{
		Number: "201", Name: name, Digests: store.MakeDigests("201", "tel.example.org", "secret"),
	}}})
}

func command(t *testing.T, c store.Config) []byte {
	t.Helper()
	b, err := store.EncodeChange(store.ReplaceAll(c, store.Author{Who: "root", At: time.UnixMilli(1700000000123)}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func nameOf(v *store.View) string {
	u, _ := v.User("201")
	return u.Name
}

func TestConfigSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	c := openConfigTest(t, dir)
	if got := c.Store().View().Index(); got != 0 {
		t.Errorf("a new one has index %d, want 0", got)
	}
	if err := c.Apply(7, named(t, "Alice")); err != nil {
		t.Fatal(err)
	}
	want := c.Store().View()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	got := openConfigTest(t, dir).Store().View()
	if got.Index() != 7 || got.Hash() != want.Hash() {
		t.Errorf("got revision %d %s, want 7 %s", got.Index(), got.Hash(), want.Hash())
	}
	if diff := cmp.Diff(want.Config(), got.Config(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigApply(t *testing.T) {
	tests := []struct {
		name    string
		index   uint64
		command func(t *testing.T) []byte
		refused string
		want    string // name of the user afterwards
		applied uint64
	}{
		{"the next index", 11, func(t *testing.T) []byte { t.Helper(); return named(t, "Bob") }, "", "Bob", 11},
		{"an index that was applied", 10, func(t *testing.T) []byte { t.Helper(); return named(t, "Bob") }, "", "Alice", 10},
		{"an earlier index", 3, func(t *testing.T) []byte { t.Helper(); return named(t, "Bob") }, "", "Alice", 10},
		{"an index after a gap", 99, func(t *testing.T) []byte { t.Helper(); return named(t, "Bob") }, "", "Bob", 99},
		{"a change that is not valid", 11, func(t *testing.T) []byte { t.Helper(); return command(t, store.Config{}) }, "a domain is needed", "Alice", 11},
		{"what is no change", 11, func(*testing.T) []byte { return []byte("x") }, "reading a change", "Alice", 11},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := openConfigTest(t, dir)
			if err := c.Apply(10, named(t, "Alice")); err != nil {
				t.Fatal(err)
			}
			err := c.Apply(tt.index, tt.command(t))
			if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("got error %v, want %q", err, tt.refused)
			}
			check := func(c *Config) {
				t.Helper()
				if got := nameOf(c.Store().View()); got != tt.want || c.Applied() != tt.applied {
					t.Errorf("got %s at %d, want %s at %d", got, c.Applied(), tt.want, tt.applied)
				}
			}
			check(c)
			_ = c.Close()
			check(openConfigTest(t, dir))
		})
	}
}

func TestConfigIsOnDiskBeforeItIsPublished(t *testing.T) {
	dir := t.TempDir()
	c := openConfigTest(t, dir)
	seen := 0
	c.Store().Watch(func(v *store.View) {
		seen++
		at, err := c.At(v.Index())
		if err != nil || at.Hash() != v.Hash() {
			t.Errorf("published %d: on disk is %v, %v", v.Index(), at, err)
		}
	})
	for i := range uint64(3) {
		if err := c.Apply(i+1, named(t, fmt.Sprint("Name ", i))); err != nil {
			t.Fatal(err)
		}
	}
	if seen != 3 {
		t.Errorf("got %d Views, want 3", seen)
	}
}

func TestConfigStopsWhenItCannotSave(t *testing.T) {
	c := openConfigTest(t, t.TempDir())
	if err := c.Apply(1, named(t, "Alice")); err != nil {
		t.Fatal(err)
	}
	if err := c.db.Close(); err != nil { // what a full or failed disk does
		t.Fatal(err)
	}
	for index := uint64(2); index < 4; index++ {
		var refusal *store.Error
		if err := c.Apply(index, named(t, "Bob")); err == nil || errors.As(err, &refusal) {
			t.Errorf("index %d: got %v, want an error that is no refusal", index, err)
		}
	}
	if got := nameOf(c.Store().View()); got != "Alice" || c.Applied() != 1 {
		t.Errorf("got %s at %d, want Alice at 1", got, c.Applied())
	}
}

func TestHistoryAndGoingBack(t *testing.T) {
	c := openConfigTest(t, t.TempDir())
	for i, name := range []string{"Alice", "Bob", "Carol"} {
		if err := c.Apply(uint64(10*(i+1)), named(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.History()
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1700000000123).UTC()
	want := []store.Revision{
		{Index: 10, At: at, Who: "root", Summary: []string{`~ domain: (none) -> tel.example.org`, `+ user 201: name "Alice", with password`}},
		{Index: 20, At: at, Who: "root", Summary: []string{`~ user 201: name "Alice" -> "Bob"`}},
		{Index: 30, At: at, Who: "root", Summary: []string{`~ user 201: name "Bob" -> "Carol"`}},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	old, err := c.At(20)
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Apply(31, command(t, old.Config())); err != nil {
		t.Fatal(err)
	}
	if now := c.Store().View(); nameOf(now) != "Bob" || now.Hash() != old.Hash() {
		t.Errorf("got %s %s, want Bob %s", nameOf(now), now.Hash(), old.Hash())
	}
	var refusal *store.Error
	if _, err = c.At(25); !errors.As(err, &refusal) || refusal.Kind != store.NotFound {
		t.Errorf("got %v, want not found", err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	tests := []struct {
		name      string
		revisions int
		size      int
		want      int
	}{
		{"by number", maxRevisions + 20, 100, maxRevisions},
		{"by size", 20, 4 << 20, 1 + maxHistory/(4<<20)},
		{"but never the current one", 2, maxHistory + 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := openConfigTest(t, t.TempDir())
			c.db.NoSync = true // a hundred times
			for i := range tt.revisions {
				r := revision{Revision: store.Revision{Index: uint64(i) + 1}, config: make([]byte, tt.size)}
				if err := c.db.Update(func(tx *bbolt.Tx) error { return saveRevision(tx, r) }); err != nil {
					t.Fatal(err)
				}
			}
			all, err := c.History()
			if err != nil || len(all) != tt.want || all[len(all)-1].Index != uint64(tt.revisions) {
				t.Errorf("got %d revisions, %v, want %d up to %d", len(all), err, tt.want, tt.revisions)
			}
		})
	}
}

func TestSnapshotMakesAnotherNodeEqual(t *testing.T) {
	c := openConfigTest(t, t.TempDir())
	for i, name := range []string{"Alice", "Bob"} {
		if err := c.Apply(uint64(i+1), named(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Apply(3, []byte("refused")); err == nil {
		t.Fatal("got no error")
	}
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	other := openConfigTest(t, dir)
	if err = other.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	again, err := other.MarshalBinary()
	if err != nil || !bytes.Equal(b, again) || other.Store().View().Hash() != c.Store().View().Hash() {
		t.Errorf("the other node differs: %v", err)
	}
	if err = other.Apply(4, named(t, "Carol")); err != nil {
		t.Fatal(err)
	}
	if err = other.UnmarshalBinary(b); err != nil || nameOf(other.Store().View()) != "Carol" {
		t.Errorf("an older snapshot: got %s, %v, want Carol kept", nameOf(other.Store().View()), err)
	}
	_ = other.Close()
	if got := openConfigTest(t, dir); nameOf(got.Store().View()) != "Carol" || got.Applied() != 4 {
		t.Errorf("after a restart: got %s at %d, want Carol at 4", nameOf(got.Store().View()), got.Applied())
	}
}

func TestConfigSaysWhatIsWrongWithItsFile(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"another process", func(*testing.T, string) {}, "another carillon uses this directory"},
		{"cut short", func(t *testing.T, path string) { t.Helper(); cut(t, path, 12<<10) }, "from a backup"},
		{"cut to nearly nothing", func(t *testing.T, path string) { t.Helper(); cut(t, path, 100) }, "from a backup"},
		{"zeros", func(t *testing.T, path string) { t.Helper(); overwrite(t, path, make([]byte, 64<<10), 0) }, "from a backup"},
		{"noise behind the meta pages", func(t *testing.T, path string) {
			t.Helper()
			overwrite(t, path, bytes.Repeat([]byte{0xa5}, 64<<10), 8<<10)
		}, "from a backup"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := openConfigTest(t, dir)
			if err := c.Apply(1, named(t, "Alice")); err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				_ = c.Close()
			}
			tt.damage(t, filepath.Join(dir, configName))
			_, err := OpenConfig(dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), configName) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, with []byte, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteAt(with, at); err != nil {
		t.Fatal(err)
	}
	if err = f.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkApply is 10,000 users becoming the configuration, fsync included.
func BenchmarkApply(b *testing.B) {
	c, err := OpenConfig(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	config := store.Config{Domain: "tel.example.org"}
	for i := range 10000 {
		n := fmt.Sprint(10000 + i)
		config.Users = append(config.Users, store.User{Number: n, Name: "Alice " + n, Digests: store.MakeDigests(n, config.Domain, n)})
	}
	index := uint64(0)
	for b.Loop() {
		index++
		command, err := store.EncodeChange(store.ReplaceAll(config, store.Author{}))
		if err != nil {
			b.Fatal(err)
		}
		if err = c.Apply(index, command); err != nil {
			b.Fatal(err)
		}
	}
}
