package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) eventsCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "events",
		Short: "What has happened, in plain words",
		Long: `What has happened, in plain words, the oldest first: phones that came and went,
configurations applied, and the warnings and errors of the log. The node
remembers the last 1000 events and forgets them when it stops; the log has what
is older.`,
		Example: `  carillon events
  carillon events --watch
  carillon events -o json | jq -r '.[] | select(.kind == "registration") | .text'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.watch {
				return c.followEvents(cmd.Context(), s.output)
			}
			return show(cmd.Context(), c, s, view[[]admin.Event]{ask: c.node().Events, table: eventsTable})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func eventsTable(all []admin.Event) table {
	t := table{heading: []string{"WHEN", "KIND", "EVENT"}}
	now := time.Now()
	for _, e := range all {
		t.add(relative(e.Time, now), e.Kind, e.Text)
	}
	return t
}

// followEvents prints each event as it happens. The node sends them, so that
// none is missed.
func (c *cli) followEvents(ctx context.Context, o output) error {
	lines := json.NewEncoder(c.out)
	return c.node().WatchEvents(ctx, func(e admin.Event) error {
		if o == asJSON {
			return lines.Encode(e)
		}
		_, err := fmt.Fprintf(c.out, "%s  %-13s  %s\n", e.Time.Local().Format(time.TimeOnly), e.Kind, plain(e.Text))
		return err
	})
}
