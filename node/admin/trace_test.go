package admin

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// traced is a Tracing that knows one message, and which query it was asked for.
type traced struct{ silent []string }

func (x *traced) Dialogs(_ context.Context, q TraceQuery) ([]Dialog, []string) {
	return []Dialog{{CallID: q.CallID, From: q.User}}, x.silent
}

func (x *traced) Messages(_ context.Context, q TraceQuery) ([]Message, []string) {
	return []Message{{CallID: q.CallID, From: q.User, Text: "INVITE"}}, x.silent
}

func TestTraceIsAnswered(t *testing.T) {
	c, o := serve(t, t.TempDir())
	q := TraceQuery{User: "2&1", CallID: "a b@c"}
	dialogs, err := c.Dialogs(t.Context(), q)
	if err != nil || len(dialogs) != 1 || dialogs[0].CallID != q.CallID || dialogs[0].From != q.User {
		t.Errorf("dialogs: got %+v, %v", dialogs, err)
	}
	o.Tracing.(*traced).silent = []string{"hardy"}
	messages, err := c.Messages(t.Context(), q)
	partial, ok := errors.AsType[*Partial](err)
	if !ok || len(partial.Silent) != 1 || len(messages) != 1 || messages[0].CallID != q.CallID || messages[0].Text != "INVITE" {
		t.Errorf("messages: got %+v, %v", messages, err)
	}
}

// Two nodes tell of a call between their phones, and one of a call of its own.
func TestDialogsOfSeveralNodesAreMerged(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
	phone := func(user string) End { return End{Name: user, Address: "192.0.2." + user + ":5060"} }
	node := func(name string) End { return End{Name: name, Address: "192.0.2.200:7946", Node: true} }
	// hardy's clock is ahead: it seems to have heard of the call first.
	rows := []Dialog{
		{CallID: "x", State: "setup", Messages: 4, Source: node("laurel"), Destination: phone("2"), First: at(9), Last: at(30), Nodes: []string{"hardy"}},
		{CallID: "y", Messages: 1, Source: phone("3"), First: at(15), Last: at(15), Nodes: []string{"hardy"}},
		{CallID: "x", State: "in call", Messages: 6, Source: phone("1"), Destination: node("hardy"), First: at(10), Last: at(20), Nodes: []string{"laurel"}},
	}
	want := []Dialog{
		{CallID: "x", State: "in call", Messages: 10, Source: phone("1"), Destination: phone("2"), First: at(10), Last: at(30), Nodes: []string{"laurel", "hardy"}},
		rows[1],
	}
	if diff := cmp.Diff(want, MergeDialogs(rows)); diff != "" {
		t.Error(diff)
	}
}
