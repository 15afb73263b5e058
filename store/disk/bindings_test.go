package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"carillon/store/live"
)

// openBindingsTest opens the file and loads what is in it.
func openBindingsTest(t *testing.T, dir string, log *slog.Logger) *Bindings {
	t.Helper()
	b := openUnread(t, dir, log)
	b.Load(time.Hour, &keeper{})
	return b
}

func openUnread(t *testing.T, dir string, log *slog.Logger) *Bindings {
	t.Helper()
	b, err := OpenBindings(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A table stands for live.Bindings: what each key's record is now.
type table map[string]string

func (x table) read(dst []byte, key string) ([]byte, bool) {
	v, ok := x[key]
	return append(dst, v...), ok
}

// onDisk returns what a restart would find, by reading a copy of the file.
func onDisk(t *testing.T, dir string) table {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, bindingsName))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err = os.WriteFile(filepath.Join(other, bindingsName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := OpenBindings(other, quiet())
	if err != nil {
		t.Fatal(err)
	}
	found := c.newest(t)
	if err = c.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

// newest reads all that is there to load, as loadBatch does.
func (b *Bindings) newest(t *testing.T) table {
	t.Helper()
	found := make(table)
	err := b.db.View(func(tx *bbolt.Tx) error {
		l := newLedger()
		for n := b.last; ; n-- {
			key, value := atOrBelow(tx.Bucket(bucketBatches()).Cursor(), n)
			if key == nil {
				return nil
			}
			x := batch(value)
			if x.check() != nil {
				x = x[:0]
			}
			l.addOlder(number(key), x, func(r record) {
				if len(r.key) > 0 {
					found[string(r.key)] = string(r.value)
				}
			})
			if n = number(key); n == 0 {
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A keeper takes back what it gets.
type keeper struct {
	all []live.Binding
	end bool
}

func (k *keeper) Restore(x live.Binding) bool { k.all = append(k.all, x); return true }
func (k *keeper) Restored()                   { k.end = true }

// loadAt returns what is restored by a node that starts at that time.
func (b *Bindings) loadAt(now time.Time) []live.Binding {
	var k keeper
	for b.unread != nil {
		b.loadBatch(now, &k)
	}
	return k.all
}

func TestBindingsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	b := openBindingsTest(t, dir, quiet())
	phones := live.NewBindings("laurel", nil)
	phones.OnChange(b.Changed)
	for i := range 3 {
		phones.Put(binding(i))
	}
	gone := binding(1)
	if err := phones.Update(gone.User, func([]live.Binding) ([]live.Binding, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	long := binding(3)
	long.Granted, long.Expires = time.Hour, time.Now().Add(time.Hour)
	phones.Put(long)
	if err := b.flush(phones.AppendRecord); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()

	for _, tt := range []struct {
		away time.Duration
		want []int
	}{
		{0, []int{0, 2, 3}},
		{time.Minute, []int{0, 2, 3}}, // they may have been refreshed just before
		{time.Minute + beatEvery, []int{3}},
		{time.Hour + beatEvery, nil}, // and never again:
		{0, nil},
	} {
		want, users := make(map[string]string), make(map[string]string)
		for _, i := range tt.want {
			want[binding(i).User] = binding(i).Contact
		}
		b = openUnread(t, dir, quiet())
		for _, x := range b.loadAt(time.Now().Add(tt.away)) {
			users[x.User] = x.Contact
		}
		if diff := cmp.Diff(want, users); diff != "" {
			t.Errorf("away for %v (-want +got):\n%s", tt.away, diff)
		}
		if err := b.flush(table{}.read); err != nil {
			t.Fatal(err)
		}
		_ = b.Close()
	}
}

func TestAChangedBindingIsOnDiskWithinASecond(t *testing.T) {
	dir, aside := t.TempDir(), t
	synctest.Test(t, func(t *testing.T) {
		b := openBindingsTest(t, dir, quiet())
		now := make(table)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx, now.read, &keeper{}) }()
		for i := range 20 { // changes that come while others are written wait longest
			synctest.Wait()
			now[fmt.Sprint("key", i%7)] = fmt.Sprint("value", i)
			b.Changed(fmt.Sprint("key", i%7))
			time.Sleep(90 * time.Millisecond)
		}
		want := maps.Clone(now)
		time.Sleep(time.Second - 90*time.Millisecond)
		synctest.Wait()
		if diff := cmp.Diff(want, onDisk(aside, dir)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		now["last"] = "moment"
		b.Changed("last")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that the context ended", err)
		}
		if got := onDisk(aside, dir)["last"]; got != "moment" {
			t.Errorf("got %q, want what changed just before the end", got)
		}
	})
}

// TestBindingsOnDiskEqualTheTable changes a table at random and looks at the
// disk after each flush; cleaning happens all the time.
func TestBindingsOnDiskEqualTheTable(t *testing.T) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := filepath.Join(t.TempDir(), fmt.Sprint(run))
		if err := os.Mkdir(dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		b := openBindingsTest(t, dir, quiet())
		b.db.NoSync = true
		now := make(table)
		for flush := range rapid.IntRange(1, 8).Draw(rt, "flushes") {
			for range rapid.IntRange(1, 40).Draw(rt, "changes") {
				key := fmt.Sprint("key", rapid.IntRange(0, 60).Draw(rt, "key"))
				if delete(now, key); rapid.IntRange(0, 3).Draw(rt, "deleted") > 0 {
					now[key] = strings.Repeat(fmt.Sprint(flush), rapid.IntRange(1, 12000).Draw(rt, "size"))
				}
				b.Changed(key)
			}
			if err := b.flush(now.read); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "restart") {
				_ = b.Close()
				b = openUnread(t, dir, quiet())
				b.db.NoSync = true
			}
			for range rapid.IntRange(0, 9).Draw(rt, "loaded") {
				if b.unread != nil {
					b.loadBatch(time.Now(), &keeper{})
				}
			}
			if diff := cmp.Diff(now, onDisk(t, dir)); diff != "" {
				rt.Fatalf("after flush %d (-want +got):\n%.2000s", flush, diff)
			}
			if l := b.ledger; b.unread == nil && l.total > 2*l.live+slack+cleanStep+1<<20 {
				rt.Fatalf("after flush %d: %d bytes on disk for %d", flush, l.total, l.live)
			}
		}
		_ = b.Close()
	})
}

func TestTheFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	b := openBindingsTest(t, dir, quiet())
	b.db.NoSync = true
	now := make(table)
	for i := range 400 {
		for j := range 300 {
			key := fmt.Sprint("key", (i*37+j*11)%2000)
			now[key] = strings.Repeat("x", 150+i%100)
			b.Changed(key)
		}
		if err := b.flush(now.read); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, bindingsName))
	if err != nil || info.Size() > 8<<20 {
		t.Errorf("got %d bytes, %v, for %d live", info.Size(), err, b.ledger.live)
	}
	if diff := cmp.Diff(now, onDisk(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%.2000s", diff)
	}
}

func TestDamagedBindingsDoNotPreventStart(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		says   string
		left   bool // some of the bindings may still be there
	}{
		{"cut short", func(t *testing.T, path string) { t.Helper(); cut(t, path, 20<<10) }, "set aside", false},
		{"cut to nearly nothing", func(t *testing.T, path string) { t.Helper(); cut(t, path, 10) }, "set aside", false},
		{"zeros", func(t *testing.T, path string) { t.Helper(); overwrite(t, path, make([]byte, 64<<10), 0) }, "set aside", false},
		{"one meta page torn", func(t *testing.T, path string) { t.Helper(); overwrite(t, path, make([]byte, 4096), 0) }, "", true},
		{"noise in a value", func(t *testing.T, path string) { t.Helper(); flipInValue(t, path) }, "left out", true},
		{"empty", func(t *testing.T, path string) { t.Helper(); cut(t, path, 0) }, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			b := openBindingsTest(t, dir, quiet())
			now := make(table)
			for i := range 200 {
				now[fmt.Sprint("key", i)] = strings.Repeat("marker ", 60)
				b.Changed(fmt.Sprint("key", i))
			}
			if err := b.flush(now.read); err != nil {
				t.Fatal(err)
			}
			_ = b.Close()
			tt.damage(t, filepath.Join(dir, bindingsName))

			var log strings.Builder
			b = openUnread(t, dir, slog.New(slog.NewTextHandler(&log, nil)))
			if !strings.Contains(log.String(), tt.says) || tt.says == "" && log.Len() > 0 {
				t.Errorf("got log %q, want %q", log.String(), tt.says)
			}
			if got := len(b.newest(t)); (got > 0) != tt.left {
				t.Errorf("got %d bindings, want some: %v", got, tt.left)
			}
			b.Changed("key1") // and it goes on
			if err := b.flush(now.read); err != nil {
				t.Error(err)
			}
			if onDisk(t, dir)["key1"] == "" {
				t.Error("what changed afterwards is not on disk")
			}
		})
	}
}

// flipInValue changes one byte in the middle of the last batch in the file.
func flipInValue(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, []byte("X"), int64(strings.LastIndex(string(b), "marker")))
}

