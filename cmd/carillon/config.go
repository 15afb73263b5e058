package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"carillon/node/admin"
)

func (c *cli) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the configuration and change it",
		Long: `Look at the configuration and change it.

The configuration is a file of people: YAML with the domain, sites, users and
trunks. A list in the file replaces the whole list of the system; a list that is
not in the file stays as it is. Every change is a revision that can be gone back
to. A file with an error changes nothing.

Passwords are written in the file and kept as digests only: an export has none,
and a user without a password in the file keeps the one he has.`,
		Example: `  carillon config export > my.yaml
  carillon config plan -f my.yaml     say what it would change
  carillon config apply -f my.yaml    change it
  carillon config history
  carillon config rollback 3`,
		Args:              c.subcommandOnly,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.planCommand(), c.applyCommand(), c.exportCommand(), c.historyCommand(), c.rollbackCommand())
	return cmd
}

// subcommandOnly refuses a word that is not a subcommand and says which was
// perhaps meant.
func (c *cli) subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2 // letters, as cobra does for the first word
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "\n\nDid you mean this?\n\t" + strings.Join(near, "\n\t")
	}
	return errors.New(text)
}

func (c *cli) planCommand() *cobra.Command {
	var o output
	var file string
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "What a file would change",
		Long: `What a file would change. It changes nothing: the exit code is 0 if applying the
file would change nothing either, and 2 if it would change something.`,
		Example: `  carillon config plan -f my.yaml
  carillon config export | sed s/mons/bergen/ | carillon config plan -f -`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := c.sendFile(cmd.Context(), file, c.node().Plan)
			if err != nil {
				return err
			}
			if err = c.printPlan(o, p); err != nil || !p.Changed {
				return err
			}
			return errChanges
		},
	}
	addFile(cmd, &file)
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) applyCommand() *cobra.Command {
	var o output
	var file string
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Put a file in force",
		Long: `Put a file in force, all of it or, if anything in it is wrong, nothing. When the
command has ended well the change is on disk and survives anything.`,
		Example: `  carillon config apply -f my.yaml
  generate-users | carillon config apply -f -`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := c.sendFile(cmd.Context(), file, c.node().Apply)
			if err != nil {
				return err
			}
			return c.printApplied(o, p)
		},
	}
	addFile(cmd, &file)
	addOutput(cmd, &o)
	return cmd
}

func (c *cli) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "The configuration as a file",
		Long: `The configuration as a file. Applying it changes nothing: it has every list, but
no password, because none is kept.`,
		Example:           `  carillon config export > my.yaml`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := c.node().Export(cmd.Context())
			if err != nil {
				return err
			}
			_, err = c.out.Write(text)
			return err
		},
	}
}

func addFile(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "file", "f", "", "the configuration; - is the standard input")
	_ = cmd.MarkFlagRequired("file")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml")
}

// sendFile reads the named file and sends it to the node.
func (c *cli) sendFile(
	ctx context.Context, name string, send func(context.Context, string, []byte) (admin.Plan, error),
) (admin.Plan, error) {
	text, err := readInput(name)
	if err != nil {
		return admin.Plan{}, err
	}
	if name == "-" {
		name = "stdin"
	}
	return send(ctx, name, text)
}

func readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name) //nolint:gosec // the person names the file
}

// printPlan prints a line for each change.
func (c *cli) printPlan(o output, p admin.Plan) error {
	if o == asJSON {
		return writeJSON(c.out, p)
	}
	for _, l := range p.Lines {
		if _, err := fmt.Fprintln(c.out, plain(l.String())); err != nil {
			return err
		}
	}
	if !p.Changed {
		c.say("nothing to change: revision %d has all of it", p.Revision)
	}
	return nil
}

func (c *cli) printApplied(o output, p admin.Plan) error {
	if err := c.printPlan(o, p); err != nil {
		return err
	}
	if p.Changed {
		c.say("revision %d is in force", p.Revision)
	}
	return nil
}
