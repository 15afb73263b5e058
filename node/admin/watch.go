package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// heartbeat is how often a quiet stream of events sends an empty line, so that
// a reader that is gone is noticed.
const heartbeat = 15 * time.Second

// events lists the events after ?after=; with ?watch=true the answer goes on,
// one JSON object a line, until the asker leaves or the node stops.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint("0"+r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		s.refuse(w, r, invalid("after", "after is the ID of an event"))
		return
	}
	if watch, _ := strconv.ParseBool(r.URL.Query().Get("watch")); watch {
		s.stream(w, r, after)
		return
	}
	found, _ := s.o.Events.After(after)
	s.answer(w, found)
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, after uint64) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, lines := http.NewResponseController(w), json.NewEncoder(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's would end the stream
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime))
		found, more := s.o.Events.After(after)
		for _, e := range found {
			after = e.ID
			if lines.Encode(e) != nil {
				return
			}
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-more:
		case <-tick.C:
			_, _ = w.Write([]byte("\n"))
		case <-r.Context().Done():
			return
		}
	}
}
