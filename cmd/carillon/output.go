package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// An output is what -o chose.
type output string

const (
	asTable output = "table"
	asJSON  output = "json"
)

// String implements pflag.Value.
func (o *output) String() string { return string(*o) }

// Set implements pflag.Value.
func (o *output) Set(s string) error {
	switch output(s) {
	case asTable, asJSON:
		*o = output(s)
		return nil
	}
	return errors.New("it is table or json")
}

// Type implements pflag.Value.
func (o *output) Type() string { return "table|json" }

// addOutput gives cmd the flag -o.
func addOutput(cmd *cobra.Command, o *output) {
	*o = asTable
	cmd.Flags().VarP(o, "output", "o", "how to print")
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]cobra.Completion{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func writeJSON(w io.Writer, v any) error {
	lines := json.NewEncoder(w)
	lines.SetIndent("", "  ")
	lines.SetEscapeHTML(false) // it is for shells, and SIP is full of brackets
	return lines.Encode(v)
}

// A table is rows under a heading, which may be missing.
type table struct {
	heading []string
	rows    [][]string
}

// add appends a row. What phones say of themselves ends up in cells, so that
// nothing in them may reach the terminal as a command.
func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = orDash(plain(cells[i]))
	}
	t.rows = append(t.rows, cells)
}

func (t *table) write(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.heading}, t.rows...) {
		if len(row) > 0 {
			_, _ = fmt.Fprintln(columns, strings.Join(row, "\t")) // Flush tells
		}
	}
	return columns.Flush()
}

// plain drops what a terminal would act on.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, s)
}

// orDash shows a reader that nothing is there.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// relative says when t is as people do: "in 43s", "2m ago".
func relative(t, now time.Time) string {
	switch d := t.Sub(now).Round(time.Second); {
	case t.IsZero():
		return "never"
	case d == 0:
		return "now"
	case d > 0:
		return "in " + roughly(d)
	default:
		return roughly(-d) + " ago"
	}
}

// roughly gives a duration in its largest unit.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/day)
	}
}
