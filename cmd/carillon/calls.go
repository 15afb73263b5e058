package main

import (
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) callsCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "Which calls ring or are up",
		Long: `Which calls ring or are up in the whole system, the oldest first, and since when.
A node that does not answer is named on stderr, and the exit code is 3; of its calls
those are shown that it has told of.`,
		Example: `  carillon calls
  carillon calls --watch
  carillon calls -o json | jq length`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Call]{
				ask:   c.node().Calls,
				table: callsTable,
				empty: func([]admin.Call) string { return "nobody is on the telephone" },
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func callsTable(all []admin.Call) table {
	t := table{heading: []string{"FROM", "TO", "STATE", "SINCE", "NODE"}}
	now := time.Now()
	for _, call := range all {
		t.add(call.From, call.To, call.State, relative(call.Since, now), call.Node)
	}
	return t
}
