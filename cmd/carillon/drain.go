package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (c *cli) drainCommand() *cobra.Command {
	var o output
	var undo bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Have the phones of a node go elsewhere, before it is taken down",
		Long: `Have the phones of a node go elsewhere, before it is taken down. Within two seconds
no DNS answer names it. Its phones are asked to register at another node (503 with
Retry-After), over half a minute or more, so that not all come at once; a phone that
watches its connection (RFC 5626) finds it closed when it is in no call. Calls go on,
and can be made, to emergency numbers too. A phone that comes back each time knows no
other node: it is served.

It is a change of the configuration: the node stays drained, through restarts too,
until --undo. While no other main answers it is refused, or has no effect: at a site
that is cut off, phones stay where they are.`,
		Example: `  carillon drain hardy
  carillon registrations        see them go
  carillon drain hardy --undo   when it is back`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeNodes,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.drain(cmd.Context(), o, args[0], undo) },
	}
	cmd.Flags().BoolVar(&undo, "undo", false, "let phones come again")
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) drain(ctx context.Context, o output, name string, undo bool) error {
	d, err := c.node().Drain(ctx, name, undo)
	switch {
	case err != nil:
		return err
	case o == asJSON:
		return writeJSON(c.out, d)
	case undo:
		c.say("%s is not drained: the DNS names it, and phones may come.", d.Name)
	default:
		c.say("%s is drained: the DNS names it no more, and its phones are asked to go, over half a minute. Calls go on.", d.Name)
		c.say("See them go: carillon registrations. Back again: carillon drain %s --undo", d.Name)
	}
	return nil
}
