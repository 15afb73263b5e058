package store

import (
	"slices"
	"strings"
)

// defaultEmergency are the numbers of emergency services unless the configuration
// has others.
func defaultEmergency() []string { return []string{"112", "911"} }

// IsEmergency reports whether number is one of an emergency service.
func (v *View) IsEmergency(number string) bool { return slices.Contains(v.config.Emergency, number) }

// MayBeEmergency reports whether number is one of an emergency service as it is
// dialled at some site: as it stands, or behind what comes before a number outside.
func (v *View) MayBeEmergency(number string) bool {
	for _, n := range v.config.Emergency {
		before, found := strings.CutSuffix(number, n)
		if found && (before == "" || slices.ContainsFunc(v.config.Sites, func(s Site) bool { return s.Outside == before })) {
			return true
		}
	}
	return false
}

// Emergency returns the numbers of emergency services; there is at least one.
func (v *View) Emergency() []string { return slices.Clone(v.config.Emergency) }

const (
	maxEmergency      = 20 // numbers
	longestEmergency  = 8
	shortestEmergency = 2
)

// emergency runs when every number is known: no user takes what is meant for a
// service.
func (v *validator) emergency(all []string) {
	if len(all) > maxEmergency {
		v.add("emergency", "at most %d emergency numbers can be given", maxEmergency)
		return
	}
	for i, n := range all {
		if len(n) < shortestEmergency || len(n) > longestEmergency || !allBytes(n, isDigit) {
			v.add(path("emergency", i, ""), "%q is not an emergency number: write digits, like 112", clip(n))
		}
	}
	if len(all) == 0 {
		all = defaultEmergency()
	}
	for _, n := range all {
		if at, taken := v.users[n]; taken {
			v.add(path("users", at, "number"), "%s is the number of an emergency service: no user may have it", n)
		}
	}
}
