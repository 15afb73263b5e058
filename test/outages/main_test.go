package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTable: of each figure of each outage there is the median and the worst, and
// one that is once above its goal is not met.
func TestTable(t *testing.T) {
	var all table
	for _, gap := range []string{"0.2", "0.9", "0.4"} {
		all.add("=== NAME  TestOutage/local-first/link-down\n" +
			"    x_test.go:1: figure: gap: " + gap + " s, goal 0.5 s\n" +
			"=== NAME  TestOutage/local-first/cold-start\n" +
			"    x_test.go:2: figure: calls lost: 0 , goal 0 \n")
	}
	var shown strings.Builder
	if err := all.show(&shown); !errors.Is(err, errNotMet) {
		t.Errorf("error: got %v, want %v", err, errNotMet)
	}
	var got []string
	for line := range strings.Lines(shown.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"OUTAGE WHAT MEDIAN WORST GOAL MET",
		"local-first/cold-start calls lost 0 0 0 yes",
		"local-first/link-down gap 0.4 0.9 0.5 s NO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
