package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

const (
	drillTime  = 60 * time.Second
	drillLooks = 500 * time.Millisecond
)

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
call and no registration lost, back within 15 s. Calls between the site and others
do fail meanwhile, as they would.

It begins when all nodes of the site have agreed, and asks before that. Ctrl-C or
"carillon drill stop" ends it, and so does an emergency call at the site. Exit code
1: a promise was not kept, or the drill did not begin.`,
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

// drill starts one, follows it to its end, and reports. An interrupt ends it early.
func (c *cli) drill(ctx context.Context, site string, lasts time.Duration, o output) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt)
	defer release()
	going := context.WithoutCancel(ctx)
	d, err := c.node().StartDrill(going, site, lasts)
	stopped, said := false, ""
	for err == nil && !d.Done {
		if now := drillState(d); now != said {
			said = now
			c.say("%s", now)
		}
		pause := ctx.Done()
		if stopped {
			pause = nil
		}
		select {
		case <-pause:
			stopped = true
			c.say("ending the drill")
			d, err = c.node().StopDrill(going)
			continue
		case <-time.After(drillLooks):
		}
		d, err = c.node().Drill(going)
	}
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
	t := table{heading: []string{"NODE", "CUT", "SURVIVABLE", "CALLS", "LOST", "REGISTRATIONS", "LOST", "BACK", "VERDICT"}}
	for _, n := range d.Nodes {
		verdict := "as promised"
		if broken := n.Broken(); len(broken) > 0 {
			verdict = strings.Join(broken, ", ")
		}
		if n.Why != "" {
			verdict += " (ended early: " + n.Why + ")"
		}
		t.add(n.Node, seconds(&n.Cut), seconds(n.Alone), strconv.Itoa(n.Calls), strconv.Itoa(n.Lost),
			strconv.Itoa(n.Phones), strconv.Itoa(n.Dropped), seconds(n.Back), verdict)
	}
	for _, name := range d.Silent {
		t.add(name, "-", "-", "-", "-", "-", "-", "-", "does not answer")
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
