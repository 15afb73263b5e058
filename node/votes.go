package node

import (
	"slices"

	"carillon/store"
)

// votes is what decides who is to have a vote: a main that is healthy, so that
// their number is odd; with an even number of mains the witness makes it so. Two
// mains without a witness both have one, so that nothing that was acknowledged
// is lost with either. A dead one keeps its vote unless three others have one:
// the fewer there are, the fewer are needed to decide without those that live.
type votes struct {
	self     string          // who asks: it leads, and keeps its vote
	have     []string        // who has a vote, by name
	nodes    []store.Node    // of the View
	replaced map[string]bool // another one under that name: it must not vote with what the old one promised
	healthy  map[string]bool // has answered long enough, of those who have none
	dead     map[string]bool // has not answered for long, of those who have one
}

// A step is one vote to be given or taken; the zero step is that all is well.
type step struct {
	node string
	give bool
}

// leastVotes is how many votes stay when a dead main loses its own.
const leastVotes = 3

// next returns the next step.
func (v votes) next() step {
	for _, steps := range []func() (string, bool){v.gone, v.replacedDead} {
		if node, ok := steps(); ok {
			return step{node: node}
		}
	}
	if node, ok := v.newMain(); ok {
		return step{node: node, give: true}
	}
	return v.makeOdd()
}

// gone is one who is not in the View any more, or another by now.
func (v votes) gone() (string, bool) {
	return first(v.have, func(name string) bool { return v.role(name) == "" || v.replaced[name] })
}

// replacedDead is a dead one that the others do not need.
func (v votes) replacedDead() (string, bool) {
	if len(v.have) <= leastVotes {
		return "", false
	}
	return first(v.have, func(name string) bool { return v.dead[name] && name != v.self })
}

// newMain is a healthy main whose vote makes their number odd, by itself, with
// the next one, or with a witness; or who stands in for a dead one.
func (v votes) newMain() (string, bool) {
	waiting := v.waiting(store.Main)
	mains := len(v.with(store.Main)) + 1
	_, anyDead := first(v.have, func(name string) bool { return v.dead[name] })
	switch {
	case len(waiting) == 0:
		return "", false
	case mains%2 == 1, mains == 2, len(waiting) > 1, v.hasWitness(), anyDead:
		return waiting[0], true
	default:
		return "", false
	}
}

// makeOdd has the witness vote, or not, or takes a vote of an even number.
func (v votes) makeOdd() step {
	mains, witnesses, waiting := v.with(store.Main), v.with(store.Witness), v.waiting(store.Witness)
	even := len(mains)%2 == 0
	switch {
	case len(witnesses) > 1, len(witnesses) == 1 && !even:
		return step{node: witnesses[0]}
	case even && len(witnesses) == 0 && len(waiting) > 0:
		return step{node: waiting[0], give: true}
	case even && len(witnesses) == 0 && len(mains) > 2:
		node, _ := first(mains, func(name string) bool { return name != v.self })
		return step{node: node}
	default:
		return step{}
	}
}

func (v votes) hasWitness() bool {
	return len(v.with(store.Witness))+len(v.waiting(store.Witness)) > 0
}

// with returns who of a role has a vote.
func (v votes) with(role string) []string {
	return slices.DeleteFunc(slices.Clone(v.have), func(name string) bool { return v.role(name) != role })
}

// waiting returns who of a role is healthy and has none, by name.
func (v votes) waiting(role string) (names []string) {
	for _, n := range v.nodes {
		if n.Role == role && v.healthy[n.Name] && !slices.Contains(v.have, n.Name) {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (v votes) role(name string) string {
	for _, n := range v.nodes {
		if n.Name == name && n.Role != store.Lifeguard {
			return n.Role
		}
	}
	return ""
}

func first(names []string, is func(string) bool) (string, bool) {
	if i := slices.IndexFunc(names, is); i >= 0 {
		return names[i], true
	}
	return "", false
}
