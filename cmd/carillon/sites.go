package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) sitesCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "sites",
		Short: "Which sites there are, and the nodes that stand there",
		Long: `Which sites there are: their networks, how many users the configuration has there,
and the nodes that stand there with how they are.`,
		Example: `  carillon sites
  carillon sites -o json | jq -r '.[] | select(.nodes == []) | .name'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Site]{
				ask: c.node().Sites, table: sitesTable,
				empty: func([]admin.Site) string { return "the configuration has no site" },
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func sitesTable(all []admin.Site) table {
	t := table{heading: []string{"SITE", "NODES", "USERS", "NETWORKS"}}
	for _, x := range all {
		var nodes []string
		for _, n := range x.Nodes {
			nodes = append(nodes, n.Name+" "+n.State)
		}
		t.add(x.Name, strings.Join(nodes, ", "), strconv.Itoa(x.Users), strings.Join(x.Networks, " "))
	}
	return t
}
