package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"carillon/store/live"
)

// Status is what a node says about itself.
type Status struct {
	Name          string `json:"name"`
	Site          string `json:"site"`
	Role          string `json:"role"`
	Mode          string `json:"mode"` // cluster or survivable
	Links         []Link `json:"links"`
	Config        uint64 `json:"config"` // the index of the View in force
	ConfigHash    string `json:"config_hash"`
	Registrations int    `json:"registrations"`
	Calls         int    `json:"calls"`
}

// A Link is how a node stands with another one.
type Link struct {
	Node  string    `json:"node"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
}

// A Registration is a phone that can be called.
type Registration struct {
	User      string    `json:"user"`
	Contact   string    `json:"contact"`
	Node      string    `json:"node"`
	Transport string    `json:"transport"`
	State     string    `json:"state"` // up, or down: it must come back before it can be called
	Expires   time.Time `json:"expires"`
}

// A Call is one that rings or is up.
type Call struct {
	ID     string    `json:"id"`
	CallID string    `json:"call_id"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	State  string    `json:"state"` // ringing or up
	Node   string    `json:"node"`
	Since  time.Time `json:"since"`
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.o.Status()) }

// registrations lists who is registered, or the phones of ?user=.
func (s *Server) registrations(w http.ResponseWriter, r *http.Request) {
	bindings, now := s.o.Bindings.All(), time.Now()
	only := r.URL.Query().Get("user")
	found := []Registration{}
	for _, b := range bindings {
		if only == "" || b.User == only {
			found = append(found, registrationOf(b, now))
		}
	}
	slices.SortFunc(found, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Contact, b.Contact))
	})
	s.answer(w, found)
}

func registrationOf(b live.Binding, now time.Time) Registration {
	return Registration{
		User: b.User, Contact: b.Contact, Node: b.Node, Transport: b.Transport,
		State: b.State(now), Expires: b.Expires.UTC().Truncate(time.Second),
	}
}

// calls lists the calls that exist, the oldest first.
func (s *Server) calls(w http.ResponseWriter, _ *http.Request) {
	found := []Call{}
	for _, c := range s.o.Calls.All() {
		found = append(found, Call{
			ID: strings.ReplaceAll(c.ID, "\x00", ";"), CallID: c.CallID, From: c.From, To: c.To,
			State: c.State, Node: c.Node, Since: c.Since.UTC().Truncate(time.Millisecond),
		})
	}
	slices.SortFunc(found, func(a, b Call) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	s.answer(w, found)
}

// A User is a number that can be called.
type User struct {
	Number string `json:"number"`
	Name   string `json:"name"`
}

// users lists the numbers that the configuration knows.
func (s *Server) users(w http.ResponseWriter, _ *http.Request) {
	found := []User{}
	for u := range s.o.Config.View().Users() {
		found = append(found, User{u.Number, u.Name})
	}
	s.answer(w, found)
}
