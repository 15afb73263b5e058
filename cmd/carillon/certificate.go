package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) certificateCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "certificate",
		Short: "What phones need to check the node over TLS",
		Long: `What phones need to check the node over TLS: the certificate of the system's own
authority, which every node's is issued by. Import it into phones as a trusted
authority ("CA certificate", "trusted certificates", "root certificate"). The
certificate goes to stdout; which names phones may use goes to stderr. It is no
secret.

A node that shows a certificate of your own (run --tls-cert) is checked by who
issued that.`,
		Example: `  carillon certificate > carillon-ca.pem
  carillon certificate -o json | jq -r .names[]`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return c.certificate(cmd.Context(), o) },
	}
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) certificate(ctx context.Context, o output) error {
	shown, err := c.node().Certificate(ctx)
	if err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, shown)
	}
	if _, err = fmt.Fprint(c.out, shown.Authority); err != nil {
		return err
	}
	for _, line := range aboutCertificate(shown, time.Now()) {
		c.say("%s", line)
	}
	return nil
}

// aboutCertificate says what to do with it.
func aboutCertificate(shown admin.Certificate, now time.Time) []string {
	lines := []string{"Fingerprint (SHA-256): " + shown.Fingerprint}
	switch {
	case shown.Expires.IsZero():
		return append(lines, "The node has no certificate yet: its main must be reachable once.")
	case shown.File != "":
		lines = append(lines, "This node shows the certificate of "+shown.File+" instead: phones must trust who issued that.")
	}
	return append(lines,
		"Phones connect by TLS to port 5061, to one of these names: "+plain(strings.Join(shown.Names, ", "))+".",
		"What the node shows is good until "+shown.Expires.Format(time.DateOnly)+", "+relative(shown.Expires, now)+".")
}
