package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// gcMost lets the heap grow to five times what lives in it before it is
// collected. What lives is mostly small (a few MB, and about 2 kB for each phone),
// while each message is one short-lived copy, so that the collector would
// otherwise run many times a second under load for nothing. Where much lives, as
// with 10,000 phones over TLS, that would only be memory for nothing: the garbage
// may take gcRoom, or as much as what lives. A node that is at rest, and gets no
// gcLittle a second for gcRest, gives back what it took when it was busy.
const (
	gcMost   = 400
	gcLeast  = 100
	gcRoom   = 96 << 20
	gcEvery  = time.Second
	gcRest   = 20 * time.Second
	gcLittle = 1 << 20 // a hundred registrations, or ten calls
)

// fewFiles is how many open files are too few for a site: a phone on TCP needs one.
const fewFiles = 4096

// private keeps every file that the node makes from all other accounts, those
// included that libraries make: there are digests in them.
const private = 0o077

// tuneProcess sets what belongs to the whole process.
func tuneProcess(l *slog.Logger) {
	unix.Umask(private)
	files, err := raiseFileLimit()
	if err != nil {
		l.Warn("raising the limit of open files", "error", err)
		return
	}
	if files < fewFiles {
		l.Warn("few open files are allowed, and each phone on TCP needs one: raise LimitNOFILE or `ulimit -Hn`",
			"limit", files)
	}
}

// paceCollector gives the garbage collector its room by what lives, until stop is
// called. The environment's GOGC wins.
func paceCollector() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	debug.SetGCPercent(gcMost)
	var pacing sync.WaitGroup
	over := make(chan struct{})
	pacing.Go(func() { followHeap(over) })
	return func() {
		close(over)
		pacing.Wait()
	}
}

func followHeap(over <-chan struct{}) {
	tick := time.NewTicker(gcEvery)
	defer tick.Stop()
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	for p := (pacer{percent: gcMost}); ; {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		metrics.Read(heap)
		if p.look(heap[0].Value.Uint64(), heap[1].Value.Uint64()) {
			debug.SetGCPercent(p.percent)
		}
	}
}

// A pacer decides about the collector, by what it sees each gcEvery.
type pacer struct {
	percent int
	got     uint64        // bytes, since the start
	rested  time.Duration // how long it got little
}

// look takes how many bytes live, and how many the node ever got. It reports
// whether percent is another now.
func (p *pacer) look(living, got uint64) (changed bool) {
	if p.rested += gcEvery; got-p.got > gcLittle {
		p.rested = 0
	}
	next := gcPercent(living)
	if p.rested >= gcRest {
		next = gcLeast
	}
	changed = next != p.percent
	p.got, p.percent = got, next
	return changed
}

// gcPercent is how much garbage there may be beside so many bytes that live, in
// steps, because each change stops the process for a moment.
func gcPercent(living uint64) int {
	const step = 25
	percent := gcRoom * 100 / max(living, 1)
	return int(min(max(percent/step*step, gcLeast), gcMost))
}

// raiseFileLimit raises the limit of open files as far as is allowed and returns it.
func raiseFileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return limit.Cur, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// newLogger writes text for people at a terminal and JSON for everything else.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("%q is not a log level: use debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o)), nil
	}
	return slog.New(slog.NewJSONHandler(w, o)), nil
}
