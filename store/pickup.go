package store

import "strings"

// defaultPickup is the code that picks up unless the configuration says another.
const defaultPickup = "**"

// longestPickup bounds the code.
const longestPickup = 8

// Pickup returns what is dialled before the number of a desk, to take the call that
// rings there.
func (v *View) Pickup() string { return v.config.Pickup }

// pickup runs when every number is known: no user has one that begins with the code.
func (v *validator) pickup(code string) {
	switch {
	case code == "":
		code = defaultPickup
	case len(code) > longestPickup || code[0] != '*' && code[0] != '#' || !allBytes(code, isKey):
		v.add("pickup", "%q is not a code: write * or # first, then digits, * and #, at most %d in all, like **", clip(code), longestPickup)
		return
	}
	for number, at := range v.users {
		if strings.HasPrefix(number, code) {
			v.add(path("users", at, "number"), "%s begins with the code %s, which picks calls up", number, code)
		}
	}
}

func isKey(c byte) bool { return isDigit(c) || c == '*' || c == '#' }
