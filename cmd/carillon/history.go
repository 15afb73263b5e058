package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) historyCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Who changed what, and when",
		Long:  `Who changed what in the configuration, and when, the latest first.`,
		Example: `  carillon config history
  carillon config history -o json | jq -r '.[0].who'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.Revision]{ask: c.node().History, table: historyTable})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func historyTable(all []admin.Revision) table {
	t := table{heading: []string{"REVISION", "WHEN", "WHO", "WHAT"}}
	now := time.Now()
	for _, r := range all {
		what := strings.Join(r.Summary[:min(len(r.Summary), 1)], "")
		if len(r.Summary) > 1 {
			what += fmt.Sprintf(" (and %d more)", len(r.Summary)-1)
		}
		t.add(strconv.FormatUint(r.Index, 10), relative(r.At, now), r.Who, what)
	}
	return t
}

func (c *cli) rollbackCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Go back to a former configuration",
		Long: `Go back to a former configuration, passwords included. This makes a new revision
with the old content: nothing is lost, and it can be gone back on.`,
		Example: `  carillon config history
  carillon config rollback 3`,
		Args:              cobra.MatchAll(cobra.ExactArgs(1), revisionArg),
		ValidArgsFunction: c.completeRevisions,
		RunE: func(cmd *cobra.Command, args []string) error {
			revision, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return err
			}
			p, err := c.node().Rollback(cmd.Context(), revision)
			if err != nil {
				return err
			}
			return c.printApplied(o, p)
		},
	}
	addOutput(cmd, &o)
	return cmd
}

func revisionArg(_ *cobra.Command, args []string) error {
	if _, err := strconv.ParseUint(args[0], 10, 64); err != nil {
		return fmt.Errorf("%q is not a revision: revisions are numbers, see `carillon config history`", args[0])
	}
	return nil
}

func (c *cli) completeRevisions(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := c.node().History(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, r := range all {
		found = append(found, cobra.CompletionWithDesc(strconv.FormatUint(r.Index, 10), relative(r.At, time.Now())+" by "+r.Who))
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
