package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) presenceCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "presence",
		Short: "Who is what, and which source says so",
		Long: `What watchers are told of each user of whom something is known, and from which source:
the calls that he is in (dialog), what the primary source publishes (primary), what
any other has published last (publish), or that a phone of his is registered
(registration). OTHERS are sources that count less. What counts more, and whether
one is told or all, says "presence:" in the configuration.`,
		Example: `  carillon presence
  carillon presence --watch
  carillon presence set 201 meeting --for 90m
  carillon presence -o json | jq -r '.[] | select(.activity == "meeting") | .user'`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Presence]{
				ask:   c.node().Presence,
				table: presenceTable,
				empty: func([]admin.Presence) string {
					return "nothing is known of anybody: no phone is registered, and none publishes"
				},
			})
		},
	}
	addShowing(cmd, &s)
	cmd.AddCommand(c.presenceSetCommand(), c.presenceClearCommand())
	return cmd
}

func presenceTable(all []admin.Presence) table {
	t := table{heading: []string{"USER", "STATE", "ACTIVITY", "NOTE", "SOURCE", "SINCE", "NODE", "OTHERS"}}
	now := time.Now()
	for _, p := range all {
		source := p.Source
		if p.By != "" && p.By != p.Source {
			source += " (" + p.By + ")"
		}
		t.add(p.User, p.State, cmp.Or(p.Activity, "-"), cmp.Or(p.Note, "-"), source, relative(p.Since, now), p.Node, cmp.Or(strings.Join(p.Others, ", "), "-"))
	}
	return t
}
