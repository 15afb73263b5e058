// Command outages has every outage happen that the promise of survival is made
// for, several times, and prints the median and the worst of each figure beside its
// goal. It measures nothing itself: test/lab does, and test/tool prints.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"carillon/test/tool"
)

const usage = `Have every outage happen to a branch of 200 phones, and print what they noticed.

  go run ./test/outages [-repeats 3] [-at-once 6] [CASE ...]

A CASE is a part of the name of an outage, as local-first/silent-drop or killed; all if
none is named. One takes four minutes, all of them three times forty minutes. The case
drill, which takes fifteen, has the line of 60 phones cut and its loss rehearsed, in
turn five times each, and prints how far the medians are apart: -repeats 1 will do.
The case eight-sites has each of eight sites call each without mains, over the lines
and through a carrier, in a minute; names compares what DNS says with the line up and
cut. Needs what the tests need: see test/all. Exit code 1 if a goal is not met.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "outages:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

var errNotMet = errors.New("not all goals are met")

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("outages", flag.ContinueOnError)
	flags.Usage = func() { _, _ = fmt.Fprint(flags.Output(), usage) }
	repeats := flags.Int("repeats", 3, "how often each outage happens")
	atOnce := flags.Int("at-once", 6, "how many happen at the same time, each to a system of its own")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var all table
	for i := range *repeats {
		fmt.Fprintf(os.Stderr, "outages: %d of %d\n", i+1, *repeats)
		out, err := once(ctx, *atOnce, flags.Args())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		all.add(out)
		if err != nil {
			fmt.Fprintf(os.Stderr, "outages: %v\n%s", err, complaints(out))
		}
	}
	if len(all.rows) == 0 {
		return fmt.Errorf("no outage is called like %s", strings.Join(flags.Args(), " or "))
	}
	return all.show(os.Stdout)
}

// once has the outages happen once, and returns what the test prints.
func once(ctx context.Context, atOnce int, cases []string) (string, error) {
	which := []string{"TestOutage"}
	if len(cases) > 0 {
		which = nil
	}
	for _, c := range cases {
		if !strings.Contains(c, "/") {
			c = ".*/" + c
		}
		which = append(which, "TestOutage/"+c)
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout=120m", "-run="+strings.Join(which, "|"), "-parallel="+strconv.Itoa(atOnce), "./test/lab", "-outages") //nolint:gosec // our own words
	cmd.Env = append(os.Environ(), "CI=true")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// complaints are what failed in words.
func complaints(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.Contains(line, "want at most") || strings.Contains(line, "--- FAIL") || strings.Contains(line, " not within ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A table is all figures, in the order in which they came.
type table struct{ rows []*row }

// A row is one figure of one outage.
type row struct {
	outage, what, unit string
	got                []float64
	goal               float64
}

// add takes the figures out of what a test has printed.
func (t *table) add(out string) {
	for _, f := range tool.ReadFigures(out) {
		_, outage, _ := strings.Cut(f.Test, "/")
		i := slices.IndexFunc(t.rows, func(r *row) bool { return r.outage == outage && r.what == f.What })
		if i < 0 {
			i = len(t.rows)
			t.rows = append(t.rows, &row{outage: outage, what: f.What, unit: f.Unit, goal: f.Goal})
		}
		t.rows[i].got = append(t.rows[i].got, f.Got)
	}
}

// show writes the table, and returns errNotMet if a worst figure is above its goal.
func (t *table) show(to io.Writer) error {
	slices.SortStableFunc(t.rows, func(a, b *row) int { return strings.Compare(a.outage, b.outage) })
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "OUTAGE\tWHAT\tMEDIAN\tWORST\tGOAL\tMET")
	met := true
	for _, r := range t.rows {
		slices.Sort(r.got)
		worst := r.got[len(r.got)-1]
		is := worst <= r.goal
		met = met && is
		_, _ = fmt.Fprintf(out, "%s\t%s\t%g\t%g\t%g %s\t%s\n", r.outage, r.what, r.got[len(r.got)/2], worst, r.goal, r.unit, map[bool]string{true: "yes", false: "NO"}[is])
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if !met {
		return errNotMet
	}
	return nil
}
