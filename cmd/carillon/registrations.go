package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) registrationsCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:     "registrations [USER]",
		Aliases: []string{"reg"},
		Short:   "Which phones are registered",
		Long: `Which phones are registered in the whole system: one line for each phone, or for
each phone of USER. Every node is asked for its own; one that does not answer is
named on stderr, what is known of its phones is shown, and the exit code is 3.

A phone is "up" when a call can reach it now, and "down" when its connection
closed: then it waits for the phone to come back, until the registration expires.`,
		Example: `  carillon registrations
  carillon registrations 201
  carillon registrations --watch
  carillon registrations -o json | jq -r '.[].user' | sort | uniq -c`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeUsers,
		RunE: func(cmd *cobra.Command, args []string) error {
			user := ""
			if len(args) == 1 {
				user = args[0]
			}
			return show(cmd.Context(), c, s, view[[]admin.Registration]{
				ask: func(ctx context.Context) ([]admin.Registration, error) {
					return c.node().Registrations(ctx, user)
				},
				table: registrationsTable,
				empty: func([]admin.Registration) string { return "no phone is registered" },
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func registrationsTable(all []admin.Registration) table {
	t := table{heading: []string{"USER", "CONTACT", "NODE", "TRANSPORT", "STATE", "EXPIRES"}}
	now := time.Now()
	for _, r := range all {
		t.add(r.User, r.Contact, r.Node, r.Transport, r.State, expiry(r.Expires, now))
	}
	return t
}

// expiry says when a registration ends, if its owner was there to say it.
func expiry(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return relative(t, now)
}

// completeUsers offers the numbers of the configuration to the shell.
func (c *cli) completeUsers(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	users, err := c.node().Users(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := make([]cobra.Completion, len(users))
	for i, u := range users {
		found[i] = cobra.CompletionWithDesc(u.Number, u.Name)
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
