package main

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileLimitIsRaised(t *testing.T) {
	got, err := raiseFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur != limit.Max || got != limit.Max {
		t.Errorf("got %d of %+v", got, limit)
	}
}

func TestLogIsJSONWithoutATerminal(t *testing.T) {
	var b bytes.Buffer
	l, err := newLogger(&b, "warn")
	if err != nil {
		t.Fatal(err)
	}
	l.Info("one")
	l.Warn("two")
	if got := b.String(); !strings.HasPrefix(got, `{"time":`) || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
	if _, err = newLogger(&b, "loud"); err == nil {
		t.Error("a level that does not exist was taken")
	}
}

// Garbage may take much beside little that lives, and no more than that beside
// much.
func TestGCPercent(t *testing.T) {
	for _, tt := range []struct {
		living uint64
		want   int
	}{{0, 400}, {10 << 20, 400}, {24 << 20, 400}, {48 << 20, 200}, {60 << 20, 150}, {96 << 20, 100}, {4 << 30, 100}} {
		if got := gcPercent(tt.living); got != tt.want {
			t.Errorf("with %d MB: got %d, want %d", tt.living>>20, got, tt.want)
		}
	}
}