func TestBindingsInUse(t *testing.T) {
	dir := t.TempDir()
	openBindingsTest(t, dir, quiet())
	if _, err := OpenBindings(dir, quiet()); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want %v", err, ErrInUse)
	}
	if isThere(filepath.Join(dir, bindingsName+".damaged")) {
		t.Error("a file in use was set aside")
	}
}

func TestAFailedFlushIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	b := openBindingsTest(t, dir, quiet())
	_ = b.db.Close()
	now := table{"key": "value"}
	b.Changed("key")
	if err := b.flush(now.read); err == nil {
		t.Fatal("got no error")
	}
	db, err := open(filepath.Join(dir, bindingsName), func(*bbolt.DB) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	b.db = db
	if err = b.flush(now.read); err != nil || onDisk(t, dir)["key"] != "value" {
		t.Errorf("got %v and %v", err, onDisk(t, dir))
	}
}

func FuzzBatch(f *testing.F) {
	f.Add("201\x1fdevice", []byte("record"), []byte("noise"))
	f.Fuzz(func(t *testing.T, key string, value, noise []byte) {
		b := batch(nil).add(key, value, false).add(key, nil, true)
		b.seal()
		if err := b.check(); err != nil {
			t.Fatal(err)
		}
		var got []record
		size := checksumSize
		for r := range b.records() {
			got = append(got, r)
			size += r.size
		}
		if len(got) != 2 || string(got[0].key) != key || string(got[0].value) != string(value) || !got[1].gone || size != len(b) {
			t.Fatalf("got %v of %d bytes", got, size)
		}
		for r := range batch(noise).records() { // only not to fail
			_ = r
		}
	})
}

