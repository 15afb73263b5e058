package store

import (
	"cmp"
	"slices"
	"strings"
)

// A Rule sends the calls of a user to somebody else while what is told of him is State.
type Rule struct {
	State string // an activity of RFC 4480, or Offline
	To    string // the number of a user, inside or direct, or one outside in E.164
}

// Offline is the state of who is told to be closed, or whose phones nobody reaches.
const Offline = "offline"

// Activities are those of RFC 4480, but "unknown", which says nothing. Their places
// are how they are written for other nodes: new ones come last.
func Activities() []string {
	return []string{
		"appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "meal", "meeting",
		"on-the-phone", "other", "performance", "permanent-absence", "playing", "presentation", "shopping", "sleeping",
		"spectator", "steering", "travel", "tv", "vacation", "working", "worship", "lunch",
	}
}

// States are what a Rule can be for.
func States() []string { return append(Activities(), Offline) }

// RuleFor returns where the calls of u go in a state; "" for nowhere else.
func (u User) RuleFor(state string) (to string) {
	for _, r := range u.Rules {
		if r.State == state {
			return r.To
		}
	}
	return ""
}

// normalRules returns rules in the one order that they have; nil for none.
func normalRules(all []Rule) []Rule {
	if len(all) == 0 {
		return nil
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Rule) int { return cmp.Compare(a.State, b.State) })
	return all
}

// rules runs when every number is known, inside and direct.
func (v *validator) rules(i int, u User) {
	for j, r := range u.Rules {
		field := path("users", i, "presence."+r.State)
		_, isUser := v.users[r.To]
		_, isDirect := v.direct[r.To]
		switch {
		case !slices.Contains(States(), r.State):
			v.add(path("users", i, "presence"), "%q is no state of presence%s: they are %s", clip(r.State), Nearest(r.State, States()), strings.Join(States(), ", "))
		case slices.ContainsFunc(u.Rules[:j], func(x Rule) bool { return x.State == r.State }):
			v.add(field, "%s is given twice", r.State)
		case r.To == u.Number || slices.Contains(u.Direct, r.To):
			v.add(field, "a call to %s cannot go on to %s: it is the same user", clip(u.Number), clip(r.To))
		case !isUser && !isDirect && !isE164(r.To):
			v.add(field, `%q is neither the number of a user nor one outside, like "+3265551201"%s`, clip(r.To), Nearest(r.To, keys(v.users)))
		}
	}
}

func rulesText(all []Rule) string {
	return strings.Join(each(normalRules(all), func(r Rule) string { return r.State + " to " + r.To }), " ")
}

// wireRule is a [Rule].
type wireRule struct {
	_     struct{} `cbor:",toarray"`
	State string
	To    string
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireRule) UnmarshalCBOR(b []byte) error {
	type plain wireRule // without this method
	return decodeShort(b, (*plain)(w))
}

func toWireRules(all []Rule) []wireRule {
	return each(normalRules(all), func(r Rule) wireRule { return wireRule{State: r.State, To: r.To} })
}

func fromWireRules(all []wireRule) []Rule {
	if len(all) == 0 {
		return nil
	}
	return each(all, func(w wireRule) Rule { return Rule{State: w.State, To: w.To} })
}
