package quorum

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

func openLogTest(t *testing.T) *logStore {
	t.Helper()
	s, err := openLog(filepath.Join(t.TempDir(), logName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestLogStoreKeepsWhatRaftAsksFor(t *testing.T) {
	s := openLogTest(t)
	at := time.Unix(1700000000, 5)
	for i := uint64(1); i <= 300; i++ {
		if err := s.StoreLog(&raft.Log{Index: i, Term: i / 10, Type: raft.LogCommand, Data: []byte{byte(i)}, AppendedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name        string
		min, max    uint64
		first, last uint64
	}{
		{"nothing", 1000, 2000, 1, 300},
		{"the head", 0, 255, 256, 300},
		{"the tail", 290, 300, 256, 289},
		{"all", 1, 1000, 0, 0},
	}
	for _, tt := range tests {
		if err := s.DeleteRange(tt.min, tt.max); err != nil {
			t.Fatal(err)
		}
		first, err1 := s.FirstIndex()
		last, err2 := s.LastIndex()
		if err := errors.Join(err1, err2); err != nil || first != tt.first || last != tt.last {
			t.Errorf("without %s: got %d to %d, %v, want %d to %d", tt.name, first, last, err, tt.first, tt.last)
		}
	}
	if err := s.GetLog(5, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
		t.Errorf("got %v, want %v", err, raft.ErrLogNotFound)
	}
}

func TestLogStoreFacts(t *testing.T) {
	s := openLogTest(t)
	if v, err := s.Get([]byte("x")); err != nil || len(v) != 0 {
		t.Errorf("got %q, %v, want nothing", v, err)
	}
	if err := errors.Join(s.Set([]byte("x"), []byte("y")), s.SetUint64([]byte("n"), 1<<40)); err != nil {
		t.Fatal(err)
	}
	v, err1 := s.Get([]byte("x"))
	n, err2 := s.GetUint64([]byte("n"))
	if err := errors.Join(err1, err2); err != nil || string(v) != "y" || n != 1<<40 {
		t.Errorf("got %q, %d, %v", v, n, err)
	}
	if _, err := s.GetUint64([]byte("x")); err == nil {
		t.Error("got no error for a fact that is no number")
	}
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := raft.Log{
			Index: rapid.Uint64().Draw(t, "index"), Term: rapid.Uint64().Draw(t, "term"),
			Type:       raft.LogType(rapid.Byte().Draw(t, "type")),
			Data:       rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
			Extensions: rapid.SliceOf(rapid.Byte()).Draw(t, "extensions"),
			AppendedAt: time.Unix(0, rapid.Int64Range(1, 1<<62).Draw(t, "at")),
		}
		b := encodeEntry(&want)
		var got raft.Log
		if err := decodeEntry(bytesOf(want.Index), b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("empty", func(b []byte) string { return string(b) })); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "flip")] ^= 1
		if err := decodeEntry(bytesOf(want.Index), b, &got); err == nil {
			t.Fatal("a flipped bit went unnoticed")
		}
	})
}

// FuzzDecodeEntry checks that what can be read is written so that it reads the
// same again.
func FuzzDecodeEntry(f *testing.F) {
	f.Add(uint64(1), encodeEntry(&raft.Log{Index: 1, Term: 2, Data: []byte("x")}))
	f.Fuzz(func(t *testing.T, index uint64, b []byte) {
		if len(b) >= entryFixed { // past the checksum, or nothing would ever be read
			binary.LittleEndian.PutUint32(b, entrySum(bytesOf(index), b))
		}
		var first, second raft.Log
		if decodeEntry(bytesOf(index), b, &first) != nil {
			return
		}
		if err := decodeEntry(bytesOf(index), encodeEntry(&first), &second); err != nil || !cmp.Equal(first, second) {
			t.Fatalf("got %+v, %v, want %+v", second, err, first)
		}
	})
}
