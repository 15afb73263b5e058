package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

// firstTTL is how long a token is good unless said otherwise.
const firstTTL = time.Hour

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Let another node join, or a program ask",
		Long: `Let another node join, or a program ask over HTTPS. A token for a node is good for one
node and for a limited time; one for a program until it is revoked, or ends. What the
system keeps of either does not let anybody in.`,
		Example: `  carillon token create
  carillon token create --api calendar
  carillon token list
  carillon token revoke calendar`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.tokenCreateCommand(), c.tokenListCommand(), c.tokenRevokeCommand())
	return cmd
}

func (c *cli) tokenCreateCommand() *cobra.Command {
	var o output
	var ttl time.Duration
	var program apiToken
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token for one node to join, or for a program to ask",
		Long: `Make a token for one node to join. The token goes to stdout; what to type on the
other machine goes to stderr. One that is made at a main lets in a node of any
role; one that is made at a LifeGUARD, which may be stolen, another LifeGUARD of
its own site and nobody else; a witness makes none.

With --api and a name, the token is for a program that asks over HTTPS, on port 8080:
with --scope presence it may read and set the presence of every user, of one or of
those of a site; with --scope view it may see what nodes and users do, and change
nothing. It counts until it is revoked, or until its end; the token is shown this once.
Only mains make those.`,
		Example: `  carillon token create
  carillon token create --ttl 10m
  carillon token create -o json | jq -r .token
  carillon token create --api calendar --until 2027-12-31
  carillon token create --api frontdesk --site mons`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("api") {
				if cmd.Flags().Changed("ttl") {
					program.ttl = ttl
				}
				return c.createAPIToken(cmd.Context(), o, program)
			}
			for _, name := range []string{"scope", "user", "site", "until"} {
				if cmd.Flags().Changed(name) {
					return fmt.Errorf("--%s is for the token of a program: give --api NAME too", name)
				}
			}
			return c.createToken(cmd.Context(), o, ttl)
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", firstTTL, "how long the token is good")
	addAPIToken(cmd, &program)
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) createToken(ctx context.Context, o output, ttl time.Duration) error {
	t, err := c.node().CreateToken(ctx, ttl)
	if err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, t)
	}
	sites, err := c.node().Sites(ctx)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintln(c.out, t.Token); err != nil {
		return err
	}
	main := "carillon run --join " + t.Join + " --token " + t.Token
	if t.Role != "" {
		c.say("It lets one %s join at %s, %s at the latest; a main makes tokens for others. On the other machine:", t.Role, t.Site, relative(t.Expires, time.Now()))
		c.say("  %s --role %s --site %s", main, t.Role, t.Site)
		return nil
	}
	c.say("It lets one node join, %s at the latest. On the other machine, a main:", relative(t.Expires, time.Now()))
	c.say("  %s --role main --site %s", main, t.Site)
	c.say("or a LifeGUARD:")
	for _, site := range branches(sites, t.Site) {
		c.say("  %s --role lifeguard --site %s", main, site)
	}
	c.say("or, where there are two mains, a witness, which only votes when one of them is lost:")
	c.say("  %s --role witness --site %s", main, t.Site)
	return nil
}

// branches returns the sites where a LifeGUARD would stand: all but the main's
// own, unless there is no other.
func branches(sites []admin.Site, own string) []string {
	var found []string
	for _, s := range sites {
		if s.Name != own {
			found = append(found, s.Name)
		}
	}
	if len(found) == 0 {
		return []string{own}
	}
	return found
}
