package admin

import (
	"context"
	"net/http"
	"time"
)

// Nodes is how nodes come and go, on behalf of a person. All methods may be
// called at the same time, on any node of the system.
type Nodes interface {
	// NewToken makes a token for who that is good for ttl.
	NewToken(ctx context.Context, who string, ttl time.Duration) (Token, error)
	// RemoveNode takes a node out of the system for good, whether it is alive or
	// not. Who is called who answers for it.
	RemoveNode(ctx context.Context, who, name string) (Removed, error)
	// Drain has the phones of a node go elsewhere, or with undo lets them come again.
	Drain(ctx context.Context, who, name string, undo bool) (Drained, error)
	// RenewNode has a node have another key, and a certificate for it; that of the
	// former key counts no more.
	RenewNode(ctx context.Context, name string) (Renewed, error)
}

// Mains is who decides about the configuration, under the same terms as Nodes.
type Mains interface {
	// Deciding says which mains decide, and which of them do not answer. Its error
	// is why this node could not take over.
	Deciding(ctx context.Context) (Deciding, error)
	// TakeOver makes this node the only one that decides.
	TakeOver(ctx context.Context, who string) (Deciding, error)
}

// Deciding is who decides about the configuration, as one main sees it.
type Deciding struct {
	Node     string   `json:"node"`     // that was asked
	Voters   []string `json:"voters"`   // more than half of them are needed
	Missing  []string `json:"missing"`  // of those, who does not answer
	Revision uint64   `json:"revision"` // of its configuration
}

// A Token lets one node join.
type Token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Join    string    `json:"join"`           // what to give with --join
	Role    string    `json:"role,omitempty"` // the only one that it lets join; empty: any
	Site    string    `json:"site"`           // where the node stands that made it; with a role, where alone it lets join
}

// Removed is a node that is out of the system.
type Removed struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Mains int    `json:"mains"` // that are left
}

// Renewed is a node that has another key.
type Renewed struct {
	Name string `json:"name"`
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

// deciding answers what a take-over would be about.
func (s *Server) deciding(w http.ResponseWriter, r *http.Request) {
	d, err := s.o.Mains.Deciding(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, d)
}

// takeOver has this node decide alone.
func (s *Server) takeOver(w http.ResponseWriter, r *http.Request) {
	d, err := s.o.Mains.TakeOver(r.Context(), author(r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, d)
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

// renewNode has the node ?name= have another key.
func (s *Server) renewNode(w http.ResponseWriter, r *http.Request) {
	done, err := s.o.Nodes.RenewNode(r.Context(), r.URL.Query().Get("name"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, done)
}
