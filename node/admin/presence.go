package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"carillon/store/live"
)

// A Presence says what is told of a user, or of one source where they are not merged,
// and which other sources there are.
type Presence struct {
	User     string    `json:"user"`
	State    string    `json:"state"`    // open or closed
	Activity string    `json:"activity"` // empty, or a word of RFC 4480
	Note     string    `json:"note"`
	Source   string    `json:"source"` // the kind: dialog, primary, publish or registration
	By       string    `json:"by"`     // who has published it for the user, or what the source calls itself
	Node     string    `json:"node"`
	Since    time.Time `json:"since"`
	Others   []string  `json:"others"` // the kinds of what counts less
}

// PresenceOf returns the rows of users.
func PresenceOf(table *live.Presences, users []string) []Presence {
	rows := []Presence{}
	for _, user := range users {
		is, said := table.Look(user)
		told := is.Tuples
		others := []string{}
		for _, x := range said[min(len(told), len(said)):] {
			others = append(others, x.Kind.String())
		}
		for _, x := range told {
			rows = append(rows, Presence{
				User: user, State: basic(x.Open), Activity: x.Activity, Note: x.Note, Source: x.Kind.String(), By: cmp.Or(x.By, x.Source), Node: x.Node,
				Since: x.Since.UTC().Truncate(time.Second), Others: others,
			})
		}
	}
	return rows
}

func basic(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}

func (s *Server) presence(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.allPresence()) }

func (s *Server) allPresence() []Presence {
	var users []string
	for u := range s.o.Config.View().Users() {
		users = append(users, u.Number)
	}
	slices.Sort(users)
	return PresenceOf(s.o.Presences, users)
}

// Presence returns what is known of the users' presence, as this node has it.
func (c *Client) Presence(ctx context.Context) ([]Presence, error) {
	return get[[]Presence](ctx, c, "/v1/presence", nil)
}
