package file

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"carillon/store"
)

// A reader turns one document into a Change and collects its errors. Lists keep
// one element for each that is written, readable or not, so that a place in the
// Change is a place in the document.
type reader struct {
	name   string
	root   ast.Node
	view   *store.View
	change store.Replace
	errs   store.Errors
}

func rootFields() []string {
	return []string{"domain", "sites", "users", "trunks", "browsers", "dns", "emergency", "presence", "pickup"}
}

func (r *reader) readRoot() {
	fields := r.mapping(r.root, "", "the file", rootFields())
	r.change.Realm = r.view.Domain()
	for _, f := range fields { // first, because digests depend on it
		if f.name == "domain" {
			domain := strings.ToLower(strings.TrimSuffix(r.text(f), "."))
			r.change.Domain, r.change.Realm = &domain, domain
		}
	}
	for _, f := range fields {
		switch f.name {
		case "sites":
			r.change.Sites = each(r, f, r.site)
		case "users":
			r.change.Users = each(r, f, r.user)
		case "trunks":
			r.change.Trunks = each(r, f, r.trunk)
		case "browsers":
			r.change.Origins = r.browsers(f)
		case "dns":
			r.change.DNS = r.dns(f)
		case "presence":
			r.change.Presence = r.presence(f)
		case "pickup":
			r.change.Pickup = new(r.text(f))
		case "emergency":
			r.change.Emergency = each(r, f, func(n ast.Node, at string) string {
				return r.text(entry{name: "an emergency number", path: at, value: n})
			})
		}
	}
	if len(fields) == 0 && len(r.errs) == 0 {
		r.fault(r.root, "", "the file contains nothing: it needs one of %s", listOf(rootFields()))
	}
}

func siteFields() []string {
	return []string{
		"name", "networks", "calls", "operator", "homing", "survivable", "budget", "address", "dhcp", "country", "outside",
	}
}

func (r *reader) site(n ast.Node, at string) store.Site {
	var s store.Site
	for _, f := range r.mapping(n, at, "a site", siteFields()) {
		switch f.name {
		case "name":
			s.Name = r.text(f)
		case "networks":
			r.networks(f, &s)
		case "calls":
			s.CallsTrusted = r.oneOf(f, "trusted", "challenged") == "trusted"
		case "operator":
			s.Operator = r.text(f)
		case "homing":
			s.Homing = r.oneOf(f, store.LocalFirst, store.MainFirst)
		case "survivable":
			s.Survivable = r.oneOf(f, store.Standard, store.Dumb)
		case "budget":
			s.Budget = r.rate(f)
		case "address":
			s.Address = r.address(f)
		case "dhcp":
			s.DHCP = each(r, f, r.pool)
		case "country":
			s.Country = r.text(f)
		case "outside":
			s.Outside = r.text(f)
		}
	}
	return s
}

func userFields() []string {
	return []string{"number", "name", "site", "password", "direct", "roams", "lamps", "calendar", "presence"}
}

func (r *reader) user(n ast.Node, at string) store.User {
	var u store.User
	var password string
	for _, f := range r.mapping(n, at, "a user", userFields()) {
		switch f.name {
		case "number":
			u.Number = r.text(f)
		case "name":
			u.Name = r.text(f)
		case "site":
			u.Site = r.text(f)
		case "password":
			password = r.secret(f)
		case "direct":
			u.Direct = r.texts(f)
		case "roams":
			u.Roams = r.yes(f)
		case "lamps":
			u.Lamps = r.texts(f)
		case "calendar":
			u.Calendar = r.calendar(f)
		case "presence":
			u.Rules = r.rules(f)
		}
	}
	if password != "" && u.Number != "" {
		u.Digests = store.MakeDigests(u.Number, r.change.Realm, password)
	}
	return u
}

func (r *reader) trunk(n ast.Node, at string) store.Trunk {
	var t store.Trunk
	for _, f := range r.mapping(n, at, "a trunk", []string{"name", "site", "address", "transport"}) {
		switch f.name {
		case "name":
			t.Name = r.text(f)
		case "site":
			t.Site = r.text(f)
		case "address":
			t.Address = r.text(f)
		case "transport":
			t.Transport = r.oneOf(f, store.UDP, store.TCP)
		}
	}
	return t
}

// browsers returns the origins of the pages that may connect; nil if it does not
// say.
func (r *reader) browsers(group entry) (origins []string) {
	for _, f := range r.mapping(group.value, group.path, "browsers", []string{"origins"}) {
		origins = each(r, f, func(n ast.Node, at string) string { return r.text(entry{name: "an origin", path: at, value: n}) })
	}
	return origins
}

// dns returns who asks, and who is asked; what it does not say is nobody.
func (r *reader) dns(group entry) *store.DNS {
	var d store.DNS
	for _, f := range r.mapping(group.value, group.path, "dns", []string{"resolvers", "forward"}) {
		switch f.name {
		case "resolvers":
			d.Resolvers = each(r, f, r.resolver)
		case "forward":
			d.Forward = each(r, f, r.server)
		}
	}
	return &d
}

func (r *reader) resolver(n ast.Node, at string) store.Resolver {
	var x store.Resolver
	for _, f := range r.mapping(n, at, "a resolver", []string{"address", "site"}) {
		switch f.name {
		case "address":
			x.Address = r.host(f)
		case "site":
			x.Site = r.text(f)
		}
	}
	return x
}

// texts reads a list of texts.
func (r *reader) texts(f entry) []string {
	return each(r, f, func(n ast.Node, at string) string { return r.text(entry{name: f.name, path: at, value: n}) })
}

// each reads the elements of a list; a list that is empty is not nil.
func each[T any](r *reader, f entry, read func(n ast.Node, at string) T) []T {
	all := []T{}
	for i, n := range r.list(f) {
		all = append(all, read(n, element(f.path, i)))
	}
	return all
}
