package file

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"carillon/store"
)

// An entry is one field of an element.
type entry struct {
	name  string
	path  string // "users[3].number"
	value ast.Node
}

// mapping returns the known fields of n, each once.
func (r *reader) mapping(n ast.Node, at, what string, known []string) []entry {
	values, ok := fieldsOf(n)
	if !ok {
		r.fault(n, at, "%s is made of fields (%s), and this is %s", what, listOf(known), kind(n))
		return nil
	}
	entries := make([]entry, 0, len(values))
	for _, v := range values {
		key := v.Key.GetToken()
		name := key.Value
		first := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
		switch {
		case !slices.Contains(known, name):
			r.faultAt(key.Position, at, "%s", unknown(name, what, known))
		case first >= 0:
			r.faultAt(key.Position, join(at, name), "%s is given twice, first on line %d", name, position(entries[first].value).Line)
		default:
			entries = append(entries, entry{name: name, path: join(at, name), value: v.Value})
		}
	}
	return entries
}

// unknown says that name is no field. It repeats only what looks like one:
// anything else may be a piece of a password.
func unknown(name, what string, known []string) string {
	looksLikeOne := len(name) <= 32 && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz_-") == ""
	if !looksLikeOne {
		return fmt.Sprintf("this is no field of %s: it has %s", what, listOf(known))
	}
	if near := store.Nearest(name, known); near != "" {
		return fmt.Sprintf("%s has no field %q%s", what, name, near)
	}
	return fmt.Sprintf("%s has no field %q: it has %s", what, name, listOf(known))
}

// list returns the elements of a list.
func (r *reader) list(f entry) []ast.Node {
	switch v := f.value.(type) {
	case *ast.SequenceNode:
		return v.Values
	case *ast.NullNode:
		r.fault(v, f.path, "%s is empty: write [] to mean no %s, or leave it out", f.name, f.name)
	default:
		r.fault(v, f.path, "%s is a list, and this is %s: write [...], or one - for each", f.name, kind(v))
	}
	return nil
}

// text returns the text of f, or "" with an error.
func (r *reader) text(f entry) string {
	n, ok := f.value.(*ast.StringNode)
	switch {
	case !ok && isNumeral(f.value):
		plain := f.value.GetToken().Value
		r.fault(f.value, f.path, "%s is a text, and this is a number: write %q in quotes", f.name, plain)
	case !ok && isNull(f.value):
		r.fault(f.value, f.path, "%s is empty: write a text, or leave it out", f.name)
	case !ok:
		r.fault(f.value, f.path, "%s is a text, and this is %s", f.name, kind(f.value))
	case hasSeveralLines(n.Token):
		r.fault(n, f.path, "%s goes on over several lines: check the indent below it", f.name)
	case strings.Contains(strings.ToLower(n.Value), "password:"):
		r.fault(n, f.path, "%s contains the word password: check for a missing space, quote or line", f.name)
	case n.Value == "":
		r.fault(n, f.path, "%s is empty: write a text, or leave it out", f.name)
	default:
		return n.Value
	}
	return ""
}

// secret is text for a password, of which no error shows anything.
func (r *reader) secret(f entry) string {
	n, ok := f.value.(*ast.StringNode)
	switch {
	case !ok && isNull(f.value):
		r.fault(f.value, f.path, "the password is empty: leave it out to keep the one there is")
	case !ok:
		r.fault(f.value, f.path, "the password is a text, and this is %s: put it in quotes", kind(f.value))
	case hasSeveralLines(n.Token):
		r.fault(n, f.path, "the password goes on over several lines: check the indent below it")
	case n.Value == "":
		r.fault(n, f.path, "the password is empty: leave it out to keep the one there is")
	case utf8.RuneCountInString(n.Value) > 128 || strings.ContainsFunc(n.Value, unicode.IsControl):
		r.fault(n, f.path, "a password has at most 128 characters, none of them a control character")
	default:
		return n.Value
	}
	return ""
}

// oneOf returns the text of f, which must be one of two words.
func (r *reader) oneOf(f entry, first, second string) string {
	before := len(r.errs)
	s := r.text(f)
	if len(r.errs) == before && s != first && s != second {
		r.fault(f.value, f.path, "%s is %s or %s%s", f.name, first, second, store.Nearest(s, []string{first, second}))
		return ""
	}
	return s
}

