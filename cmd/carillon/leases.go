package main

import (
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) leasesCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "leases",
		Short: "Which addresses DHCP has given to which devices",
		Long: `Which addresses DHCP has given to which devices in the whole system. Every node is
asked for those that it has given or renewed; one that does not answer is named on
stderr, what the others know of its leases is shown, and the exit code is 3.

A lease is "active", or "expired": then the device gets the address again if it
comes back before another one needs it. An address is "declined" when somebody was
on it who did not get it from DHCP: nobody gets it for an hour.`,
		Example: `  carillon leases
  carillon leases --watch
  carillon leases -o json | jq -r '.[] | select(.state == "active") | .address'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Lease]{
				ask:   c.node().Leases,
				table: leasesTable,
				empty: func([]admin.Lease) string { return "DHCP has given out no address" },
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func leasesTable(all []admin.Lease) table {
	t := table{heading: []string{"ADDRESS", "MAC", "HOST", "NODE", "STATE", "EXPIRES"}}
	now := time.Now()
	for _, l := range all {
		t.add(l.Address.String(), l.MAC, l.Host, l.Node, l.State, relative(l.Expires, now))
	}
	return t
}
