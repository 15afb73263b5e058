package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// gcPercent lets the heap grow to five times what lives in it before it is
// collected. What lives is small (a few MB, and about 2 kB for each phone),
// while each message is one short-lived copy, so that the collector would
// otherwise run many times a second under load for nothing.
const gcPercent = 400

// fewFiles is how many open files are too few for a site: a phone on TCP needs one.
const fewFiles = 4096

// private keeps every file that the node makes from all other accounts, those
// included that libraries make: there are digests in them.
const private = 0o077

// tuneProcess sets what belongs to the whole process. The environment's GOGC wins.
func tuneProcess(l *slog.Logger) {
	unix.Umask(private)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
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