// rate returns how many kbit/s f says. Whether that is a right budget, package store
// says.
func (r *reader) rate(f entry) int {
	if isNumeral(f.value) {
		r.fault(f.value, f.path, "%s needs a unit: write %s kbit/s (at least %d), or Mbit/s", f.name, f.value.GetToken().Value, store.LeastBudget)
		return 0
	}
	before := len(r.errs)
	text := r.text(f)
	if len(r.errs) > before {
		return 0
	}
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	switch {
	case err == nil && n > 0 && unit == "kbit/s":
		return n
	case err == nil && n > 0 && n <= store.MostBudget/1000 && unit == "Mbit/s":
		return n * 1000
	}
	r.fault(f.value, f.path, "%s is like %d kbit/s, or like 1 Mbit/s", f.name, store.DefaultBudget)
	return 0
}

// prefix returns the network of n as it is written. Whether it is a right one,
// package store says.
func (r *reader) prefix(n ast.Node, at string) netip.Prefix {
	before := len(r.errs)
	s := r.text(entry{name: "a network", path: at, value: n})
	if len(r.errs) > before {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		r.fault(n, at, "this is not a network: %s", meantPrefix(s))
	}
	return p
}

// address returns the address of f with the length of its network, as it is written.
func (r *reader) address(f entry) netip.Prefix {
	before := len(r.errs)
	s := r.text(f)
	if len(r.errs) > before {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		r.fault(f.value, f.path, "%s is an address with the length of its network: write one like 192.0.2.1/24", f.name)
	}
	return p
}

// host returns the IP address of f.
func (r *reader) host(f entry) netip.Addr {
	before := len(r.errs)
	s := r.text(f)
	if len(r.errs) > before {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		r.fault(f.value, f.path, "%s is an IP address: write one like 192.0.2.53", f.name)
	}
	return a
}

// server returns the address of a DNS server, on the usual port if it has none.
func (r *reader) server(n ast.Node, at string) netip.AddrPort {
	before := len(r.errs)
	s := r.text(entry{name: "a server", path: at, value: n})
	if len(r.errs) > before {
		return netip.AddrPort{}
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, store.PortDNS)
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		r.fault(n, at, "this is not the address of a DNS server: write one like 192.0.2.53")
	}
	return a
}

// meantPrefix says how the network s should be written.
func meantPrefix(s string) string {
	const example = "write one like 192.0.2.0/24"
	if a, err := netip.ParseAddr(s); err == nil {
		return fmt.Sprintf("it has no length: %s/%d would be this address alone", a, a.BitLen())
	}
	host, length, found := strings.Cut(s, "/")
	if !found {
		return example
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if mask, err := netip.ParseAddr(length); err == nil && mask.Is4() && a.Is4() {
			return meantMask(a, mask)
		}
		if n, err := strconv.Atoi(length); err == nil && n > a.BitLen() {
			return fmt.Sprintf("the length behind / is at most %d", a.BitLen())
		}
		return example
	}
	full := host + strings.Repeat(".0", max(0, 3-strings.Count(host, ".")))
	if p, err := netip.ParsePrefix(full + "/" + length); err == nil {
		return fmt.Sprintf("did you mean %s?", p.Masked())
	}
	return example
}

func meantMask(a, mask netip.Addr) string {
	ones, bits := net.IPMask(mask.AsSlice()).Size()
	if bits == 0 {
		return "the mask behind / has holes: write one like 192.0.2.0/24"
	}
	return fmt.Sprintf("did you mean %s?", netip.PrefixFrom(a, ones).Masked())
}

// hasSeveralLines reports whether a text was folded from more than one line,
// which is a wrong indent far more often than a wish.
func hasSeveralLines(t *token.Token) bool {
	return strings.ContainsAny(strings.TrimSpace(t.Origin), "\n\r")
}

func isNumeral(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return true
	default:
		return false
	}
}

func isNull(n ast.Node) bool {
	_, ok := n.(*ast.NullNode)
	return ok
}

// kind names what n is.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a group of fields"
	default:
		return "something else"
	}
}

func listOf(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
