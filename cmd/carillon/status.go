package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) statusCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "status",
		Short: "How the node is",
		Long: `How the node is: its name, site and role, whether it is with the others
("cluster") or on its own ("survivable"), which configuration it has, and how
many phones and calls.`,
		Example: `  carillon status
  carillon status -o json | jq .registrations`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[admin.Status]{ask: c.node().Status, table: statusTable})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func statusTable(s admin.Status) table {
	var t table
	t.add("node", fmt.Sprintf("%s (%s)", s.Name, s.Role))
	t.add("site", s.Site)
	t.add("mode", s.Mode)
	t.add("configuration", fmt.Sprintf("revision %d, hash %s", s.Config, s.ConfigHash))
	t.add("registrations", strconv.Itoa(s.Registrations))
	t.add("calls", strconv.Itoa(s.Calls))
	for _, l := range s.Links {
		t.add("link to "+l.Node, l.State+" since "+relative(l.Since, time.Now()))
	}
	return t
}
