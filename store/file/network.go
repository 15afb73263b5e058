package file

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"carillon/store"
)

// networks reads the networks of s: each a prefix, or a prefix with what it has of
// its own.
func (r *reader) networks(f entry, s *store.Site) {
	s.Networks = each(r, f, func(n ast.Node, at string) netip.Prefix {
		if _, group := fieldsOf(n); !group {
			return r.prefix(n, at)
		}
		p := r.profile(n, at)
		if !isPlain(p) && p.Prefix.IsValid() {
			s.Profiles = append(s.Profiles, p)
		}
		return p.Prefix
	})
}

// isPlain reports whether a network is as its site.
func isPlain(p store.Profile) bool {
	return !p.Closed && p.Calls == "" && len(p.Transports) == 0 && p.MostPhones == 0 && p.MostCalls == 0 && p.Location == ""
}

func (r *reader) profile(n ast.Node, at string) (p store.Profile) {
	before := len(r.errs)
	for _, f := range r.mapping(n, at, "a network", []string{"prefix", "register", "calls", "transports", "most_phones", "most_calls", "location"}) {
		switch f.name {
		case "prefix":
			p.Prefix = r.prefix(f.value, f.path)
		case "register":
			p.Closed = !r.yes(f)
		case "calls":
			p.Calls = r.oneOf(f, store.Trusted, store.Challenged)
		case "transports":
			p.Transports = each(r, f, func(n ast.Node, at string) string { return r.text(entry{name: "a transport", path: at, value: n}) })
			if len(p.Transports) == 0 && len(r.errs) == before {
				r.fault(f.value, f.path, "name a transport, or leave it out for all of them")
			}
		case "most_phones":
			p.MostPhones = r.number(f)
		case "most_calls":
			p.MostCalls = r.number(f)
		case "location":
			p.Location = r.text(f)
		}
	}
	if !p.Prefix.IsValid() && len(r.errs) == before {
		r.fault(n, at, "a network needs a prefix, like {prefix: 192.0.2.0/24, register: no}")
	}
	return p
}

// yes returns whether f says yes, which YAML has several words for; without a
// right word it is taken for yes.
func (r *reader) yes(f entry) bool {
	if b, ok := f.value.(*ast.BoolNode); ok {
		return b.Value
	}
	return r.oneOf(f, "yes", "no") != "no"
}

// number returns the number above zero that f is.
func (r *reader) number(f entry) int {
	if n, err := strconv.Atoi(f.value.GetToken().Value); err == nil && n > 0 && isNumeral(f.value) {
		return n
	}
	r.fault(f.value, f.path, "%s is a number above zero: leave it out for no bound", f.name)
	return 0
}

// network returns p as an element of [...].
func network(s store.Site, p netip.Prefix) string {
	at := slices.IndexFunc(s.Profiles, func(x store.Profile) bool { return x.Prefix == p })
	if at < 0 {
		return inList(p)
	}
	x := s.Profiles[at]
	has := []string{"prefix: " + inList(p)}
	if x.Closed {
		has = append(has, "register: no")
	}
	if x.Calls != "" {
		has = append(has, "calls: "+x.Calls)
	}
	if len(x.Transports) > 0 {
		has = append(has, "transports: ["+strings.Join(x.Transports, ", ")+"]")
	}
	if x.MostPhones > 0 {
		has = append(has, fmt.Sprintf("most_phones: %d", x.MostPhones))
	}
	if x.MostCalls > 0 {
		has = append(has, fmt.Sprintf("most_calls: %d", x.MostCalls))
	}
	if x.Location != "" {
		has = append(has, "location: "+quoted(x.Location))
	}
	return "{" + strings.Join(has, ", ") + "}"
}
