package trace

import (
	"slices"
	"strconv"
	"time"
)

// A Dialog is what passed under one Call-ID: a call, the registrations of a
// phone, a subscription. It is what sngrep lists.
type Dialog struct {
	CallID      string
	Method      string // of the first request
	From, To    string // its users
	State       string // of a call: setup, in call, completed, busy, cancelled, diverted, rejected and why; else the last final response
	First, Last time.Time
	Messages    int
	Source      Message // the first
	Destination Message // the first that passed the request on; the zero Message if nobody did
}

// Dialogs groups messages, which must be in the order of time; the dialog that
// began first comes first. What has no Call-ID is left out.
func Dialogs(messages []Message) []Dialog {
	found := make(map[string]*dialog)
	for _, m := range messages {
		if m.CallID == "" {
			continue
		}
		d := found[m.CallID]
		if d == nil {
			d = &dialog{Dialog: Dialog{CallID: m.CallID, Method: m.Method, From: m.From, To: m.To, First: m.At, Source: m}}
			found[m.CallID] = d
		}
		d.take(m)
	}
	all := make([]Dialog, 0, len(found))
	for _, d := range found {
		all = append(all, d.Dialog)
	}
	slices.SortFunc(all, func(a, b Dialog) int { return a.First.Compare(b.First) })
	return all
}

// dialog is a Dialog being read.
type dialog struct {
	Dialog

	up bool // it was answered
}

// The states of a call.
const (
	setup     = "setup"
	inCall    = "in call"
	completed = "completed"
	cancelled = "cancelled"
	busy      = "busy"
	diverted  = "diverted"
	rejected  = "rejected"
)

func (d *dialog) take(m Message) {
	d.Messages++
	d.Last = m.At
	if m.Status == 0 && m.Sent != d.Source.Sent && d.Destination.At.IsZero() && m.Method == d.Method {
		d.Destination = m
	}
	// What counts is what the one heard who asked first, not the answer of each
	// phone that rang.
	heard := m.Sent != d.Source.Sent
	switch {
	case d.Method == "INVITE":
		d.call(m, heard)
	case m.Status >= 200 && heard:
		d.State = m.Start
	}
}

// call follows the state of a call.
func (d *dialog) call(m Message, heard bool) {
	switch {
	case m.Method == "BYE" && d.up:
		d.State = completed
	case m.Status == 0 && m.Method == "CANCEL" && !d.up:
		d.State = cancelled
	case m.Status == 0 && m.Method == "INVITE" && !d.up:
		d.State = setup
	case m.Method == "INVITE" && m.Status >= 200 && heard && !d.up:
		d.State, d.up = outcome(m.Status, d.State), m.Status < 300
	}
}

// outcome is the state of a call after a final response to its INVITE.
func outcome(status int, before string) string {
	switch {
	case status < 300:
		return inCall
	case status < 400:
		return diverted
	case status == 401, status == 407, before == cancelled:
		return before
	case status == 486, status == 600:
		return busy
	default:
		return rejected + " " + strconv.Itoa(status)
	}
}
