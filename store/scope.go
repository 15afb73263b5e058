package store

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// A node at a branch can be carried away. It has of the configuration what calls
// need to find their way, and the digests of the users of its own site; users
// without a site are everybody's. Whose digests it has not is marked, and a main
// is asked when such a user comes by. Of calendars no LifeGUARD has anything.
//
// Every LifeGUARD has Scope(""), and beside it what Secrets says of its site.
// That is how it travels too: one picture for all, and a little for each.

// Scope returns what of the content a node may have that stands at a site; with no
// site, what every one may have. A smaller scope of a scope is that of the whole.
func (v *View) Scope(site string) Config { return v.config.scope(site) }

// scope shares all lists with c but that of the users.
func (c Config) scope(site string) Config {
	users := make([]User, len(c.Users))
	for i, u := range c.Users {
		if hasDigests(u) && u.Site != "" && u.Site != site {
			u.Digests = Digests{Elsewhere: true}
		}
		u.Calendar = u.Calendar.scoped()
		users[i] = u
	}
	c.Users = users
	return c
}

// wireSecret is what only the nodes of one site have of a user.
type wireSecret struct {
	_      struct{} `cbor:",toarray"`
	Number string
	MD5    []byte
	SHA256 []byte
}

// Secrets returns what Scope(site) has and Scope("") has not, encoded for
// WithSecrets; nothing for a site without such users.
func (v *View) Secrets(site string) ([]byte, error) {
	var all []wireSecret
	for _, u := range v.config.Users {
		if u.Site == site && site != "" && hasDigests(u) {
			w := wireSecret{Number: u.Number}
			w.MD5, w.SHA256 = toWireDigests(u.Digests)
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	b, err := cbor.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("encoding the digests of a site: %w", err)
	}
	return b, nil
}

// WithSecrets returns c with what Secrets returned of the same View. It changes
// c's users in place.
func (c Config) WithSecrets(b []byte) (Config, error) {
	if len(b) == 0 {
		return c, nil
	}
	var all []wireSecret
	if err := decode(b, &all); err != nil {
		return c, fmt.Errorf("reading the digests of a site: %w", err)
	}
	of := make(map[string]Digests, len(all))
	for _, w := range all {
		of[w.Number] = fromWireDigests(w.MD5, w.SHA256)
	}
	for i, u := range c.Users {
		if d, ok := of[u.Number]; ok {
			c.Users[i].Digests = d
		}
	}
	return c, nil
}

// HoldsMore reports whether v has digests or calendars that next has not.
func (v *View) HoldsMore(next *View) bool {
	for u := range v.Users() {
		then, _ := next.User(u.Number)
		if hasDigests(u) && !u.Digests.Elsewhere && then.Digests != u.Digests || u.Calendar.Address != "" && then.Calendar.Elsewhere {
			return true
		}
	}
	return false
}
