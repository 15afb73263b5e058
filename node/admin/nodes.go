package admin

import (
	"context"
	"net/http"
	"time"
)

// Nodes is how nodes come and go, on behalf of a person. Both methods may be
// called at the same time, on any node of the system.
type Nodes interface {
	// NewToken makes a token for who that is good for ttl.
	NewToken(ctx context.Context, who string, ttl time.Duration) (Token, error)
	// RemoveNode takes a node out of the system for good, whether it is alive or
	// not. Who is called who answers for it.
	RemoveNode(ctx context.Context, who, name string) (Removed, error)
}

// A Token lets one node join.
type Token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Join    string    `json:"join"` // what to give with --join
	Site    string    `json:"site"` // where the node stands that made it
}

// Removed is a node that is out of the system.
type Removed struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Mains int    `json:"mains"` // that are left
}

// longestTTL bounds how long a token may lie about.
const longestTTL = 30 * 24 * time.Hour

// createToken makes a token that is good for ?ttl=.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) {
	ttl, err := time.ParseDuration(r.URL.Query().Get("ttl"))
	if err != nil || ttl <= 0 || ttl > longestTTL {
		s.refuse(w, r, invalid("ttl", "a token is good for a time like 30m, at most 30 days"))
		return
	}
	t, err := s.o.Nodes.NewToken(r.Context(), author(r), ttl)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, t)
}

// removeNode takes the node ?name= out of the system.
func (s *Server) removeNode(w http.ResponseWriter, r *http.Request) {
	gone, err := s.o.Nodes.RemoveNode(r.Context(), author(r), r.URL.Query().Get("name"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, gone)
}
