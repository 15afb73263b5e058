package dialog

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/store/live"
)

var (
	alice = Party{Number: "201", Name: "Alice", IsUser: true}
	bob   = Party{Number: "202", Name: "Bob", IsUser: true}
)

func newTracker(calls *live.Calls) *Tracker {
	lamps := live.NewDialogs("laurel", func() string { return "carillon.internal" }, nil)
	return NewTracker("laurel", calls, lamps, slog.New(slog.DiscardHandler))
}

func request(t *testing.T, method, fromTag, toTag string) *message.Message {
	t.Helper()
	to := "<sip:202@carillon.internal>"
	if toTag != "" {
		to += ";tag=" + toTag
	}
	m, err := message.ParseString(method + " sip:202@carillon.internal SIP/2.0\r\n" +
		"Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"From: <sip:201@carillon.internal>;tag=" + fromTag + "\r\nTo: " + to + "\r\n" +
		"Call-ID: c1\r\nCSeq: 1 " + method + "\r\nContent-Length: 0\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTracker(t *testing.T) {
	tests := []struct {
		name string
		do   func(*Tracker, ID)
		want string // the state of the call, "" when there is none
	}{
		{"it rings", func(*Tracker, ID) {}, live.Ringing},
		{"answered", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b") }, live.Up},
		{"answered twice", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.Answered(id, 0, "202", "b") }, live.Up},
		{"refused", func(x *Tracker, id ID) { x.Ended(id) }, ""},
		{"the caller hangs up", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.EndedBy(request(t, "BYE", "a", "b")) }, ""},
		{"the callee hangs up", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.EndedBy(request(t, "BYE", "b", "a")) }, ""},
		{"another call's BYE", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.EndedBy(request(t, "BYE", "x", "y")) }, live.Up},
		{"an answer after the end", func(x *Tracker, id ID) { x.Ended(id); x.Answered(id, 0, "202", "b") }, ""},
		{"the end of no call", func(x *Tracker, _ ID) { x.Ended("") }, live.Ringing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := live.NewCalls()
			x := newTracker(calls)
			id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
			tt.do(x, id)
			got := ""
			for _, c := range calls.All() {
				got = c.State
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Who watches is told of calls that do not end well, and of no others.
func TestEndings(t *testing.T) {
	const bye = "BYE"
	for _, tt := range []struct {
		name string
		do   func(*Tracker, ID)
		want string
	}{
		{"hung up", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.EndedBy(request(t, bye, "b", "a")) }, ""},
		{"busy", func(x *Tracker, id ID) { x.Ended(id) }, ""},
		{"nobody reached", func(x *Tracker, id ID) { x.Failed(id); x.Failed(id) }, "201 failed"},
		{"the caller is not heard", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.UnheardBy(request(t, bye, "a", "b")) }, "201 unheard"},
		{"the callee is not heard", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b"); x.UnheardBy(request(t, bye, "b", "a")) }, "201 unheard"},
		{"another call", func(x *Tracker, _ ID) { x.UnheardBy(request(t, bye, "x", "y")); x.Failed("") }, ""},
		{"another node's", func(x *Tracker, _ ID) { x.Failed(x.Invites(request(t, "INVITE", "c", ""), "202")) }, ""},
		{"expired", func(x *Tracker, id ID) {
			x.Answered(id, time.Minute, "202", "b")
			x.expire(time.Now().Add(2 * time.Minute))
		}, "201 expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls, got := live.NewCalls(), ""
			x := newTracker(calls)
			id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
			calls.Watch(func(c live.Call, how live.Ending) { got += c.From + " " + string(how) })
			tt.do(x, id)
			calls.Watch(nil)
			x.Failed(id)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSessions: a call whose session is not refreshed in time is over, and no
// other one (RFC 4028 section 8.3).
func TestSessions(t *testing.T) {
	const minute = time.Minute
	tests := []struct {
		name string
		do   func(*Tracker, ID)
		want map[time.Duration]int // how many calls there are after a time
	}{
		{"it rings", func(*Tracker, ID) {}, map[time.Duration]int{24 * time.Hour: 1}},
		{"no timer", func(x *Tracker, id ID) { x.Answered(id, 0, "202", "b") }, map[time.Duration]int{24 * time.Hour: 1}},
		{"not refreshed", func(x *Tracker, id ID) { x.Answered(id, 2*minute, "202", "b") }, map[time.Duration]int{2*minute - time.Second: 1, 2*minute + 6*time.Second: 0}},
		{"refreshed by either side", func(x *Tracker, id ID) {
			x.Answered(id, 2*minute, "202", "b")
			time.Sleep(minute)
			x.Refreshed(request(t, "INVITE", "a", "b"), 2*minute)
			time.Sleep(minute)
			x.Refreshed(request(t, "UPDATE", "b", "a"), 2*minute)
		}, map[time.Duration]int{2*minute - time.Second: 1, 2*minute + 6*time.Second: 0}},
		{"another call is refreshed", func(x *Tracker, id ID) {
			x.Answered(id, 2*minute, "202", "b")
			x.Refreshed(request(t, "INVITE", "x", "y"), time.Hour)
		}, map[time.Duration]int{2*minute + 6*time.Second: 0}},
		{"the timer is given up", func(x *Tracker, id ID) {
			x.Answered(id, 2*minute, "202", "b")
			x.Refreshed(request(t, "INVITE", "a", "b"), 0)
		}, map[time.Duration]int{24 * time.Hour: 1}},
		{"an UPDATE while it rings", func(x *Tracker, _ ID) {
			x.Refreshed(request(t, "UPDATE", "a", "b"), minute)
		}, map[time.Duration]int{24 * time.Hour: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for after, want := range tt.want {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					calls := live.NewCalls()
					x := newTracker(calls)
					done := make(chan error, 1)
					go func() { done <- x.Run(ctx) }()
					id, _ := x.Invited(request(t, "INVITE", "a", ""), alice, bob)
					tt.do(x, id)
					time.Sleep(after)
					if got := calls.Count(); got != want {
						t.Errorf("after %v: got %d calls, want %d", after, got, want)
					}
					cancel()
					if err := <-done; err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestMergedInvite: an INVITE that comes a second time by another way is told
// apart from another call, and from the same one to somebody else.
func TestMergedInvite(t *testing.T) {
	first := request(t, "INVITE", "a", "")
	later, err := message.ParseString(strings.Replace(first.Raw(), "CSeq: 1", "CSeq: 2", 1))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		invite *message.Message
		to     string
		ended  bool
		isNew  bool
	}{
		{"the same", first, "202", false, false},
		{"the same when the first is over", first, "202", true, true},
		{"another caller", request(t, "INVITE", "b", ""), "202", false, true},
		{"to somebody else", first, "203", false, true},
		{"tried once more", later, "202", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := newTracker(live.NewCalls())
			id, ok := x.Invited(first, alice, bob)
			if !ok || id == "" {
				t.Fatal("the first is no new call")
			}
			if tt.ended {
				x.Ended(id)
			}
			if again, isNew := x.Invited(tt.invite, alice, Party{Number: tt.to, IsUser: true}); isNew != tt.isNew || (again != "") != isNew {
				t.Errorf("got %q, %v, want %v", again, isNew, tt.isNew)
			}
		})
	}
}
