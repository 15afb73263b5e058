package main

import (
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) membersCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "members",
		Short: "Which nodes the system has",
		Long: `Which nodes the system has, where they stand and how they are, as this node sees
them: alive, suspect (it does not answer, others are being asked), dead or left, and
whether it is drained: see "carillon drain".
Dead nodes stay listed until another one joins under their name, or they are
removed: "carillon node remove".`,
		Example: `  carillon members
  carillon members --watch
  carillon members -o json | jq -r '.[] | select(.state != "alive") | .name'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Member]{ask: c.node().Members, table: membersTable})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func membersTable(all []admin.Member) table {
	t := table{heading: []string{"NAME", "SITE", "ROLE", "ADDRESS", "STATE", "SINCE", "VERSION"}}
	now := time.Now()
	for _, m := range all {
		t.add(m.Name, m.Site, m.Role, m.Address, stateOf(m), relative(m.Since, now), m.Version)
	}
	return t
}

func stateOf(m admin.Member) string {
	if m.Drained {
		return m.State + ", drained"
	}
	return m.State
}
