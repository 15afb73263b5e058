package store

import (
	"fmt"
	"slices"
	"time"
)

// What the bearer of an API token may do.
const (
	APIPresence = "presence" // read and set the presence of users
	APIView     = "view"     // read what `carillon` shows, and change nothing
)

// An APIToken lets a program ask a node over HTTPS. The system keeps a hash of its
// secret, which is 256 random bits. Like join tokens it is not in the file of people,
// and going back to a former revision leaves it as it is.
type APIToken struct {
	Name    string
	Hash    string    // SHA-256 of the secret, in hex
	Scope   string    // APIPresence or APIView
	User    string    // the only one whom APIPresence is about; empty: all
	Site    string    // the site whose users alone it is about; empty: all
	Created time.Time // by the clock of who made it
	Expires time.Time // zero: never
	By      string    // who made it
}

// Ended reports whether t counts no more.
func (t APIToken) Ended(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// Covers reports whether t is about a user.
func (t APIToken) Covers(u User) bool {
	return (t.User == "" || t.User == u.Number) && (t.Site == "" || t.Site == u.Site)
}

// IsNarrow reports whether there may be users whom t is not about.
func (t APIToken) IsNarrow() bool { return t.User != "" || t.Site != "" }

// APITokens returns all API tokens in the order of their making, those too that have
// ended.
func (v *View) APITokens() []APIToken { return slices.Clone(v.config.APITokens) }

// APIToken returns the API token whose secret has the given hash.
func (v *View) APIToken(hash string) (APIToken, bool) {
	for _, t := range v.config.APITokens {
		if t.Hash == hash {
			return t, true
		}
	}
	return APIToken{}, false
}

// mostAPITokens bounds how many there are.
const mostAPITokens = 200

// AddAPIToken has one more program ask. A token of that name that has ended by the
// author's clock makes room.
type AddAPIToken struct {
	By    Author
	Token APIToken
}

// On implements [Change].
func (a AddAPIToken) On(v *View) (*View, error) {
	if err := a.Token.check(v); err != nil {
		return nil, err
	}
	next := v.Config()
	next.APITokens = slices.DeleteFunc(next.APITokens, func(t APIToken) bool {
		return t.Name == a.Token.Name && t.Ended(a.By.At)
	})
	for _, t := range next.APITokens {
		if t.Name == a.Token.Name {
			return nil, &Error{Kind: Conflict, Field: "name", Message: fmt.Sprintf("there is an API token %s already: give another name, or revoke it with `carillon token revoke %s`", t.Name, t.Name)}
		}
	}
	if len(next.APITokens) >= mostAPITokens {
		return nil, &Error{Kind: Conflict, Field: "name", Message: fmt.Sprintf("there are %d API tokens: revoke some first; `carillon token list` shows when each was used last", mostAPITokens)}
	}
	next.APITokens = append(next.APITokens, a.Token)
	return NewView(next).At(v.index), nil
}

// check reports what is wrong with a token that is to be in v.
func (t APIToken) check(v *View) error {
	invalid := func(field, format string, args ...any) error {
		return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !isLabel(t.Name):
		return invalid("name", "%q cannot be the name of a token: letters, digits, - and _ are allowed, at most 63", clip(t.Name))
	case !isHex(t.Hash, 64):
		return invalid("token", "a token needs a secret")
	case t.Scope != APIPresence && t.Scope != APIView:
		return invalid("scope", "%q is no scope: write %s or %s", clip(t.Scope), APIPresence, APIView)
	case t.Scope != APIPresence && t.IsNarrow():
		return invalid("scope", "a token for one user or one site is for %s: one for %s is about everything", APIPresence, APIView)
	case t.User != "" && t.Site != "":
		return invalid("user", "a token is for one user or for one site: give one of them")
	}
	if _, known := v.User(t.User); t.User != "" && !known {
		return invalid("user", "there is no user %q", clip(t.User))
	}
	if _, known := v.Site(t.Site); t.Site != "" && !known {
		return invalid("site", "there is no site %q%s", clip(t.Site), v.knownSites())
	}
	return nil
}

// RemoveAPIToken has what a token lets do be refused from now on.
type RemoveAPIToken struct {
	By   Author
	Name string
}

// On implements [Change].
func (r RemoveAPIToken) On(v *View) (*View, error) {
	next := v.Config()
	had := len(next.APITokens)
	next.APITokens = slices.DeleteFunc(next.APITokens, func(t APIToken) bool { return t.Name == r.Name })
	if len(next.APITokens) == had {
		return nil, &Error{Kind: NotFound, Field: "name", Message: fmt.Sprintf("there is no API token %q: `carillon token list` shows them", clip(r.Name))}
	}
	return NewView(next).At(v.index), nil
}

func apiTokenKey(t APIToken) string { return t.Name }

func apiTokenFields(t APIToken) []field {
	until := ""
	if !t.Expires.IsZero() {
		until = t.Expires.UTC().Format(time.RFC3339)
	}
	return []field{
		{name: "scope", text: t.Scope},
		{name: "user", text: t.User},
		{name: "site", text: t.Site},
		{name: "until", text: until},
		{name: "secret", text: t.Hash, secret: true},
	}
}

// wireAPIToken is an [APIToken].
type wireAPIToken struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Hash    []byte
	Scope   string
	User    string
	Site    string
	Created int64 // Unix milliseconds
	Expires int64
	By      string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireAPIToken) UnmarshalCBOR(b []byte) error {
	type plain wireAPIToken // without this method
	return decodeShort(b, (*plain)(w))
}

type wireAddAPIToken struct {
	_     struct{} `cbor:",toarray"`
	By    wireAuthor
	Token wireAPIToken
}

type wireRemoveAPIToken struct {
	_    struct{} `cbor:",toarray"`
	By   wireAuthor
	Name string
}

func toWireAPIToken(t APIToken) wireAPIToken {
	return wireAPIToken{
		Name: t.Name, Hash: unhex(t.Hash), Scope: t.Scope, User: t.User, Site: t.Site,
		Created: unixMilli(t.Created), Expires: unixMilli(t.Expires), By: t.By,
	}
}

func fromWireAPIToken(w wireAPIToken) APIToken {
	return APIToken{
		Name: w.Name, Hash: fmt.Sprintf("%x", w.Hash), Scope: w.Scope, User: w.User, Site: w.Site,
		Created: fromUnixMilli(w.Created), Expires: fromUnixMilli(w.Expires), By: w.By,
	}
}
