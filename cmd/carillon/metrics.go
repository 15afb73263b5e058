package main

import "github.com/spf13/cobra"

func (c *cli) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "The node's figures, for Prometheus",
		Long: `The node's figures in the text format of Prometheus: flows, transactions,
messages by method and result, queues, times, losses by reason, registrations,
calls, links, and the Go runtime. No user, number or address is among them.

To have Prometheus ask by itself, start the node with --metrics ADDRESS:PORT.`,
		Example: `  carillon metrics
  carillon metrics | grep carillon_calls
  carillon run --metrics 127.0.0.1:9464`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := c.node().Metrics(cmd.Context())
			if err != nil {
				return err
			}
			_, err = c.out.Write(text)
			return err
		},
	}
}
