package store

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Presence says how what the sources say of a user is told. The zero value is what
// holds when the configuration says nothing: each field is an exception, and its
// name in the file is that of the rule.
type Presence struct {
	Composed      bool     // one state of each source is told, not one of all: `merge: no`
	KeepsIM       bool     // Snom's im: status is passed on as it came: `im_to_rpidf: no`
	CallsApart    bool     // who is in a call is not on the phone for that: `mix_dialog_presence: no`
	PrimarySource string   // whose publications count more: a name, a /regular expression/, or sip:user@domain
	Order         []string // of PresenceSources, what counts most first; none: as they are there
}

const (
	longestPrimarySource = 200
	wordAll              = "dialog, primary, publish and registration"
)

// PresenceSources returns the kinds of sources in the order in which they count.
func PresenceSources() []string { return []string{"dialog", "primary", "publish", "registration"} }

// Presence returns how presence is told; its Order is not empty.
func (v *View) Presence() Presence {
	p := v.config.Presence.clone()
	if len(p.Order) == 0 {
		p.Order = PresenceSources()
	}
	return p
}

func (p Presence) clone() Presence {
	p.Order = slices.Clone(p.Order)
	return p
}

// normal returns p in the one form that its content has.
func (p Presence) normal() Presence {
	if slices.Equal(p.Order, PresenceSources()) {
		p.Order = nil
	}
	return p
}

// Publisher returns the user whose address the primary source is: what he publishes counts
// as primary, and he may publish of everybody. False if it is no address.
func (p Presence) Publisher() (user string, is bool) {
	user, _, is = p.address()
	return user, is
}

// address splits the primary source if it is an address.
func (p Presence) address() (user, host string, is bool) {
	if rest, ok := strings.CutPrefix(p.PrimarySource, "sip:"); ok {
		user, host, _ = strings.Cut(rest, "@")
		return user, host, true
	}
	return "", "", false
}

func (v *validator) presence(c Config) {
	p := c.Presence
	if user, host, is := p.address(); is {
		if _, known := v.users[user]; !known || !strings.EqualFold(host, c.Domain) {
			v.add("presence.merge_primary_source", "%q is the address of no user here: it is sip:NUMBER@%s, of a user of the configuration", clip(p.PrimarySource), c.Domain)
		}
	}
	if len(p.PrimarySource) > longestPrimarySource || !isPlainText(p.PrimarySource) {
		v.add("presence.merge_primary_source", "a source has at most %d characters, none of them a control character", longestPrimarySource)
	} else if pattern, is := strings.CutPrefix(p.PrimarySource, "/"); is && strings.HasSuffix(pattern, "/") {
		if _, err := regexp.Compile(strings.TrimSuffix(pattern, "/")); err != nil {
			v.add("presence.merge_primary_source", "what stands between the slashes is no regular expression")
		}
	}
	for i, word := range p.Order {
		switch {
		case !slices.Contains(PresenceSources(), word):
			v.add(path("presence.merge_order", i, ""), "%q is no source of presence: they are %s%s", clip(word), wordAll, Nearest(word, PresenceSources()))
		case slices.Contains(p.Order[:i], word):
			v.add(path("presence.merge_order", i, ""), "%s is given twice", word)
		}
	}
}

func isPlainText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// String returns p as a plan shows it: what is not the usual.
func (p Presence) String() string {
	var all []string
	for _, x := range []struct {
		is   bool
		text string
	}{
		{p.Composed, "merge no"},
		{p.KeepsIM, "im_to_rpidf no"},
		{p.CallsApart, "mix_dialog_presence no"},
		{p.PrimarySource != "", fmt.Sprintf("merge_primary_source %s", p.PrimarySource)},
		{len(p.normal().Order) > 0, "merge_order " + strings.Join(p.Order, " ")},
	} {
		if x.is {
			all = append(all, x.text)
		}
	}
	return strings.Join(all, ", ")
}

func (p Presence) lines(next Presence) []Line {
	was, is := p.String(), next.String()
	if was == is {
		return nil
	}
	return []Line{{Sign: "~", Text: "presence: " + arrow(usual(was), usual(is)), Fields: []string{"presence"}}}
}

func usual(s string) string {
	if s == "" {
		return "as usual"
	}
	return s
}

// wirePresence is a [Presence].
type wirePresence struct {
	_             struct{} `cbor:",toarray"`
	Composed      bool
	KeepsIM       bool
	CallsApart    bool
	PrimarySource string
	Order         []string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wirePresence) UnmarshalCBOR(b []byte) error {
	type plain wirePresence // without this method
	return decodeShort(b, (*plain)(w))
}

func toWirePresence(p Presence) *wirePresence {
	p = p.normal()
	return &wirePresence{
		Composed: p.Composed, KeepsIM: p.KeepsIM, CallsApart: p.CallsApart, PrimarySource: p.PrimarySource, Order: notNil(p.Order),
	}
}

func fromWirePresence(w *wirePresence) Presence {
	if w == nil {
		return Presence{}
	}
	p := Presence{
		Composed: w.Composed, KeepsIM: w.KeepsIM, CallsApart: w.CallsApart, PrimarySource: w.PrimarySource,
	}
	if len(w.Order) > 0 {
		p.Order = w.Order
	}
	return p.normal()
}
