package admin

import (
	"context"
	"net/http"
	"net/url"
)

// Drained is whether a node has its phones go elsewhere.
type Drained struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Drained bool   `json:"drained"`
}

// drain takes the node ?name= out of all answers, or with ?undo=yes into them again.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	d, err := s.o.Nodes.Drain(r.Context(), author(r), q.Get("name"), q.Get("undo") == "yes")
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, d)
}

// Drain has the phones of a node go elsewhere, or with undo lets them come again.
func (c *Client) Drain(ctx context.Context, name string, undo bool) (Drained, error) {
	q := url.Values{"name": {name}}
	if undo {
		q.Set("undo", "yes")
	}
	return post[Drained](ctx, c, "/v1/drain", q, nil)
}
