package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// LongestDrill is how long the line of a site may be taken from it on purpose.
const LongestDrill = 10 * time.Minute

// The promises that a drill is judged by.
const (
	promisedAlone  = 10 * time.Second
	promisedReturn = 15 * time.Second
)

// The states of a drill at a node.
const (
	DrillWaits   = "begins"  // it is about to begin
	DrillCuts    = "cut"     // the line is as if cut
	DrillReturns = "returns" // the line is back, and the node is not yet with the others
	DrillDone    = "done"
)

// Drills is how the loss of a site's line is rehearsed. All methods may be called
// at the same time.
type Drills interface {
	// StartDrill begins one that lasts for a time, on behalf of a person; its error
	// is why it does not begin anywhere.
	StartDrill(ctx context.Context, who, site string, lasts time.Duration) error
	// StopDrill ends it early, wherever it goes on and can be reached.
	StopDrill(ctx context.Context, who string)
	// Drill tells of the last one that was started at this node.
	Drill(ctx context.Context) (Drill, error)
}

// A Drill is how one went, or goes.
type Drill struct {
	Site   string      `json:"site"`
	Done   bool        `json:"done"`   // at all nodes of the site that can be asked
	Nodes  []DrillNode `json:"nodes"`  // of the site, and then those elsewhere that had calls of its phones
	Silent []string    `json:"silent"` // of those, who does not answer
	Kept   bool        `json:"kept"`   // it is done, and every promise was kept
}

// A DrillNode is a drill at one node. Times are in seconds; those that did not come
// are left out. Calls are those that the node carries, each between two phones of the
// site, or between one and somebody elsewhere: a call that is lost was up, and its
// phones were not heard of any more, or who hung up could not tell the other; one that
// is refused reached nobody.
type DrillNode struct {
	Node       string   `json:"node"`
	Elsewhere  bool     `json:"elsewhere,omitempty"` // it is at the other end of the line: its calls alone are told
	State      string   `json:"state"`
	Why        string   `json:"why,omitempty"` // it ended early
	Cut        float64  `json:"cut_seconds"`   // how long the line was as if cut
	Alone      *float64 `json:"survivable_seconds,omitempty"`
	Back       *float64 `json:"return_seconds,omitempty"`
	Calls      int      `json:"calls"`      // within the site, that were up when it began
	Lost       int      `json:"calls_lost"` // within the site
	Beyond     int      `json:"calls_beyond"`
	BeyondLost int      `json:"calls_beyond_lost"`
	Refused    int      `json:"calls_refused"`
	Phones     int      `json:"registrations"`      // of the site that could be called when it began, wherever registered
	Here       int      `json:"registrations_here"` // at the site when the line was back
	Dropped    int      `json:"registrations_lost"` // that could not be called then
}

// HadCalls reports whether calls of the site's phones are told.
func (n DrillNode) HadCalls() bool {
	return n.Calls+n.Lost+n.Beyond+n.BeyondLost+n.Refused > 0
}

// Broken returns which promises a node has not kept, in words.
func (n DrillNode) Broken() (all []string) {
	if !n.Elsewhere {
		all = n.late()
	}
	if n.Lost > 0 {
		all = append(all, fmt.Sprintf("%d calls lost", n.Lost))
	}
	if n.Dropped > 0 {
		all = append(all, fmt.Sprintf("%d registrations lost", n.Dropped))
	}
	return all
}

// late returns what took too long.
func (n DrillNode) late() (all []string) {
	late := func(what string, took *float64, promised time.Duration) {
		switch {
		case took == nil:
			all = append(all, what+" never")
		case *took > promised.Seconds():
			all = append(all, fmt.Sprintf("%s after %.1f s, not within %.0f", what, *took, promised.Seconds()))
		}
	}
	if n.Alone != nil || n.Cut >= promisedAlone.Seconds() {
		late("survivable", n.Alone, promisedAlone)
	}
	if n.Alone != nil {
		late("back", n.Back, promisedReturn)
	}
	return all
}

// startDrill begins a drill of ?site= for ?for=. With ?watch=true the answer goes on
// until the drill is done, one Drill a line, and an asker who leaves ends the drill.
func (s *Server) startDrill(w http.ResponseWriter, r *http.Request) {
	lasts, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || lasts < time.Second || lasts > LongestDrill {
		s.refuse(w, r, invalid("for", fmt.Sprintf("a drill lasts a time like 60s, at most %v", LongestDrill)))
		return
	}
	site := r.URL.Query().Get("site")
	if err = s.o.Drills.StartDrill(r.Context(), author(r), site, lasts); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.o.Events.Add("drill", "%s rehearses the loss of the line to %s for %v", author(r), site, lasts)
	if watch, _ := strconv.ParseBool(r.URL.Query().Get("watch")); watch {
		s.followDrill(w, r)
		return
	}
	s.drill(w, r)
}

// drillLooks is how often who follows a drill is told of it.
const drillLooks = 500 * time.Millisecond

// followDrill tells of the drill until it is done.
func (s *Server) followDrill(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, lines := http.NewResponseController(w), json.NewEncoder(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's would end the stream
	tick := time.NewTicker(drillLooks)
	defer tick.Stop()
	for {
		d, err := s.o.Drills.Drill(r.Context())
		_ = out.SetWriteDeadline(time.Now().Add(writeTime))
		if err == nil && (lines.Encode(d) != nil || out.Flush() != nil) || r.Context().Err() != nil {
			s.o.Drills.StopDrill(context.WithoutCancel(r.Context()), author(r)+", who does not watch it any more,")
			return
		}
		if err != nil || d.Done {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
		}
	}
}

func (s *Server) stopDrill(w http.ResponseWriter, r *http.Request) {
	s.o.Drills.StopDrill(r.Context(), author(r))
	s.drill(w, r)
}

func (s *Server) drill(w http.ResponseWriter, r *http.Request) {
	d, err := s.o.Drills.Drill(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, d)
}

// StartDrill begins a drill.
func (c *Client) StartDrill(ctx context.Context, site string, lasts time.Duration) (Drill, error) {
	return post[Drill](ctx, c, "/v1/drill", url.Values{"site": {site}, "for": {lasts.String()}}, nil)
}

// Rehearse begins a drill and calls f with how it goes until it is done. If ctx ends
// before, or the caller does, so does the drill.
func (c *Client) Rehearse(ctx context.Context, site string, lasts time.Duration, f func(Drill) error) error {
	query := url.Values{"site": {site}, "for": {lasts.String()}, "watch": {"true"}}
	answer, err := c.do(ctx, http.MethodPost, "/v1/drill", query, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	done := false
	err = eachLine(answer.Body, func(d Drill) error {
		done = d.Done
		return f(d)
	})
	if err == nil && !done {
		err = errors.Join(ErrNoNode, ctx.Err())
	}
	return err
}

// StopDrill ends the drill that goes on, if one does.
func (c *Client) StopDrill(ctx context.Context) (Drill, error) {
	return ask[Drill](ctx, c, http.MethodDelete, "/v1/drill", nil, nil)
}

// Drill returns how the last drill went, or goes.
func (c *Client) Drill(ctx context.Context) (Drill, error) {
	return get[Drill](ctx, c, "/v1/drill", nil)
}
