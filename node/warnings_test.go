package node

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"carillon/node/admin"
)

func TestWarningsAreEvents(t *testing.T) {
	var log bytes.Buffer
	events := admin.NewEvents("laurel")
	quiet := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})
	l := slog.New(warnings{quiet, events}).With("component", "registrar").WithGroup("sip")

	l.Info("nothing to see")
	l.Warn("wrong password", "user", "201", "sent_from", "192.0.2.1", "untold", 0)
	l.Error("out of paper")

	var got []string
	found, _ := events.After(0)
	for _, e := range found {
		got = append(got, e.Kind+" "+e.Text)
	}
	if want := []string{"warn wrong password: user 201, sent from 192.0.2.1", "error out of paper"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "out of paper") {
		t.Errorf("got the log %q", text)
	}
}
