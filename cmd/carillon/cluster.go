package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) clusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "When too many mains are lost",
		Long: `When too many mains are lost. Changes of the configuration need more than half of
the nodes that decide about it: the mains, and the witness if there is one. With
two mains that is both. Calls and registrations go on without.`,
		Example:           `  carillon cluster take-over`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.takeOverCommand())
	return cmd
}

func (c *cli) takeOverCommand() *cobra.Command {
	var o output
	var yes bool
	cmd := &cobra.Command{
		Use:   "take-over",
		Short: "Have this main decide alone, when the others are lost",
		Long: `Have this main decide alone about the configuration, when so many others are lost
that it cannot be changed any more. It says what it will do, and asks.

A main that comes back later follows by itself: it takes the configuration of this
one and decides with it again. What was changed there and is not known here is
dropped; an event there says what. So be sure that the others are off, or cannot
decide without this one: two parts of a system that are changed apart do not come
together again, and the part that took over last wins.

While more than half of those that decide answer, it is refused.`,
		Example: `  carillon cluster take-over
  carillon cluster take-over --yes
  carillon node remove hardy          when it will never come back`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.takeOver(cmd.Context(), o, yes, cmd.InOrStdin())
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	addOutput(cmd, &o)
	return cmd
}

// errNotSaid ends what was not confirmed.
var errNotSaid = errors.New("nothing is changed: it was not confirmed")

func (c *cli) takeOver(ctx context.Context, o output, yes bool, in io.Reader) error {
	d, err := c.node().Deciding(ctx)
	if err != nil {
		return err
	}
	c.sayTakeOver(d)
	if !yes {
		c.say("Take over? Type yes, or nothing:")
		answer, _ := bufio.NewReader(in).ReadString('\n') // an end is no
		if strings.TrimSpace(answer) != "yes" {
			return errNotSaid
		}
	}
	if d, err = c.node().TakeOver(ctx); err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, d)
	}
	c.say("%s has taken over, with revision %d: the configuration can be changed again.", d.Node, d.Revision)
	return nil
}

func (c *cli) sayTakeOver(d admin.Deciding) {
	missing := strings.Join(d.Missing, ", ")
	c.say("%d of the %d nodes that decide about the configuration do not answer: %s.", len(d.Missing), len(d.Voters), missing)
	c.say("%s will decide alone, with what it has: revision %d.", d.Node, d.Revision)
	c.say("Who comes back takes its configuration, and what was changed there and is not known here is dropped.")
	c.say("So be sure that they are off, and do not decide without %s: %s.", d.Node, missing)
	c.say("One that will never come back is removed afterwards: carillon node remove %s", d.Missing[0])
}
