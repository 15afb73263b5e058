package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"carillon/store"
	"carillon/store/live"
)

// What a program may say of a user beside the activities of RFC 4480.
const (
	available   = "available"   // open, and nothing more
	unavailable = "unavailable" // closed
)

// PresenceActivities are the words that SetPresence takes.
func PresenceActivities() []string {
	return slices.Concat([]string{available, unavailable}, store.Activities())
}

// How long what a program says of a user lasts.
const (
	usualTTL   = time.Hour
	longestSay = 7 * 24 * time.Hour
	mostNote   = 256 // bytes
)

// An Activity is one of PresenceActivities.
type Activity string

// Schema implements [huma.SchemaProvider].
func (Activity) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: "available, unavailable, or an activity of RFC 4480"}
	for _, word := range PresenceActivities() {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// A Statement is what a program says of a user.
type Statement struct {
	Activity Activity `json:"activity"`
	Note     string   `json:"note,omitempty" maxLength:"256" doc:"A few words for people."`
	TTL      int      `json:"ttl,omitempty" minimum:"1" maximum:"604800" default:"3600" doc:"Seconds until it is over, unless it is said again."`
}

// A userQuestion is about one user.
type userQuestion struct {
	Number string `path:"number" maxLength:"64" doc:"The user's number." example:"201"`
}

type statementAbout struct {
	Number string `path:"number" maxLength:"64" doc:"The user's number." example:"201"`
	Body   Statement
}

// A presenceAnswer is what watchers are told.
type presenceAnswer struct{ Body Presence }

const presencePath = "/v1/users/{number}/presence"

func (s *Server) mountPresence(api huma.API) {
	huma.Register(api, operation(http.MethodGet, presencePath, "get-presence", "What is told of a user",
		"What watchers are told of a user, of all that is known of him: calls, what phones and programs say, registrations.", http.StatusNotFound),
		s.getPresence)
	huma.Register(api, operation(http.MethodPut, presencePath, "set-presence", "Say something of a user",
		"What programs say counts like what phones publish; the one who says something last is believed. A call of the user, and the primary source if it is "+
			"another (`merge_primary_source`), count more: the answer is what is told of him now.", http.StatusNotFound),
		s.setPresence)
	huma.Register(api, operation(http.MethodDelete, presencePath, "delete-presence", "Say nothing of a user any more",
		"What programs have said of him is over, whichever node was told. The answer is what is told of him now.", http.StatusNotFound),
		s.deletePresence)
}

func (s *Server) getPresence(ctx context.Context, q *userQuestion) (*presenceAnswer, error) {
	if err := s.about(q.Number, askerOf(ctx).mayRead); err != nil {
		return nil, s.refused(err)
	}
	return s.told(q.Number), nil
}

func (s *Server) setPresence(ctx context.Context, q *statementAbout) (*presenceAnswer, error) {
	if err := s.about(q.Number, askerOf(ctx).maySet); err != nil {
		return nil, s.refused(err)
	}
	if len(q.Body.Note) > mostNote {
		return nil, s.refused(invalid("note", fmt.Sprintf("the note has %d bytes: %d is the most", len(q.Body.Note), mostNote)))
	}
	said := live.Presence{
		User: q.Number, ID: live.FromAPI, Source: live.FromAPI, Open: q.Body.Activity != unavailable,
		Note: q.Body.Note, Fixed: true, Expires: time.Duration(q.Body.TTL) * time.Second,
	}
	if word := string(q.Body.Activity); live.IsActivity(word) {
		said.Activity = word
	}
	if _, err := s.o.Presences.Put(said, time.Now()); err != nil {
		return nil, s.refused(invalid("note", "the note has characters that nobody can read"))
	}
	s.o.Logger.Debug("presence was set", "user", q.Number, "activity", q.Body.Activity, "by", askerOf(ctx).name())
	return s.told(q.Number), nil
}

func (s *Server) deletePresence(ctx context.Context, q *userQuestion) (*presenceAnswer, error) {
	if err := s.about(q.Number, askerOf(ctx).maySet); err != nil {
		return nil, s.refused(err)
	}
	if err := s.o.Presences.Withdraw(q.Number, live.FromAPI, time.Now()); err != nil {
		return nil, s.refused(err)
	}
	s.o.Logger.Debug("presence was withdrawn", "user", q.Number, "by", askerOf(ctx).name())
	return s.told(q.Number), nil
}

// about reports why a question about a user is refused, or nil. Whom a token is not about
// it does not even tell the existence of.
func (s *Server) about(number string, may func(store.User) bool) error {
	user, known := s.o.Config.View().User(number)
	switch {
	case !may(user):
		return &Problem{Kind: NotAllowed, Message: fmt.Sprintf("the token does not let you do that to the presence of %s: `carillon token list` shows what it is for", printable(number))}
	case !known:
		return &Problem{Kind: string(store.NotFound), Message: fmt.Sprintf("there is no user %s", printable(number))}
	}
	return nil
}

// told returns what counts most of a user.
func (s *Server) told(user string) *presenceAnswer {
	rows := PresenceOf(s.o.Presences, []string{user})
	if len(rows) == 0 {
		return &presenceAnswer{Presence{User: user, State: basic(false), Others: []string{}}}
	}
	first := rows[0]
	for _, x := range rows[1:] { // where they are not merged
		first.Others = append(first.Others, x.Source)
	}
	return &presenceAnswer{first}
}

// SetPresence has the API say something of a user, and returns what is told of him now.
func (c *Client) SetPresence(ctx context.Context, user string, said Statement) (Presence, error) {
	body, err := json.Marshal(said)
	if err != nil {
		return Presence{}, err
	}
	return ask[Presence](ctx, c, http.MethodPut, presenceOf(user), nil, body)
}

// ClearPresence has the API say nothing of a user any more, and returns what is told of
// him now.
func (c *Client) ClearPresence(ctx context.Context, user string) (Presence, error) {
	return ask[Presence](ctx, c, http.MethodDelete, presenceOf(user), nil, nil)
}

// presenceOf is the path of the presence of a user, whose number is text that URLs escape.
func presenceOf(user string) string { return strings.Replace(presencePath, "{number}", user, 1) }
