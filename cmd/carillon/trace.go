package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"carillon/cmd/carillon/browse"
	"carillon/cmd/carillon/capture"
	"carillon/cmd/carillon/ladder"
	"carillon/node/admin"
)

// tracing is what a person wants to see of the messages that passed.
type tracing struct {
	admin.TraceQuery

	output string
	save   string
}

const (
	traceText = "text"
	traceJSON = "json"
)

func (c *cli) traceCommand() *cobra.Command {
	var t tracing
	cmd := &cobra.Command{
		Use:   "trace [USER]",
		Short: "The SIP messages of a call or of a user, as a ladder",
		Long: `The SIP messages of a call or of a user, as a ladder. Every node remembers the last
messages that it has received and sent, so that a call can be looked at when it is
over: in 8 MB about 11,000 messages, the oldest out first, those of calls apart
from registrations. All nodes are asked; one that does not answer is named on
stderr, and the exit code is 3. Passwords' proofs, keys of media and digits that
were dialled within a call are shown as stars.

On a terminal it is a list to go through, of all calls or of those of USER, with
the keys of sngrep: the arrows, Enter for the ladder of a call and again for a
message, Esc to go back, / to filter, F2 to save, q to quit. Anywhere else, with
-o or with --call, it prints: the list; with a USER or a --call, the ladders.

--save writes a file that Wireshark takes by "Import from Hex Dump". Its first
line is the command that makes a capture of it.`,
		Example: `  carillon trace
  carillon trace 201
  carillon trace 201 -o text
  carillon trace --call 3848276298220188511@atlanta.example.com
  carillon trace 201 --save 201.txt`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeUsers,
		PreRunE: func(_ *cobra.Command, args []string) error {
			t.User = strings.Join(args, "")
			return t.validate()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.trace(cmd.Context(), t) },
	}
	f := cmd.Flags()
	f.StringVar(&t.CallID, "call", "", "only the call with this Call-ID")
	f.StringVar(&t.save, "save", "", "write the messages to a file, for Wireshark")
	f.StringVarP(&t.output, "output", "o", "", "print text or json, also on a terminal")
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]cobra.Completion{traceText, traceJSON}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("call", c.completeCalls)
	return cmd
}

func (t *tracing) validate() error {
	if t.User != "" && t.CallID != "" {
		return errors.New("a user or a --call, not both")
	}
	switch t.output {
	case "", traceText, traceJSON:
		return nil
	}
	return errors.New("-o is text or json")
}

func (c *cli) trace(ctx context.Context, t tracing) error {
	switch {
	case t.save != "":
		return c.saveTrace(ctx, t)
	case t.CallID == "" && t.output == "" && isTerminal(c.out):
		return browse.Run(ctx, browse.New(&traced{c, t.TraceQuery}, time.Local), os.Stdin, os.Stdout)
	case t.TraceQuery == (admin.TraceQuery{}):
		return c.printDialogs(ctx, t)
	default:
		return c.printLadders(ctx, t)
	}
}

func (c *cli) saveTrace(ctx context.Context, t tracing) error {
	messages, err := c.node().Messages(ctx, t.TraceQuery)
	if !isAnswer(err) {
		return err
	}
	words, failed := saveMessages(t.save, messages)
	if failed == nil {
		c.say("%s", words)
	}
	return errors.Join(failed, err)
}

// saveMessages writes a file that only its owner can read, as the data directory
// is.
func saveMessages(name string, messages []admin.Message) (words string, err error) {
	const private = 0o600
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, private) //nolint:gosec // the person names the file
	if err != nil {
		return "", err
	}
	err = errors.Join(capture.Write(file, name, messages), file.Close())
	return fmt.Sprintf("%d messages are in %s; its first line is the command that makes a capture of it", len(messages), name), err
}