// TestLoadBesideTraffic: what changes while the file is read is written within
// the second, counts more than what is read, and is there after the next start.
func TestLoadBesideTraffic(t *testing.T) {
	dir := t.TempDir()
	b := openBindingsTest(t, dir, quiet())
	before := live.NewBindings("laurel", nil)
	before.OnChange(b.Changed)
	for i := range 3000 {
		before.Put(binding(i))
	}
	if err := b.flush(before.AppendRecord); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()

	b = openUnread(t, dir, quiet())
	phones := live.NewBindings("laurel", nil)
	phones.OnChange(b.Changed)
	oldest, newest := binding(0), binding(1) // somewhere in the file
	b.loadBatch(time.Now(), phones)
	if b.unread == nil || phones.Count() == 0 {
		t.Fatalf("one batch has all of %d bindings", phones.Count())
	}
	oldest.Contact = "sip:moved@10.9.9.9"
	phones.Put(oldest)
	phones.Forgo(newest.User)
	if err := phones.Update(newest.User, func([]live.Binding) ([]live.Binding, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if err := b.flush(phones.AppendRecord); err != nil {
		t.Fatal(err)
	}
	b.Load(time.Hour, phones)
	if err := b.flush(phones.AppendRecord); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()

	after := live.NewBindings("laurel", nil)
	b = openUnread(t, dir, quiet())
	b.Load(time.Hour, after)
	for name, table := range map[string]*live.Bindings{"loaded": phones, "after the next start": after} {
		if got := table.Of(oldest.User); len(got) != 1 || got[0].Contact != oldest.Contact {
			t.Errorf("%s: who moved meanwhile is %+v", name, got)
		}
		if got := table.Of(newest.User); len(got) != 0 {
			t.Errorf("%s: who unregistered meanwhile is back: %+v", name, got)
		}
		if got := table.Count(); got != 2999 {
			t.Errorf("%s: got %d bindings, want 2999", name, got)
		}
	}
	select {
	case <-b.Loaded():
	default:
		t.Error("it does not say that all is loaded")
	}
}
