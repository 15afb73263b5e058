package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Line says one thing that a Change does, for people.
type Line struct {
	Sign   string   `json:"sign"` // "+" added, "-" removed, "~" changed, "!" a remark that changes nothing
	Text   string   `json:"text"`
	Fields []string `json:"-"` // what the line sets: "sites.homing"
}

// String returns the line as a plan shows it.
func (l Line) String() string { return l.Sign + " " + l.Text }

// Diff returns what leads from the content of old to that of next; nothing if
// their content is the same, order included.
func Diff(old, next *View) []Line {
	var all []Line
	if a, b := old.Domain(), next.Domain(); a != b {
		all = append(all, Line{Sign: "~", Text: "domain: " + arrow(quoteEmpty(a), b), Fields: []string{"domain"}})
	}
	a, b := old.config, next.config
	all = append(all, diffList("site", a.Sites, b.Sites, siteKey, siteFields)...)
	all = append(all, diffList("user", a.Users, b.Users, userKey, userFields)...)
	all = append(all, diffList("trunk", a.Trunks, b.Trunks, trunkKey, trunkFields)...)
	if was, is := strings.Join(a.Origins, " "), strings.Join(b.Origins, " "); was != is {
		all = append(all, Line{
			Sign: "~", Text: "browsers: origins " + arrow(quoteEmpty(was), quoteEmpty(is)), Fields: []string{"browsers.origins"},
		})
	}
	all = append(all, a.DNS.lines(b.DNS)...)
	if was, is := strings.Join(a.Emergency, " "), strings.Join(b.Emergency, " "); was != is {
		all = append(all, Line{Sign: "~", Text: "emergency: " + arrow(was, is), Fields: []string{"emergency"}})
	}
	all = append(all, a.Presence.lines(b.Presence)...)
	if a.Pickup != b.Pickup {
		all = append(all, Line{Sign: "~", Text: "pickup: " + arrow(a.Pickup, b.Pickup), Fields: []string{"pickup"}})
	}
	all = append(all, diffList("node", a.Nodes, b.Nodes, nodeKey, nodeFields)...)
	all = append(all, diffList("token", a.Tokens, b.Tokens, tokenKey, tokenFields)...)
	all = append(all, diffList("API token", a.APITokens, b.APITokens, apiTokenKey, apiTokenFields)...)
	if a.Closed != b.Closed {
		all = append(all, Line{Sign: "~", Text: "nodes: a certificate alone lets nobody in any more"})
	}
	return append(all, keyLines(a.Keys, b.Keys)...)
}

// A field is one named value of an element; an empty text is the default.
type field struct {
	name, text string
	secret     bool
	lack       string // what its absence means for who is added
}

func siteKey(s Site) string   { return s.Name }
func userKey(u User) string   { return u.Number }
func trunkKey(t Trunk) string { return t.Name }
func nodeKey(n Node) string   { return n.Name }

// tokenKey shortens the hash: it only tells tokens apart.
func tokenKey(t JoinToken) string { return t.Hash[:min(len(t.Hash), 8)] }

