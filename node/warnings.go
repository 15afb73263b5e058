package node

import (
	"context"
	"log/slog"
	"strings"

	"carillon/node/admin"
)

// warnings is a log whose warnings and errors are events too: what is worth
// waking somebody for is worth showing him in the morning. It passes everything
// on to the log proper. Who warns about what strangers do bounds how often.
type warnings struct {
	slog.Handler

	events *admin.Events
}

// Enabled implements [slog.Handler].
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || w.Handler.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		w.events.Add(strings.ToLower(r.Level.String()), "%s", sentence(r))
	}
	if !w.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs), w.events}
}

// WithGroup implements [slog.Handler].
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name), w.events}
}

// sentence makes of a line for machines one for people. A count of nothing says
// nothing.
func sentence(r slog.Record) string {
	var said []string
	r.Attrs(func(a slog.Attr) bool {
		if value := a.Value.String(); value != "" && value != "0" {
			said = append(said, strings.ReplaceAll(a.Key, "_", " ")+" "+value)
		}
		return true
	})
	if len(said) == 0 {
		return r.Message
	}
	return r.Message + ": " + strings.Join(said, ", ")
}
