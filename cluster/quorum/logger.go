package quorum

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// A logger hands what Raft says to slog. Raft talks a lot: what it calls
// information is for debugging here.
type logger struct {
	hclog.Logger // for the rest of a large interface; it writes nothing
	to           *slog.Logger
}

func newLogger(to *slog.Logger) hclog.Logger { return logger{hclog.NewNullLogger(), to} }

// Log implements [hclog.Logger].
func (l logger) Log(level hclog.Level, message string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case hclog.Warn:
		to = slog.LevelWarn
	case hclog.Error:
		to = slog.LevelError
	default:
	}
	if ordinary(message) {
		to = slog.LevelDebug
	}
	l.to.LogAttrs(context.Background(), to, "raft", append([]slog.Attr{slog.String("says", message)}, attrs(args)...)...)
}

// ordinary says whether a warning only tells that mains come and go, which
// watcher writes once and not with every try.
func ordinary(message string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(message, prefix) }
	return slices.ContainsFunc([]string{
		"heartbeat timeout reached", // also how every quorum of one begins
		"no known peers", "not part of stable configuration", "new leader elected", "Election timeout reached",
		"failed to contact", "failed to heartbeat", "failed to appendEntries", "failed to pipeline",
		"failed to start pipeline", "failed to make requestVote", "failed to send snapshot", "failed to install snapshot",
		"failed to decode incoming command", "failed to flush response", "failed to accept connection",
		"failed to get previous log", "failed to copy snapshot", "appendEntries rejected",
		"peer has newer term", "previous log term", "clearing log suffix", "rejecting ", "duplicate requestVote",
	}, begins)
}

// attrs turns Raft's pairs into ours, whose keys are written with underscores.
func attrs(args []any) []slog.Attr {
	var all []slog.Attr
	for i := 0; i+1 < len(args); i += 2 {
		key, _ := args[i].(string)
		all = append(all, slog.Any(strings.ReplaceAll(key, "-", "_"), args[i+1]))
	}
	return all
}

// Trace implements [hclog.Logger].
func (l logger) Trace(message string, args ...any) { l.Log(hclog.Trace, message, args...) }

// Debug implements [hclog.Logger].
func (l logger) Debug(message string, args ...any) { l.Log(hclog.Debug, message, args...) }

// Info implements [hclog.Logger].
func (l logger) Info(message string, args ...any) { l.Log(hclog.Info, message, args...) }

// Warn implements [hclog.Logger].
func (l logger) Warn(message string, args ...any) { l.Log(hclog.Warn, message, args...) }

// Error implements [hclog.Logger].
func (l logger) Error(message string, args ...any) { l.Log(hclog.Error, message, args...) }

// Named implements [hclog.Logger].
func (l logger) Named(string) hclog.Logger { return l }

// With implements [hclog.Logger].
func (l logger) With(args ...any) hclog.Logger {
	return logger{l.Logger, slog.New(l.to.Handler().WithAttrs(attrs(args)))}
}
