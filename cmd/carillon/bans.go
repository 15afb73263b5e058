package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) bansCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "bans",
		Short: "Who is kept out, why, and until when",
		Long: `Who is kept out of the whole system, why, until when, and by which node. An address
that no network of the configuration has is banned behind ten failures, such as
wrong passwords; each further ban is four times as long, up to a day, and ends by
itself. Within the networks of the configuration nobody is banned: there a user
whose password was wrong has to wait.`,
		Example: `  carillon bans
  carillon bans --watch
  carillon bans -o json | jq -r '.[].address'
  carillon bans lift 192.0.2.7`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Ban]{
				ask:   c.node().Bans,
				table: bansTable,
				empty: func([]admin.Ban) string { return "nobody is banned" },
			})
		},
	}
	addShowing(cmd, &s)
	cmd.AddCommand(c.bansLiftCommand())
	return cmd
}

func bansTable(all []admin.Ban) table {
	t := table{heading: []string{"ADDRESS", "WHY", "BAN", "UNTIL", "NODE"}}
	now := time.Now()
	for _, b := range all {
		t.add(b.Address, b.Why, strconv.Itoa(b.Times)+".", relative(b.Until, now), b.Node)
	}
	return t
}

func (c *cli) bansLiftCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lift ADDRESS",
		Short: "End the ban of an address everywhere",
		Long: `End the ban of an address at every node, and forget what was held against it. The
bans of a node that does not answer stay: it is named on stderr, and the exit
code is 3.`,
		Example:           `  carillon bans lift 192.0.2.7`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeBans,
		RunE: func(cmd *cobra.Command, args []string) error {
			lifted, err := c.node().LiftBan(cmd.Context(), args[0])
			if !isAnswer(err) {
				return err
			}
			for _, b := range lifted {
				c.say("%s is no longer banned by %s", b.Address, b.Node)
			}
			return err
		},
	}
}

// completeBans offers the addresses that are banned to the shell.
func (c *cli) completeBans(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	bans, err := c.node().Bans(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := make([]cobra.Completion, len(bans))
	for i, b := range bans {
		found[i] = cobra.CompletionWithDesc(b.Address, b.Why)
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
