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
		Short: "Let another node join",
		Long: `Let another node join. A token is good for one node and for a limited time; what
the system keeps of it does not let anybody in.`,
		Example:           `  carillon token create`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.tokenCreateCommand())
	return cmd
}

func (c *cli) tokenCreateCommand() *cobra.Command {
	var o output
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token for one node to join",
		Long: `Make a token for one node to join. The token goes to stdout; what to type on the
other machine goes to stderr. One that is made at a main lets in a node of any
role; one that is made at a LifeGUARD, which may be stolen, another LifeGUARD of
its own site and nobody else; a witness makes none.`,
		Example: `  carillon token create
  carillon token create --ttl 10m
  carillon token create -o json | jq -r .token`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.createToken(cmd.Context(), o, ttl)
		},
	}
	cmd.Flags().DurationVar(&ttl, "ttl", firstTTL, "how long the token is good")
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
