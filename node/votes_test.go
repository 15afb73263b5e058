package node

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carillon/store"
)

// setOf makes a set of what is written with spaces between.
func setOf(s string) map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(s) {
		set[name] = true
	}
	return set
}

// someVotes has mains a to e and witnesses w and x, of which the View has those
// named.
func someVotes(view, have, healthy, dead string) votes {
	v := votes{self: "a", have: strings.Fields(have), healthy: setOf(healthy), dead: setOf(dead)}
	for name := range strings.FieldsSeq(view) {
		role := store.Main
		if name >= "w" {
			role = store.Witness
		}
		v.nodes = append(v.nodes, store.Node{Name: name, Role: role})
	}
	return v
}

func TestWhoIsToVote(t *testing.T) {
	for _, tt := range []struct {
		name                      string
		view, have, healthy, dead string
		want                      string // "+b" gives b a vote, "-b" takes it
	}{
		{"one main", "a", "a", "", "", ""},
		{"a second that has just come", "a b", "a", "", "", ""},
		{"a second that is well", "a b", "a", "b", "", "+b"},
		{"a witness of one main", "a w", "a", "w", "", ""},
		{"two mains and a witness", "a b w", "a b", "w", "", "+w"},
		{"the second main before the witness", "a b w", "a", "b w", "", "+b"},
		{"the third main", "a b c", "a b", "c", "", "+c"},
		{"the third main of two and a witness", "a b c w", "a b w", "c", "", "+c"},
		{"then the witness is one too many", "a b c w", "a b c w", "", "", "-w"},
		{"the witness of three stands by", "a b c w", "a b c", "w", "", ""},
		{"a main was removed", "a b w", "a b", "w", "", "+w"},
		{"a fourth stands by", "a b c d", "a b c", "d", "", ""},
		{"a fourth and a witness", "a b c d w", "a b c", "d w", "", "+d"},
		{"and then the witness", "a b c d w", "a b c d", "w", "", "+w"},
		{"a fourth and a fifth", "a b c d e", "a b c", "d e", "", "+d"},
		{"a dead one of three stays", "a b c", "a b c", "", "c", ""},
		{"unless another stands in for it", "a b c d", "a b c", "d", "c", "+d"},
		{"then it goes", "a b c d", "a b c d", "", "c", "-c"},
		{"and the one that stood by stays out when it comes back", "a b c d", "a b d", "c", "", ""},
		{"a dead one of two stays", "a b", "a b", "", "b", ""},
		{"a dead one of two and a witness stays", "a b w", "a b w", "", "b", ""},
		{"a fifth is lost for good", "a b c d e", "a b c d e", "", "e", "-e"},
		{"four are one too many", "a b c d", "a b c d", "", "", "-b"},
		{"removed", "a b", "a b c", "", "", "-c"},
		{"a LifeGUARD by now", "a b", "a b l", "", "", "-l"},
		{"two witnesses", "a b w x", "a b w x", "", "", "-w"},
	} {
		got := someVotes(tt.view, tt.have, tt.healthy, tt.dead).next()
		said := ""
		if got.node != "" {
			said = map[bool]string{true: "+", false: "-"}[got.give] + got.node
		}
		if said != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, said, tt.want)
		}
	}
	v := someVotes("a b", "a b", "", "")
	v.replaced = setOf("b")
	if got := v.next(); got != (step{node: "b"}) {
		t.Errorf("another under an old name: got %+v", got)
	}
}

// TestVotesSettle: from wherever it starts, it comes to rest, with an odd number
// of votes but for two mains without a witness, and with that of who leads.
func TestVotesSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []string{"a", "b", "c", "d", "e", "w", "x"}
		some := func(label string) string {
			return "a " + strings.Join(rapid.SliceOfDistinct(rapid.SampledFrom(all[1:]), rapid.ID).Draw(t, label), " ")
		}
		v := someVotes(some("view"), some("have"), some("healthy"), some("dead"))
		v.dead["a"] = false
		slices.Sort(v.have)
		for range 20 {
			s := v.next()
			if s == (step{}) {
				break
			}
			if s.give {
				v.have = append(v.have, s.node)
			} else {
				v.have = slices.DeleteFunc(v.have, func(name string) bool { return name == s.node })
				v.healthy[s.node] = v.healthy[s.node] && !v.dead[s.node]
			}
		}
		if s := v.next(); s != (step{}) {
			t.Fatalf("it does not come to rest: %+v of %v", s, v.have)
		}
		if !slices.Contains(v.have, "a") {
			t.Fatalf("who leads has no vote: %v", v.have)
		}
		if n := len(v.have); n%2 == 0 && (n != 2 || len(v.with(store.Witness)) > 0) && len(v.dead) == 0 {
			t.Fatalf("an even number of votes: %v", v.have)
		}
	})
}
