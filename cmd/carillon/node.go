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
		Short: "Take a node out of the system",
		Long: `Take a node out of the system. Nodes come by joining: see "carillon token create"
and "carillon run --join".`,
		Example:           `  carillon node remove mons`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.nodeRemoveCommand())
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
