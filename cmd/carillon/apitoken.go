package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

// An apiToken is what the command line says of a token for a program.
type apiToken struct {
	admin.APIToken

	until string
	ttl   time.Duration // 0: not said
}

// addAPIToken gives cmd the flags of a token for a program.
func addAPIToken(cmd *cobra.Command, t *apiToken) {
	f := cmd.Flags()
	f.StringVar(&t.Name, "api", "", "make a token for a program instead, of this name")
	f.StringVar(&t.Scope, "scope", "presence", "what the program may do: presence or view")
	f.StringVar(&t.User, "user", "", "the only user whose presence it may read and set")
	f.StringVar(&t.Site, "site", "", "the site whose users' presence alone it may read and set")
	f.StringVar(&t.until, "until", "", "the day on which the program's token ends, as 2027-01-31 (default: never)")
	_ = cmd.RegisterFlagCompletionFunc("scope", cobra.FixedCompletions([]cobra.Completion{"presence", "view"}, cobra.ShellCompDirectiveNoFileComp))
}

// end works out when the token is to end.
func (t *apiToken) end(now time.Time) error {
	switch {
	case t.until != "" && t.ttl != 0:
		return errors.New("--until and --ttl both say when the token ends: give one of them")
	case t.ttl < 0:
		return errors.New("--ttl is a time like 720h")
	case t.ttl > 0:
		t.Expires = now.Add(t.ttl)
	case t.until != "":
		day, err := time.ParseInLocation(time.DateOnly, t.until, time.Local)
		if err != nil {
			return fmt.Errorf("--until takes a day like 2027-01-31, not %q", t.until)
		}
		t.Expires = day
	}
	return nil
}

func (c *cli) createAPIToken(ctx context.Context, o output, t apiToken) error {
	if err := t.end(time.Now()); err != nil {
		return err
	}
	made, err := c.node().CreateAPIToken(ctx, t.APIToken)
	if err != nil {
		return err
	}
	if o == asJSON {
		return writeJSON(c.out, made)
	}
	if _, err = fmt.Fprintln(c.out, made.Token); err != nil {
		return err
	}
	c.say("It is shown this once. Who has it may %s%s.", mayDo(made.APIToken), untilWhen(made.APIToken, time.Now()))
	if made.URL == "" {
		c.say("This node does not answer programs (--api off): ask another one.")
		return nil
	}
	path := "/v1/presence"
	if made.Scope != "view" {
		path = "/v1/users/" + cmp.Or(made.User, "NUMBER") + "/presence"
	}
	c.say("With the system's certificate (carillon certificate > carillon-ca.pem):")
	c.say("  curl --cacert carillon-ca.pem -H \"Authorization: Bearer $TOKEN\" %s%s", made.URL, path)
	return nil
}

// mayDo says what a token is for.
func mayDo(t admin.APIToken) string {
	switch {
	case t.Scope == "view":
		return "see all that is told of users and nodes"
	case t.User != "":
		return "read and set the presence of " + t.User
	case t.Site != "":
		return "read and set the presence of the users at " + t.Site
	default:
		return "read and set the presence of every user"
	}
}

func untilWhen(t admin.APIToken, now time.Time) string {
	if t.Expires.IsZero() {
		return ", until it is revoked"
	}
	return ", until " + t.Expires.Local().Format(time.DateTime) + " (" + relative(t.Expires, now) + ")"
}

func (c *cli) tokenListCommand() *cobra.Command {
	var s showing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The tokens of programs",
		Long: `The tokens of programs: what each is for, who made it and when, when it ends, and when
it was used last. That is what nodes remember that run: a node that starts again has
forgotten it. A token for a node to join is not among them: it ends by itself.`,
		Example: `  carillon token list
  carillon token list -o json | jq -r '.[] | select(.used == null) | .name'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), c, s, view[[]admin.APIToken]{
				ask:   c.node().APITokens,
				table: apiTokensTable,
				empty: func([]admin.APIToken) string {
					return "no program has a token: `carillon token create --api NAME` makes one"
				},
			})
		},
	}
	addShowing(cmd, &s)
	return cmd
}

func apiTokensTable(all []admin.APIToken) table {
	t := table{heading: []string{"NAME", "SCOPE", "OF", "BY", "CREATED", "ENDS", "USED"}}
	now := time.Now()
	for _, x := range all {
		of, ends, used := "everybody", "never", "-"
		switch {
		case x.User != "":
			of = "user " + x.User
		case x.Site != "":
			of = "site " + x.Site
		}
		if !x.Expires.IsZero() {
			ends = relative(x.Expires, now)
		}
		if !x.Used.IsZero() {
			used = relative(x.Used, now)
		}
		t.add(x.Name, x.Scope, of, x.By, relative(x.Created, now), ends, used)
	}
	return t
}

func (c *cli) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "Have the token of a program count no more",
		Long: `Have the token of a program count no more, at every node, from the moment on in which
it has the configuration. What the program has said of users stays until its time is
over; carillon presence clear ends it.`,
		Example:           `  carillon token revoke calendar`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeAPITokens,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.node().RevokeAPIToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			c.say("%s counts no more", args[0])
			return nil
		},
	}
}

// completeAPITokens offers the names of tokens to the shell.
func (c *cli) completeAPITokens(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := c.node().APITokens(cmd.Context())
	if !isAnswer(err) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := make([]cobra.Completion, len(all))
	for i, t := range all {
		found[i] = t.Name
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
