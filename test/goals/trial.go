package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"carillon/test/tool"
)

// A trial is tests of one package that print figures of one goal.
type trial struct {
	goal  int    // its number
	pkg   string // in test, or in cluster or node
	tests string // which, as -run has it
	more  string // one more argument, with -full
	long  bool   // only with -full
}

// trials are in the order of the goals of shared state.
func trials() []trial {
	return []trial{
		{goal: 1, pkg: "test/lab", tests: "TestSites/IdleLineCostsLittle"},
		{goal: 1, pkg: "test/lab", tests: "TestFiveHundredPhonesAreFree", long: true},
		{goal: 1, pkg: "test/sites", tests: "TestIdleLines", more: "-full"},
		{goal: 2, pkg: "test/lab", tests: "TestSites/(ChangesCostLittle|DeltasCrossOnce)"},
		{goal: 3, pkg: "test/lab", tests: "TestConverges$"},
		{goal: 3, pkg: "test/lab", tests: "TestConvergesUnderLoad", long: true},
		{goal: 3, pkg: "test/sites", tests: "TestConverges", more: "-full"},
		{goal: 4, pkg: "cluster/session", tests: "TestRejoin$"},
		{goal: 5, pkg: "test/lab", tests: "TestBranchGoesOnAlone"},
		{goal: 5, pkg: "test/lab", tests: "TestLossyLineIsNotCut", long: true},
		{goal: 6, pkg: "test/lab", tests: "TestBudget$"},
		{goal: 6, pkg: "test/lab", tests: "TestSites/MeterAgrees"},
		{goal: 7, pkg: "test/simulator", tests: "TestRandomFaults|TestPlantedFaults|TestGap|TestClaim", more: "-runs=10000"},
		{goal: 8, pkg: "test/scale", tests: "TestBindings|TestRings", more: "-full"},
		{goal: 9, pkg: "cluster/quorum", tests: "TestLeaderKilledWritableAgainWithinFiveSeconds|TestTwoMainsAndAWitness|TestIdleBytes|TestTakeOverOfTwo"},
		{goal: 9, pkg: "test/lab", tests: "TestWitness"},
		{goal: 10, pkg: "test/lab", tests: "TestSites/(StrangersAreRefused|TokensAreRefused|OutsidersGetNothing)"},
		{goal: 10, pkg: "node", tests: "TestARemovedNodeIsOutWhileItRuns|TestARemovedNodeIsOutWhenItComesBack"},
		{goal: 10, pkg: "cluster/link", tests: "TestForgedAndReplayed|TestTurnedAway"},
		{goal: 10, pkg: "test/scenario/cli", tests: "TestStories/remove"},
	}
}

// args is what the Go command is told.
func (t trial) args(full bool) []string {
	args := []string{"test", "-count=1", "-v", "-timeout=60m", "-run=" + t.tests}
	if t.long {
		args = append(args, "-tags=long")
	}
	args = append(args, "./"+t.pkg)
	if full && t.more != "" {
		args = append(args, t.more)
	}
	return args
}

// words is the same for a shell.
func (t trial) words(full bool) string {
	args := t.args(full)
	for i, a := range args {
		if run, ok := strings.CutPrefix(a, "-run="); ok {
			args[i] = "-run='" + run + "'"
		}
	}
	return "go " + strings.Join(args, " ")
}

// A row is a figure beside its goal.
type row struct {
	goal            int
	what, got, want string
	met             bool
}

// run runs the tests and returns what they print; of those that print nothing,
// whether they pass. Nothing may be skipped.
func (t trial) run(ctx context.Context, full bool) []row {
	cmd := exec.CommandContext(ctx, "go", t.args(full)...) //nolint:gosec // our own words
	cmd.Env = append(os.Environ(), "CI=true")
	out, err := cmd.CombinedOutput()
	rows := t.read(out)
	switch failed := err != nil || bytes.Contains(out, []byte("no tests to run")); {
	case failed:
		fmt.Fprintf(os.Stderr, "%s\n", out[max(0, len(out)-2000):])
		rows = append(rows, row{t.goal, t.tests, "fails", "passes", false})
	case len(rows) == 0:
		rows = append(rows, row{t.goal, t.tests, "passes", "passes", true})
	}
	return rows
}

// read finds what tool.Figure has printed.
func (t trial) read(out []byte) (rows []row) {
	for _, m := range tool.ReadFigures(string(out)) {
		rows = append(rows, row{t.goal, m.What, with(m.Got, m.Unit), with(m.Goal, m.Unit), m.Got <= m.Goal})
	}
	return rows
}

func with(x float64, unit string) string { return strings.TrimSpace(fmt.Sprintf("%g %s", x, unit)) }