// printDialogs prints the list of calls.
func (c *cli) printDialogs(ctx context.Context, t tracing) error {
	dialogs, err := c.node().Dialogs(ctx, t.TraceQuery)
	if !isAnswer(err) {
		return err
	}
	if t.output == traceJSON {
		return errors.Join(writeJSON(c.out, dialogs), err)
	}
	rows := table{heading: []string{"#", "TIME", "METHOD", "FROM", "TO", "MSGS", "SOURCE", "DESTINATION", "STATE", "CALL-ID"}}
	for i, d := range dialogs {
		rows.add(strconv.Itoa(i+1), d.First.Local().Format(time.TimeOnly), d.Method, d.From, d.To, strconv.Itoa(d.Messages),
			place(d.Source), place(d.Destination), d.State, d.CallID)
	}
	if len(dialogs) == 0 {
		c.say("no message has passed, or none is remembered")
	}
	return errors.Join(rows.write(c.out), err)
}

// place is where an end is: a node has a name, anybody else an address.
func place(e admin.End) string {
	if e.Node {
		return e.Name
	}
	return e.Address
}

// printLadders prints a ladder for each Call-ID, in the order of their first
// messages.
func (c *cli) printLadders(ctx context.Context, t tracing) error {
	messages, err := c.node().Messages(ctx, t.TraceQuery)
	if !isAnswer(err) {
		return err
	}
	if t.output == traceJSON {
		return errors.Join(writeJSON(c.out, messages), err)
	}
	if len(messages) == 0 {
		c.say("no such message is remembered")
	}
	for i, call := range byCall(messages) {
		if i > 0 {
			_, _ = fmt.Fprintln(c.out) // the next line tells
		}
		if failed := printLadder(c.out, call); failed != nil {
			return failed
		}
	}
	return err
}

func printLadder(to io.Writer, call []admin.Message) error {
	first := call[0]
	title := fmt.Sprintf("%s  %s from %s to %s, Call-ID %s", first.Time.Local().Format(time.DateOnly),
		orDash(first.Method), orDash(first.From), orDash(first.To), first.CallID)
	_, err := fmt.Fprintf(to, "%s\n%s\n%s", plain(title), clocks(call), ladder.New(call, time.Local))
	return err
}

// clocks says whose clock is off, and by how much.
func clocks(call []admin.Message) string {
	var text strings.Builder
	said := make(map[string]bool)
	for _, m := range call {
		if m.Corrected == 0 || said[m.Node] {
			continue
		}
		said[m.Node] = true
		fmt.Fprintf(&text, "The clock of %s is off: %+d ms were added to its times.\n", plain(m.Node), m.Corrected)
	}
	return text.String()
}

// byCall sorts messages by Call-ID, and keeps the order of the first ones.
func byCall(messages []admin.Message) [][]admin.Message {
	var calls [][]admin.Message
	places := make(map[string]int)
	for _, m := range messages {
		at, ok := places[m.CallID]
		if !ok {
			at = len(calls)
			places[m.CallID] = at
			calls = append(calls, nil)
		}
		calls[at] = append(calls[at], m)
	}
	return calls
}

// completeCalls offers the shell the Call-IDs that are remembered.
func (c *cli) completeCalls(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	dialogs, err := c.node().Dialogs(cmd.Context(), admin.TraceQuery{})
	if !isAnswer(err) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, d := range dialogs {
		found = append(found, cobra.CompletionWithDesc(d.CallID, d.Method+" "+d.From+" "+d.To+" "+d.State))
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// traced is the node as [browse.Source].
type traced struct {
	c     *cli
	query admin.TraceQuery
}

// Dialogs implements [browse.Source].
func (t *traced) Dialogs(ctx context.Context) ([]admin.Dialog, error) {
	return t.c.node().Dialogs(ctx, t.query)
}

// Messages implements [browse.Source].
func (t *traced) Messages(ctx context.Context, callID string) ([]admin.Message, error) {
	return t.c.node().Messages(ctx, admin.TraceQuery{CallID: callID})
}

// Save implements [browse.Source].
func (t *traced) Save(file string, messages []admin.Message) (string, error) {
	return saveMessages(file, messages)
}
