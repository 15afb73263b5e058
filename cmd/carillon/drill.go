package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

const drillTime = 60 * time.Second

// errPromise ends a drill in which a promise was not kept.
var errPromise = errors.New("a promise was not kept")

func (c *cli) drillCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Rehearse the loss of a site's line",
		Long: `Rehearse the loss of a site's line, before it happens by itself. The nodes drop what
goes over the line and what its phones send to nodes elsewhere, as if it were cut;
each ends that by its own clock, ten minutes later at most, whoever can be reached.`,
		Example: `  carillon drill site mons --for 60s
  carillon drill stop`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.drillSiteCommand(), c.drillStopCommand())
	return cmd
}

func (c *cli) drillSiteCommand() *cobra.Command {
	var o output
	var yes bool
	lasts := drillTime
	cmd := &cobra.Command{
		Use:   "site SITE",
		Short: "Behave as if the line of a site were cut, and report",
		Long: `Behave for a while as if the line of a site were cut, watch how the site goes on alone
and comes back, and report it beside what is promised: survivable within 10 s, no
call within the site and no registration lost, back within 15 s. Calls between the
site and others (BEYOND) do fail meanwhile, as they would: they are told, not judged.

A call is lost that was up, and whose phones were not heard of any more, or whose end
could not be told to the other phone; it is refused if it reached nobody. A
registration is lost if its phone cannot be called in the end; HERE are the phones
that are at the nodes of the site then.

It begins when all nodes of the site have agreed, and asks before that. Ctrl-C, the
end of this command, "carillon drill stop" at any node or an emergency call, wherever
it is made, ends it within 3 s. Exit code 1: a promise was not kept, or the drill did
not begin.`,
		Example: `  carillon drill site mons --for 60s
  carillon drill site mons --for 30s --yes -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes && !c.confirmsDrill(args[0], lasts, cmd.InOrStdin()) {
				return errNotSaid
			}
			return c.drill(cmd.Context(), args[0], lasts, o)
		},
	}
	cmd.Flags().DurationVar(&lasts, "for", drillTime, "how long, at most 10m")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) confirmsDrill(site string, lasts time.Duration, in io.Reader) bool {
	c.say("For %v the line of %s is as if cut: its phones reach each other alone.", lasts, site)
	c.say("Begin? Type yes, or nothing:")
	answer, _ := bufio.NewReader(in).ReadString('\n') // an end is no
	return strings.TrimSpace(answer) == "yes"
}

// drill starts one, follows it to its end, and reports. An interrupt ends it early,
// and so does whatever ends this command.
func (c *cli) drill(ctx context.Context, site string, lasts time.Duration, o output) error {
	going := context.WithoutCancel(ctx)
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	defer context.AfterFunc(ctx, func() {
		release() // a second one ends the command
		c.say("ending the drill")
		if _, err := c.node().StopDrill(going); err != nil {
			c.say("%v", err)
		}
	})()
	said := ""
	var d admin.Drill
	err := c.node().Rehearse(going, site, lasts, func(now admin.Drill) error {
		d = now
		if text := drillState(d); text != said && !d.Done {
			said = text
			c.say("%s", text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if o == asJSON {
		err = writeJSON(c.out, d)
	} else {
		t := drillTable(d)
		err = t.write(c.out)
	}
	if err == nil && !d.Kept {
		err = errPromise
	}
	return err
}

// drillState says in one line what goes on.
func drillState(d admin.Drill) string {
	var all []string
	for _, n := range d.Nodes {
		text := n.Node + ": " + n.State
		if n.Alone != nil && n.State == admin.DrillCuts {
			text += fmt.Sprintf(", survivable after %.1f s", *n.Alone)
		}
		all = append(all, text)
	}
	for _, name := range d.Silent {
		all = append(all, name+": silent")
	}
	return strings.Join(all, "; ")
}

func drillTable(d admin.Drill) table {
	t := table{heading: []string{"NODE", "CUT", "SURVIVABLE", "CALLS", "LOST", "BEYOND", "LOST", "REFUSED", "PHONES", "HERE", "LOST", "BACK", "VERDICT"}}
	for _, n := range d.Nodes {
		verdict := "as promised"
		if broken := n.Broken(); len(broken) > 0 {
			verdict = strings.Join(broken, ", ")
		}
		if n.Why != "" {
			verdict += " (ended early: " + n.Why + ")"
		}
		row := []string{n.Node, seconds(&n.Cut), seconds(n.Alone)}
		for _, count := range []int{n.Calls, n.Lost, n.Beyond, n.BeyondLost, n.Refused, n.Phones, n.Here, n.Dropped} {
			row = append(row, strconv.Itoa(count))
		}
		if n.Elsewhere {
			copy(row[len(row)-3:], []string{"-", "-", "-"}) // they are the site's
		}
		t.add(append(row, seconds(n.Back), verdict)...)
	}
	for _, name := range d.Silent {
		row := slices.Repeat([]string{"-"}, len(t.heading))
		row[0], row[len(row)-1] = name, "does not answer"
		t.add(row...)
	}
	return t
}

func seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f s", *s)
}

func (c *cli) drillStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "stop",
		Short:             "End the drill that goes on",
		Long:              `End the drill that goes on, at once, wherever it goes on and can be reached.`,
		Example:           `  carillon drill stop`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := c.node().StopDrill(cmd.Context())
			return err
		},
	}
}
