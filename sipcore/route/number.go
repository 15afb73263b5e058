package route

import (
	"strings"

	"carillon/store"
)

// A Number is what somebody dialled, as far as the configuration tells.
type Number struct {
	Kind Kind
	Dial string // what a carrier would be asked for, in E.164 where that can be told; "" for a Desk
}

// A Kind says what a number is.
type Kind uint8

// The kinds of numbers.
const (
	Unknown   Kind = iota
	Desk           // a user's, inside or direct
	Emergency      // of an emergency service
	Outside        // somebody whom a carrier reaches
)

// Read returns what text means that was dialled by a phone at site, and whose it
// is if it is a Desk.
func Read(view *store.View, site, text string) (Number, store.User) {
	if view.IsEmergency(text) {
		return Number{Kind: Emergency, Dial: text}, store.User{}
	}
	if user, ok := desk(view, text); ok {
		return Number{Kind: Desk}, user
	}
	s, _ := view.Site(site)
	return outside(view, s, text)
}

// ReadFrom returns what text means that a carrier asks a site for: a desk or
// Unknown, since no call comes in to go out again.
func ReadFrom(view *store.View, site, text string) (Number, store.User) {
	s, _ := view.Site(site)
	for _, number := range []string{text, e164Of(s, text), "+" + text} {
		if user, ok := desk(view, number); ok {
			return Number{Kind: Desk}, user
		}
	}
	return Number{Dial: text}, store.User{}
}

// IsOurs reports whether text, as a carrier of a site writes it, is a desk's number; that
// of a site is its operator's.
func IsOurs(view *store.View, site, text string) bool {
	n, _ := ReadFrom(view, site, text)
	return n.Kind == Desk
}

// SameNumber reports whether two texts are one number, as who is at site writes it.
func SameNumber(view *store.View, site, a, b string) bool {
	s, _ := view.Site(site)
	if e := e164Of(s, a); e != "" {
		a = e
	}
	if e := e164Of(s, b); e != "" {
		b = e
	}
	return a == b && a != ""
}

func desk(view *store.View, number string) (store.User, bool) {
	if user, ok := view.User(number); ok {
		return user, true
	}
	return view.UserByDirect(number)
}

// outside reads a number that is no user's as it stands.
func outside(view *store.View, s store.Site, text string) (Number, store.User) {
	rest, isOut := text, false
	if s.Outside != "" {
		rest, isOut = strings.CutPrefix(text, s.Outside)
	}
	if isOut && view.IsEmergency(rest) {
		return Number{Kind: Emergency, Dial: rest}, store.User{}
	}
	for _, number := range []string{e164Of(s, rest), e164Of(s, text)} {
		if number == "" {
			continue
		}
		if user, ok := desk(view, number); ok {
			return Number{Kind: Desk}, user
		}
		return Number{Kind: Outside, Dial: number}, store.User{}
	}
	if isOut && isDigits(rest) {
		return Number{Kind: Outside, Dial: rest}, store.User{}
	}
	return Number{Dial: text}, store.User{}
}

// e164Of returns a number in E.164 that is dialled as one, with the prefix for
// other countries, or with that for the same country if the site says which it is;
// "" if it is none of these.
func e164Of(s store.Site, text string) string {
	international, national := "00", "0"
	if s.Country == "+1" { // and all who share it
		international, national = "011", "1"
	}
	number := text
	if rest, ok := strings.CutPrefix(text, international); ok {
		number = "+" + rest
	} else if rest, ok := strings.CutPrefix(text, national); ok && s.Country != "" {
		number = s.Country + rest
	}
	if digits, ok := strings.CutPrefix(number, "+"); ok && isDigits(digits) && len(digits) >= shortest && len(digits) <= longest {
		return number
	}
	return ""
}

// How many digits a number in E.164 has, with its country.
const (
	shortest = 7
	longest  = 15
)

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
