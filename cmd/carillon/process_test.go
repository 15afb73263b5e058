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

// A node at rest gives back what it took for its garbage, and takes it again as
// soon as it has much to do.
func TestPacer(t *testing.T) {
	const living = 10 << 20
	p, got := pacer{percent: gcMost}, uint64(1<<30)
	for i, step := range []struct {
		seconds int
		each    uint64 // bytes
		want    int
	}{{1, 0, gcMost}, {18, 10_000, gcMost}, {1, 10_000, gcMost}, {1, 10_000, gcLeast}, {100, gcLittle, gcLeast}, {1, gcLittle + 1, gcMost}, {19, 0, gcMost}, {1, 0, gcLeast}} {
		for range step.seconds {
			got += step.each
			before := p.percent
			if changed := p.look(living, got); changed != (p.percent != before) {
				t.Errorf("step %d: says changed %v", i, changed)
			}
		}
		if p.percent != step.want {
			t.Errorf("step %d: got %d, want %d", i, p.percent, step.want)
		}
	}
}
