package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) linksCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "links",
		Short: "How this node stands with the others",
		Long: `How this node stands with those it keeps a link to: up or down and since when, how
long a message takes there and back, and how many bytes have gone each way since
the node started. A link is up when both ends hear each other. SIP and media do
not count.`,
		Example: `  carillon links
  carillon links --watch
  carillon links -o json | jq '.[] | select(.state == "down")'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.LinkDetail]{
				ask: c.node().Links, table: linksTable,
				empty: func([]admin.LinkDetail) string { return "this node has nobody to keep a link to" },
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func linksTable(all []admin.LinkDetail) table {
	t := table{heading: []string{"NODE", "STATE", "SINCE", "RTT", "SENT", "RECEIVED"}}
	now := time.Now()
	for _, l := range all {
		rtt := ""
		if l.RoundTrip > 0 {
			rtt = fmt.Sprintf("%.1fms", l.RoundTrip)
		}
		t.add(l.Node, l.State, relative(l.Since, now), rtt, strconv.FormatUint(l.Sent, 10), strconv.FormatUint(l.Received, 10))
	}
	return t
}
