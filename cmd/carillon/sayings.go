package main

import (
	"cmp"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

// sayFor is how long what is said of a user lasts unless said otherwise.
const sayFor = time.Hour

func (c *cli) presenceSetCommand() *cobra.Command {
	var said admin.Statement
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:   "set NUMBER ACTIVITY",
		Short: "Say what a user does",
		Long: `Say what a user does, as a program with a token does over HTTPS: it counts like what a
phone publishes, whoever says something last is believed, and it is over when its
time is. ACTIVITY is available, unavailable or a word of RFC 4480, such as away, busy,
meeting or vacation. What is told of him now is printed: a call counts more.`,
		Example: `  carillon presence set 201 meeting --for 90m
  carillon presence set 201 vacation --note "back on Monday" --for 120h`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: c.completeSaying,
		RunE: func(cmd *cobra.Command, args []string) error {
			if said.TTL = int(lasts / time.Second); said.TTL < 1 {
				return errors.New("--for is a time like 90m, of a second at least")
			}
			said.Activity = admin.Activity(args[1])
			told, err := c.node().SetPresence(cmd.Context(), args[0], said)
			return c.sayTold(told, err)
		},
	}
	cmd.Flags().StringVar(&said.Note, "note", "", "a few words for people")
	cmd.Flags().DurationVar(&lasts, "for", sayFor, "how long it lasts, at most 168h")
	return cmd
}

func (c *cli) presenceClearCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clear NUMBER",
		Short: "End what was said of a user",
		Long: `End what was said of a user with carillon presence set, or by a program with a token,
at whichever node. What phones, calls and registrations say stays.`,
		Example:           `  carillon presence clear 201`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeSaying,
		RunE: func(cmd *cobra.Command, args []string) error {
			told, err := c.node().ClearPresence(cmd.Context(), args[0])
			return c.sayTold(told, err)
		},
	}
}

// sayTold says what watchers are told now.
func (c *cli) sayTold(told admin.Presence, err error) error {
	if err == nil {
		c.say("%s is now %s: %s", told.User, told.State, cmp.Or(told.Activity, "no activity")+bySource(told))
	}
	return err
}

func bySource(p admin.Presence) string {
	if p.Source == "" {
		return ", as nothing is known"
	}
	return ", says " + cmp.Or(p.By, p.Source)
}

// completeSaying offers numbers and activities to the shell.
func (c *cli) completeSaying(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	switch {
	case len(args) == 0:
		users, err := c.node().Users(cmd.Context())
		if err == nil {
			for _, u := range users {
				found = append(found, u.Number)
			}
		}
	case len(args) == 1 && cmd.Name() == "set":
		found = admin.PresenceActivities()
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
