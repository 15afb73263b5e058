package main

import (
	"context"

	"github.com/spf13/cobra"

	"carillon/node"
	"carillon/node/admin"
)

func (c *cli) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Take a node out of the system, or give it another key",
		Long: `Take a node out of the system, or give it another key. Nodes come by joining: see
"carillon token create" and "carillon run --join".`,
		Example: `  carillon node remove mons
  carillon node renew mons`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.nodeRemoveCommand(), c.nodeRenewCommand())
	return cmd
}

func (c *cli) nodeRemoveCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a node out of the system for good",
		Long: `Take a node out of the system for good, whether it is dead or alive, asked for on
any other node. No node takes its certificate from then on, nor knows its phones;
it is listed no more, and its name is free. One that is alive goes on alone until
it is stopped. The nodes that stay seal nonces and tokens with another key: calls
go on, and phones answer to new nonces without asking anybody.

A main is removed only if those that stay can still change the configuration:
more than half of them have to answer.`,
		Example: `  carillon node remove mons
  carillon members`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeNodes,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.removeNode(cmd.Context(), o, args[0]) },
	}
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) removeNode(ctx context.Context, o output, name string) error {
	gone, err := c.node().RemoveNode(ctx, name)
	if err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, gone)
	}
	c.say("%s is removed: no node takes its certificate any more. Stop it, and delete its data.", gone.Name)
	if gone.Role == node.RoleMain {
		c.say("Mains that are left: %d; to change the configuration, %d of them have to be there.", gone.Mains, gone.Mains/2+1)
	}
	return nil
}

func (c *cli) nodeRenewCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "renew NAME",
		Short: "Give a node another key and certificate",
		Long: `Give a node another key and certificate, asked for there or at a main. The former
key counts no more from then on, so that who has a copy of it, such as an old
backup of the node's data, gets nothing with it. The node's connections to others
are opened anew; calls go on.

This is for when you do not know who has a copy. The certificate itself is renewed
without you long before its end, for the same key, and without any of that.`,
		Example: `  carillon node renew mons
  carillon events`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeNodes,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.renewNode(cmd.Context(), o, args[0]) },
	}
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) renewNode(ctx context.Context, o output, name string) error {
	done, err := c.node().RenewNode(ctx, name)
	if err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, done)
	}
	c.say("%s has another key: its former one counts no more, nor does a backup from before.", done.Name)
	return nil
}

// completeNodes offers the names of the nodes, those that are gone first.
func (c *cli) completeNodes(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := c.node().Members(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nodeCompletions(all), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func nodeCompletions(all []admin.Member) (found []cobra.Completion) {
	for _, alive := range []bool{false, true} {
		for _, m := range all {
			if (m.State == "alive") == alive {
				found = append(found, cobra.CompletionWithDesc(m.Name, m.Role+" at "+m.Site+", "+m.State))
			}
		}
	}
	return found
}
