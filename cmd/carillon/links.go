package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) linksCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "links",
		Short: "How this node stands with the others",
		Long: `How this node stands with those it keeps a link to: up or down and since when, when
it last heard anything, how long a message takes there and back, and how many
changes the other node does not have yet and for how long the oldest of them has
waited. A link is up when both ends hear each other.

BUDGET is how much of the line may be taken to tell each other what changes, both
ways together: it is the setting budget of the site, and no bound within a site.
SENT and RECEIVED are bytes as the line sees them since the node started, with all
headers and acknowledgements. CLASSES says what they were for, both ways together:
reg registrations, feed the configuration, session who has what, overhead what the
line adds to these; hello and ring who is there; ask, raft, sip (calls between
nodes, which the budget does not bound), meet the rest. -o json has both ways.`,
		Example: `  carillon links
  carillon links --watch
  carillon links -o json | jq '.[] | select(.state == "down")'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.LinkDetail]{
				ask: c.node().Links, table: linksTable,
				empty: func([]admin.LinkDetail) string {
					return "this node is alone: links come with the second node (carillon token create)"
				},
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func linksTable(all []admin.LinkDetail) table {
	t := table{heading: []string{"NODE", "STATE", "SINCE", "HEARD", "RTT", "LAG", "BUDGET", "SENT", "RECEIVED", "CLASSES"}}
	now := time.Now()
	for _, l := range all {
		t.add(l.Node, l.State, relative(l.Since, now), relative(l.Heard, now), rttText(l), lagText(l), budgetText(l),
			strconv.FormatUint(l.Sent, 10), strconv.FormatUint(l.Received, 10), classesText(l))
	}
	return t
}

func rttText(l admin.LinkDetail) string {
	if l.RoundTrip == 0 {
		return ""
	}
	return fmt.Sprintf("%.1fms", l.RoundTrip)
}

func lagText(l admin.LinkDetail) string {
	if l.Lag == 0 {
		return ""
	}
	waited := time.Duration(l.LagTime * float64(time.Millisecond))
	return fmt.Sprintf("%d, %s", l.Lag, roughly(waited))
}

func budgetText(l admin.LinkDetail) string {
	if l.Budget == 0 {
		return ""
	}
	return fmt.Sprintf("%d kbit/s", l.Budget)
}

// classesText names what the bytes were for, the most first.
func classesText(l admin.LinkDetail) string {
	both := func(class string) uint64 { return l.Classes[class].Sent + l.Classes[class].Received }
	classes := slices.SortedFunc(maps.Keys(l.Classes), func(a, b string) int {
		return cmp.Or(cmp.Compare(both(b), both(a)), cmp.Compare(a, b))
	})
	words := make([]string, 0, len(classes))
	for _, class := range classes {
		if both(class) > 0 {
			words = append(words, fmt.Sprintf("%s %d", class, both(class)))
		}
	}
	return strings.Join(words, ", ")
}
