package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// A story is told in milliseconds: "3 laurel > hardy INVITE" is what laurel sent
// to hardy, "4 hardy < laurel INVITE" what hardy says it got.
func story(lines ...string) []Message {
	var all []Message
	for _, line := range lines {
		word := strings.Fields(line)
		ms, _ := strconv.Atoi(word[0])
		all = append(all, Message{
			Time: time.UnixMilli(int64(ms)).UTC(), Node: word[1], Sent: word[2] == ">",
			Peer: End{Name: word[3], Node: word[3] != "alice" && word[3] != "bob"}, Start: word[4], Text: strings.Join(word[4:], " "),
		})
	}
	return all
}

func told(all []Message) []string {
	var lines []string
	for _, m := range all {
		way := "<"
		if m.Sent {
			way = ">"
		}
		lines = append(lines, fmt.Sprintf("%d %s %s %s %s", m.Time.UnixMilli(), m.Node, way, m.Peer.Name, m.Text))
	}
	return lines
}

func TestMessagesOfSeveralNodesAreMerged(t *testing.T) {
	for _, tt := range []struct {
		name      string
		in, want  []string
		corrected map[string]int64
	}{
		{
			"one node",
			[]string{"2 laurel > bob INVITE", "1 laurel < alice INVITE"},
			[]string{"1 laurel < alice INVITE", "2 laurel > bob INVITE"},
			nil,
		},
		{
			"good clocks",
			[]string{"1 laurel < alice INVITE", "2 laurel > hardy INVITE", "5 laurel < hardy 180", "3 hardy < laurel INVITE", "4 hardy > laurel 180"},
			[]string{"1 laurel < alice INVITE", "2 laurel > hardy INVITE", "4 hardy > laurel 180"},
			nil,
		},
		{
			"hardy's clock is behind",
			[]string{"1001 laurel < alice INVITE", "1002 laurel > hardy INVITE", "1010 laurel < hardy 180", "3 hardy < laurel INVITE", "4 hardy > bob INVITE", "9 hardy > laurel 180"},
			[]string{"1001 laurel < alice INVITE", "1002 laurel > hardy INVITE", "1004 hardy > bob INVITE", "1009 hardy > laurel 180"},
			map[string]int64{"hardy": 1000},
		},
		{
			"by way of a third",
			[]string{"101 mons < alice INVITE", "102 mons > laurel INVITE", "52 laurel < mons INVITE", "53 laurel > namur INVITE", "254 namur < laurel INVITE", "255 namur > laurel 180", "57 laurel < namur 180", "58 laurel > mons 180", "109 mons < laurel 180"},
			[]string{"101 mons < alice INVITE", "102 mons > laurel INVITE", "103 laurel > namur INVITE", "106 namur > laurel 180", "108 laurel > mons 180"},
			map[string]int64{"laurel": 50, "namur": -149},
		},
		{
			"sent twice, and the other is silent about one",
			[]string{"1 laurel > hardy INVITE", "2 laurel > hardy INVITE", "3 hardy < laurel INVITE", "4 hardy < mons INVITE"},
			[]string{"1 laurel > hardy INVITE", "2 laurel > hardy INVITE", "4 hardy < mons INVITE"},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := MergeMessages(story(tt.in...))
			if diff := cmp.Diff(tt.want, told(got)); diff != "" {
				t.Error(diff)
			}
			for _, m := range got {
				if m.Corrected != tt.corrected[m.Node] {
					t.Errorf("%s: got corrected by %d ms, want %d", m.Node, m.Corrected, tt.corrected[m.Node])
				}
			}
		})
	}
}
