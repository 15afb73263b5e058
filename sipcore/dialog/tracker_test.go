package dialog

import (
	"testing"

	"carillon/sipcore/message"
	"carillon/store/live"
)

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
		{"answered", func(x *Tracker, id ID) { x.Answered(id) }, live.Up},
		{"answered twice", func(x *Tracker, id ID) { x.Answered(id); x.Answered(id) }, live.Up},
		{"refused", func(x *Tracker, id ID) { x.Ended(id) }, ""},
		{"the caller hangs up", func(x *Tracker, id ID) { x.Answered(id); x.EndedBy(request(t, "BYE", "a", "b")) }, ""},
		{"the callee hangs up", func(x *Tracker, id ID) { x.Answered(id); x.EndedBy(request(t, "BYE", "b", "a")) }, ""},
		{"another call's BYE", func(x *Tracker, id ID) { x.Answered(id); x.EndedBy(request(t, "BYE", "x", "y")) }, live.Up},
		{"an answer after the end", func(x *Tracker, id ID) { x.Ended(id); x.Answered(id) }, ""},
		{"the end of no call", func(x *Tracker, _ ID) { x.Ended("") }, live.Ringing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := live.NewCalls()
			x := NewTracker("laurel", calls)
			tt.do(x, x.Invited(request(t, "INVITE", "a", ""), "201", "202"))
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
