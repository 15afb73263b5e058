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
// may take gcRoom, or as much as what lives.
const (
	gcMost  = 400
	gcLeast = 100
	gcRoom  = 96 << 20
	gcEvery = time.Second
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
	living := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for now := gcMost; ; {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		metrics.Read(living)
		if next := gcPercent(living[0].Value.Uint64()); next != now {
			debug.SetGCPercent(next)
			now = next
		}
	}
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