func siteFields(s Site) []field {
	s = s.withDefaults()
	calls := ""
	if s.CallsTrusted {
		calls = "trusted"
	}
	return []field{
		{name: "networks", text: strings.Join(each(s.Networks, s.networkText), " ")},
		{name: "calls", text: calls},
		{name: "operator", text: s.Operator},
		{name: "homing", text: without(LocalFirst, s.Homing)},
		{name: "survivable", text: without(Standard, s.Survivable)},
		{name: "budget", text: without(budgetText(DefaultBudget), budgetText(s.Budget))},
		{name: "address", text: addressText(s.Address)},
		{name: "dhcp", text: strings.Join(each(s.DHCP, Pool.text), " ")},
		{name: "country", text: s.Country},
		{name: "outside", text: s.Outside},
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

func budgetText(kbits int) string { return strconv.Itoa(kbits) + " kbit/s" }

func userFields(u User) []field {
	name := u.Name
	if name != "" {
		name = strconv.Quote(name)
	}
	return []field{
		{name: "name", text: name},
		{name: "site", text: u.Site},
		{name: "password", text: u.Digests.text(), secret: true, lack: "no password, so no phone can register"},
		{name: "direct", text: strings.Join(u.Direct, " ")},
		{name: "roams", text: yes(u.Roams)},
		{name: "lamps", text: strings.Join(u.Lamps, " ")},
		{name: "calendar", text: u.Calendar.text()},
		{name: "address or password of the calendar", text: u.Calendar.secrets(), secret: true},
		{name: "presence", text: rulesText(u.Rules)},
	}
}

func trunkFields(t Trunk) []field {
	t = t.withDefaults()
	return []field{
		{name: "site", text: t.Site},
		{name: "address", text: t.Address},
		{name: "transport", text: without(UDP, t.Transport)},
	}
}

func nodeFields(n Node) []field {
	return []field{
		{name: "role", text: n.Role},
		{name: "site", text: n.Site},
		{name: "address", text: n.Address.String()},
		{name: "certificate", text: n.Certificate[:min(len(n.Certificate), 16)]},
		{name: "next key", text: n.Next[:min(len(n.Next), 16)]},
		{name: "epoch", text: strconv.FormatUint(n.Epoch, 10)},
		{name: "drained", text: yes(n.Drained)},
	}
}

func tokenFields(t JoinToken) []field {
	return []field{
		{name: "until", text: t.Expires.UTC().Format(time.RFC3339)},
		{name: "role", text: t.Role},
		{name: "site", text: t.Site},
	}
}

// diffList compares two lists of things that their keys name.
func diffList[T any](kind string, old, next []T, key func(T) string, fields func(T) []field) []Line {
	was := make(map[string]int, len(old))
	for i, x := range old {
		was[key(x)] = i
	}
	var all []Line
	stays := make([]bool, len(old))
	highest, moved := -1, false
	for _, x := range next {
		i, found := was[key(x)]
		if !found {
			all = append(all, added(kind, key(x), fields(x)))
			continue
		}
		stays[i] = true
		moved = moved || i < highest
		highest = max(highest, i)
		if l, differ := changed(kind, key(x), fields(old[i]), fields(x)); differ {
			all = append(all, l)
		}
	}
	for i, x := range old {
		if !stays[i] {
			all = append(all, Line{Sign: "-", Text: kind + " " + key(x)})
		}
	}
	if moved {
		all = append(all, Line{Sign: "~", Text: kind + "s: another order"})
	}
	return all
}

func added(kind, key string, fields []field) Line {
	l := Line{Sign: "+"}
	var said []string
	for _, f := range fields {
		switch {
		case f.text == "" && f.lack != "":
			said = append(said, f.lack)
			continue
		case f.text == "", f.secret && f.lack == "":
			continue
		case f.secret:
			said = append(said, "with "+f.name)
		default:
			said = append(said, f.name+" "+f.text)
		}
		l.Fields = append(l.Fields, kind+"s."+f.name)
	}
	l.Fields = append(l.Fields, kind+"s")
	l.Text = sentence(kind, key, said)
	return l
}

func changed(kind, key string, old, next []field) (Line, bool) {
	l := Line{Sign: "~"}
	var said []string
	for i, f := range next {
		if f.text == old[i].text {
			continue
		}
		if f.secret {
			said = append(said, "another "+f.name)
		} else {
			said = append(said, f.name+" "+arrow(quoteEmpty(old[i].text), quoteEmpty(f.text)))
		}
		l.Fields = append(l.Fields, kind+"s."+f.name)
	}
	l.Fields = append(l.Fields, kind+"s")
	l.Text = sentence(kind, key, said)
	return l, len(said) > 0
}

func sentence(kind, key string, said []string) string {
	if len(said) == 0 {
		return kind + " " + key
	}
	return fmt.Sprintf("%s %s: %s", kind, key, strings.Join(said, ", "))
}

func arrow(old, next string) string { return old + " -> " + next }

func quoteEmpty(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func without(standard, s string) string {
	if s == standard {
		return ""
	}
	return s
}

// IsChange reports whether any of the lines is more than a remark.
func IsChange(lines []Line) bool {
	return slices.ContainsFunc(lines, func(l Line) bool { return l.Sign != "!" })
}
