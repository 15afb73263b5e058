package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A Tracing is what the API needs to show which messages passed. All methods may
// be called at the same time; the names of the nodes that did not answer come
// with the answer.
type Tracing interface {
	// Dialogs returns what passed, one row for each Call-ID, the one that began
	// first first.
	Dialogs(ctx context.Context, q TraceQuery) (found []Dialog, silent []string)
	// Messages returns the messages themselves in the order of time, each once.
	Messages(ctx context.Context, q TraceQuery) (found []Message, silent []string)
}

// A TraceQuery says which messages are meant: those of a call, or of all the
// dialogs that a user had a part in, or, when it is empty, all.
type TraceQuery struct {
	User   string `json:"user,omitempty"`
	CallID string `json:"call_id,omitempty"`
}

// A Dialog is what passed under one Call-ID: a call, or the registrations of a
// phone.
type Dialog struct {
	CallID      string    `json:"call_id"`
	Method      string    `json:"method"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	State       string    `json:"state"` // of a call: setup, in call, completed, ...; else the last final response
	Messages    int       `json:"messages"`
	Source      End       `json:"source"`
	Destination End       `json:"destination"` // zero when nobody was asked
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Nodes       []string  `json:"nodes"` // that have seen it
}

// An End is one side of what passed.
type End struct {
	Name    string `json:"name"` // of a node, or the user there, if that is known
	Address string `json:"address"`
	Node    bool   `json:"node,omitempty"`
}

// A Message is one that a node received or sent. What its reader must not know
// (passwords' proofs, keys) has become stars.
type Message struct {
	Time      time.Time `json:"time"`                   // by the node's clock
	Corrected int64     `json:"corrected_ms,omitempty"` // what was added to that clock, because it is off
	Node      string    `json:"node"`
	Sent      bool      `json:"sent"` // by the node; else received
	Transport string    `json:"transport"`
	Local     string    `json:"local"`
	Peer      End       `json:"peer"`
	Start     string    `json:"start"` // "INVITE" or "180 Ringing"
	Method    string    `json:"method"`
	Status    int       `json:"status,omitempty"`
	CallID    string    `json:"call_id"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	SDP       bool      `json:"sdp,omitempty"`
	Size      int       `json:"size"` // in bytes; text may be only the beginning
	Text      string    `json:"text"`
}

func (q TraceQuery) values() url.Values {
	return url.Values{"user": {q.User}, "call": {q.CallID}}
}

func traceQuery(r *http.Request) TraceQuery {
	return TraceQuery{User: r.URL.Query().Get("user"), CallID: r.URL.Query().Get("call")}
}

// dialogs lists what passed, of ?user= or ?call= or all.
func (s *Server) dialogs(w http.ResponseWriter, r *http.Request) {
	found, silent := s.o.Tracing.Dialogs(r.Context(), traceQuery(r))
	sayPartial(w, silent)
	s.answer(w, notNil(found))
}

// messages returns what passed, of ?user= or ?call= or all.
func (s *Server) messages(w http.ResponseWriter, r *http.Request) {
	found, silent := s.o.Tracing.Messages(r.Context(), traceQuery(r))
	sayPartial(w, silent)
	s.answer(w, notNil(found))
}
