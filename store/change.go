package store

import (
	"slices"
	"time"
)

// A Change is one edit of a View. On must not modify its argument, must decide
// by nothing but its own fields and the View, and reports a refusal as an
// [Error] or [Errors].
type Change interface {
	On(*View) (*View, error)
}

// An Author says who wants a Change, and when by the clock of his node.
type Author struct {
	Who string
	At  time.Time
}

// AuthorOf returns who wants c; nobody, if it is of a type that does not say.
func AuthorOf(c Change) Author {
	switch c := plain(c).(type) {
	case Replace:
		return c.By
	case Found:
		return c.By
	case AddToken:
		return c.By
	case Join:
		return c.By
	case SetNode:
		return c.By
	case RemoveNode:
		return c.By
	case TakeOver:
		return c.By
	case Drain:
		return c.By
	case AddAPIToken:
		return c.By
	case RemoveAPIToken:
		return c.By
	default:
		return Author{}
	}
}

// Replace replaces each list that it contains by another; nil keeps a list, and
// an empty list that is not nil empties it.
//
// A user without digests keeps those he has, unless the Replace is Exact; one
// whose digests are elsewhere keeps them always. A calendar without its password
// keeps the one there is, and one that is elsewhere stays.
// Digests depend on the domain, so that a Replace with another domain must
// bring new ones for every user who has some.
type Replace struct {
	By     Author
	Exact  bool    // a user without digests is to have none
	Realm  string  // the domain for which the digests in Users were made
	Domain *string // nil keeps the domain
	Sites  []Site
	Users  []User
	Trunks []Trunk

	Origins []string
	DNS     *DNS // nil keeps it

	Emergency []string  // an empty list stands for the usual numbers
	Presence  *Presence // nil keeps it
	Pickup    *string   // nil keeps it, empty stands for the usual code
}

// ReplaceAll returns the Change that makes c the content of any View: for
// founding a system and for going back to a former revision.
func ReplaceAll(c Config, by Author) Replace {
	return Replace{
		By:     by,
		Exact:  true,
		Realm:  c.Domain,
		Domain: &c.Domain,
		Sites:  append([]Site{}, c.Sites...),
		Users:  append([]User{}, c.Users...),
		Trunks: append([]Trunk{}, c.Trunks...),

		Origins: append([]string{}, c.Origins...),
		DNS:     new(c.DNS.clone()),

		Emergency: append([]string{}, c.Emergency...),
		Presence:  new(c.Presence.clone()),
		Pickup:    &c.Pickup,
	}
}

// On implements [Change].
func (r Replace) On(v *View) (*View, error) {
	next := r.merge(v)
	all := next.problems()
	all = append(all, r.realmProblems(v, next)...)
	if len(all) > 0 {
		return nil, all
	}
	return NewView(next).At(v.index), nil
}

// merge returns the content that v would have, valid or not.
func (r Replace) merge(v *View) Config {
	next := v.config
	if r.Domain != nil {
		next.Domain = *r.Domain
	}
	if r.Sites != nil {
		next.Sites = r.Sites
	}
	if r.Trunks != nil {
		next.Trunks = r.Trunks
	}
	if r.Origins != nil {
		next.Origins = r.Origins
	}
	if r.DNS != nil {
		next.DNS = *r.DNS
	}
	if r.Emergency != nil {
		next.Emergency = r.Emergency
	}
	if r.Presence != nil {
		next.Presence = *r.Presence
	}
	if r.Pickup != nil {
		next.Pickup = *r.Pickup
	}
	if r.Users == nil {
		return next
	}
	next.Users = slices.Clone(r.Users)
	for i, u := range next.Users {
		old, _ := v.User(u.Number)
		if u.Digests.Elsewhere || u.Digests.IsZero() && !r.Exact {
			next.Users[i].Digests = old.Digests
		}
		next.Users[i].Calendar = u.Calendar.keeping(old.Calendar)
	}
	return next
}

// realmProblems reports digests that do not belong to the next domain.
func (r Replace) realmProblems(v *View, next Config) Errors {
	if r.Realm != next.Domain && slices.ContainsFunc(r.Users, hasDigests) {
		return Errors{{
			Kind: Conflict, Field: "domain",
			Message: "the domain has changed since the passwords were read: apply the file again",
		}}
	}
	if next.Domain == v.config.Domain || !slices.ContainsFunc(next.Users, hasDigests) {
		return nil
	}
	if r.Users == nil {
		return Errors{{
			Kind: Invalid, Field: "domain",
			Message: "another domain needs every user and password in the same file, because passwords are kept as digests of the domain",
		}}
	}
	var all Errors
	for i, u := range r.Users {
		if (!hasDigests(u) || u.Digests.Elsewhere) && hasDigests(next.Users[i]) {
			all = append(all, &Error{
				Kind: Invalid, Field: path("users", i, ""),
				Message: "user " + u.Number + " needs a password here, because passwords are kept as digests of the domain, and the domain changes",
			})
		}
	}
	return all
}

func hasDigests(u User) bool { return !u.Digests.IsZero() }
