package admin

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"carillon/store"
)

// An APIToken is what a program shows, without the secret.
type APIToken struct {
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`          // presence or view
	User    string    `json:"user,omitempty"` // the only one whom it is about
	Site    string    `json:"site,omitempty"` // the site whose users alone it is about
	By      string    `json:"by"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
	Used    time.Time `json:"used,omitzero"`    // last, as far as nodes remember that run
}

// A NewAPIToken is an APIToken with its secret, which is told once.
type NewAPIToken struct {
	APIToken

	Token string `json:"token"`
	URL   string `json:"url,omitempty"` // of the API at this node; empty: it does not answer there
}

// createAPIToken makes the token ?name=, of ?scope=, ?user=, ?site=, that ends ?until=.
func (s *Server) createAPIToken(w http.ResponseWriter, r *http.Request) {
	q, now := r.URL.Query(), time.Now()
	t := store.APIToken{
		Name: q.Get("name"), Scope: q.Get("scope"), User: q.Get("user"), Site: q.Get("site"),
		Created: now.UTC().Truncate(time.Second), By: author(r),
	}
	if until := q.Get("until"); until != "" {
		var err error
		if t.Expires, err = time.Parse(time.RFC3339, until); err != nil || !t.Expires.After(now) {
			s.refuse(w, r, invalid("until", "a token ends in the future, at a time like 2027-01-31T00:00:00Z"))
			return
		}
	}
	secret := newSecret()
	t.Hash = hashOf(secret)
	if err := s.o.Config.Propose(r.Context(), store.AddAPIToken{By: store.Author{Who: t.By, At: now}, Token: t}); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.port.look()
	s.answer(w, NewAPIToken{APIToken: apiTokenRow(t), Token: secret, URL: s.url()})
}

// url returns where programs ask this node; empty if nowhere.
func (s *Server) url() string {
	at := s.o.Port
	if at.Port() == 0 {
		return ""
	}
	host := at.Addr().String()
	if !at.Addr().IsValid() {
		host = ""
		for _, name := range s.o.Certificate().Names {
			if _, err := netip.ParseAddr(name); err == nil || host == "" {
				host = name
			}
		}
	}
	if host == "" {
		return ""
	}
	return "https://" + netHost(host) + ":" + strconv.Itoa(int(at.Port()))
}

// netHost is host as URLs have it.
func netHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return "[" + host + "]"
	}
	return host
}

func apiTokenRow(t store.APIToken) APIToken {
	return APIToken{Name: t.Name, Scope: t.Scope, User: t.User, Site: t.Site, By: t.By, Created: t.Created, Expires: t.Expires.UTC()}
}

// apiTokens lists the tokens, with their last use at any node that answers.
func (s *Server) apiTokens(w http.ResponseWriter, r *http.Request) {
	used, silent := s.o.AllUses(r.Context())
	rows := []APIToken{}
	for _, t := range s.o.Config.View().APITokens() {
		row := apiTokenRow(t)
		for _, u := range used {
			if u.Token == t.Name && u.At.After(row.Used) {
				row.Used = u.At
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b APIToken) int { return a.Created.Compare(b.Created) })
	sayPartial(w, silent)
	s.answer(w, rows)
}

// revokeAPIToken has the token ?name= count no more.
func (s *Server) revokeAPIToken(w http.ResponseWriter, r *http.Request) {
	change := store.RemoveAPIToken{By: store.Author{Who: author(r), At: time.Now()}, Name: r.URL.Query().Get("name")}
	if err := s.o.Config.Propose(r.Context(), change); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.answer(w, APIToken{Name: change.Name})
}

// CreateAPIToken makes a token like t, whose name, scope, user, site and end count.
func (c *Client) CreateAPIToken(ctx context.Context, t APIToken) (NewAPIToken, error) {
	q := url.Values{"name": {t.Name}, "scope": {t.Scope}, "user": {t.User}, "site": {t.Site}}
	if !t.Expires.IsZero() {
		q.Set("until", t.Expires.UTC().Format(time.RFC3339))
	}
	return post[NewAPIToken](ctx, c, "/v1/api-tokens", q, nil)
}

// APITokens returns the tokens of programs. When some nodes did not answer, the error is a
// [*Partial]: a token may have been used there later.
func (c *Client) APITokens(ctx context.Context) ([]APIToken, error) {
	return get[[]APIToken](ctx, c, "/v1/api-tokens", nil)
}

// RevokeAPIToken has the token of a name count no more, at any node.
func (c *Client) RevokeAPIToken(ctx context.Context, name string) error {
	_, err := ask[APIToken](ctx, c, http.MethodDelete, "/v1/api-tokens", url.Values{"name": {name}}, nil)
	return err
}
