// Command goals runs the tests that measure what shared state costs, and prints
// each figure beside its goal, the numbers being those of the issue that set them.
// It measures nothing itself, and knows figures only as test/tool prints them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
)

const usage = `Measure what shared state costs, and print each figure beside its goal.

  go run ./test/goals [-full] [1 ... 10]    those goals; all if none is named

Takes about ten minutes; with -full, as large and as long as the goals say, an hour
and a half. Needs what the tests need: see test/all. Exit code 1 if a goal is not met.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "goals:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

var errNotMet = errors.New("not all goals are met")

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("goals", flag.ContinueOnError)
	flags.Usage = func() { _, _ = fmt.Fprint(flags.Output(), usage) }
	full := flags.Bool("full", false, "as large and as long as the goals say")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var rows [][]string
	met := true
	for _, t := range trials() {
		if t.long && !*full || flags.NArg() > 0 && !slices.Contains(flags.Args(), strconv.Itoa(t.goal)) {
			continue
		}
		command := t.words(*full)
		fmt.Fprintln(os.Stderr, command)
		for _, r := range t.run(ctx, *full) {
			rows = append(rows, []string{strconv.Itoa(r.goal), r.what, r.got, r.want, map[bool]string{true: "yes", false: "NO"}[r.met], command})
			met, command = met && r.met, ""
		}
	}
	if err := show(rows); err != nil {
		return err
	}
	if !met {
		return errNotMet
	}
	return ctx.Err()
}

func show(rows [][]string) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range slices.Insert(rows, 0, []string{"LINE", "WHAT", "FIGURE", "GOAL", "MET", "COMMAND"}) {
		if _, err := fmt.Fprintln(out, strings.Join(r, "\t")); err != nil {
			return err
		}
	}
	return out.Flush()
}
