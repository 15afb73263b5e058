package main

import (
	"fmt"
	"strconv"
	"strings"
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
("cluster") or on its own ("survivable"), which configuration it has, how many
phones and calls, until when the certificate is good that it shows other nodes,
and whether that should have been renewed, and who was turned away at the port
between nodes since it started: the log and the events say who, each kind once a
minute at most. Where the nodes of the site share a service address, it says who
holds that.

A node that was removed, or whose name another one has taken, says so ("out"),
once another node has told it: it goes on alone, and no node talks to it.`,
		Example: `  carillon status
  carillon status -o json | jq .registrations
  carillon status -o json | jq .refused`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[admin.Status]{ask: c.node().Status, table: statusTable})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

// turnedAway says in one line who was.
func turnedAway(r admin.Refused) string {
	var said []string
	for _, kind := range []struct {
		times uint64
		who   string
	}{
		{r.Strangers, "strangers"},
		{r.OtherSystem, "of another system"},
		{r.Removed, "removed nodes"},
		{r.Unlisted, "not in the registry"},
		{r.Joins, "joins"},
		{r.Protocols, "unknown protocols"},
		{r.Crowded, "in a crowd"},
		{r.Forged, "forged packets"},
		{r.Replayed, "replayed packets"},
		{r.Unwelcome, "this node itself"},
	} {
		if kind.times > 0 {
			said = append(said, fmt.Sprintf("%s %d", kind.who, kind.times))
		}
	}
	if len(said) == 0 {
		return "nobody"
	}
	return strings.Join(said, ", ")
}

func holderText(a *admin.ServiceAddress) string {
	text := "held by nobody yet"
	if a.Holder != "" {
		text = "held by " + a.Holder
	}
	if a.Trouble != "" {
		text += "; this node cannot hold it: " + a.Trouble
	}
	return text
}

// certificateText is about the certificate between nodes, which counts on while the
// registry lists its key.
func certificateText(s admin.Status) string {
	text := "until " + s.CertificateEnds.Format(time.DateOnly)
	if s.CertificateOverdue {
		text += "; it should have been renewed: is a main heard, and are the clocks right? `carillon events` says why"
	}
	return text
}

func statusTable(s admin.Status) table {
	var t table
	t.add("node", fmt.Sprintf("%s (%s)", s.Name, s.Role))
	t.add("site", s.Site)
	t.add("mode", s.Mode)
	if s.Drained {
		t.add("drained", "its phones go elsewhere, until `carillon drain "+s.Name+" --undo`")
	}
	if s.Out != "" {
		t.add("out", s.Out+" says that this node was removed, or another one has its name: stop it, delete its data, join anew")
	}
	t.add("configuration", fmt.Sprintf("revision %d, hash %s", s.Config, s.ConfigHash))
	t.add("registrations", strconv.Itoa(s.Registrations))
	t.add("calls", strconv.Itoa(s.Calls))
	t.add("subscriptions", strconv.Itoa(s.Subscriptions))
	if a := s.ServiceAddress; a != nil {
		t.add("service address", a.Address+", "+holderText(a))
	}
	if !s.CertificateEnds.IsZero() {
		t.add("certificate", certificateText(s))
	}
	t.add("turned away", turnedAway(s.Refused))
	for _, l := range s.Links {
		t.add("link to "+l.Node, l.State+" since "+relative(l.Since, time.Now()))
	}
	return t
}
