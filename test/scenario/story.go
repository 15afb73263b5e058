// Package scenario tells stories: files *.seq in which every line is one SIP
// message, either performed by a phone or expected from Carillon. It reads
// them, performs and checks them over real sockets, and on request rewrites
// the lines of Carillon to what it really said. DESIGN.md has the language. How
// a node is started is not its business: a story needs a [System].
package scenario

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// A Story is one *.seq file.
type Story struct {
	File  string
	Lines []Line
}

// A Line is one line of a story. Only the fields of its Kind are set.
type Line struct {
	File   string
	Number int
	Text   string
	Kind   Kind

	Names []string // Have, Now: of whom
	State string   // Have, Now: what

	Phone string   // Do, Expect: the phone that sends or receives
	Node  string   // Do, Expect: Carillon's end, "" for the first node
	Start string   // Do, Expect: start line in the words of the story
	Parts []Column // Do, Expect: headers to send or to check
}

// A Kind says what is done with a line.
type Kind int

// The kinds of lines.
const (
	Comment Kind = iota // or an empty line
	Have                // sets up state before the story begins
	Now                 // state that must come true
	Do                  // a phone sends
	Expect              // Carillon sends
)

// A Column is one header after the start line: "Name", to be there, or "Name=value".
type Column struct {
	Name, Value string
	Valued      bool
}

func (c Column) String() string {
	if c.Valued {
		return c.Name + "=" + c.Value
	}
	return c.Name
}

// ReadFile reads a story.
func ReadFile(file string) (*Story, error) {
	text, err := os.ReadFile(file) //nolint:gosec // stories are files of the repository
	if err != nil {
		return nil, fmt.Errorf("reading a story: %w", err)
	}
	return Parse(file, string(text))
}

// Parse reads the text of a story; file is for messages.
func Parse(file, text string) (*Story, error) {
	s := &Story{File: file}
	for i, text := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		l := Line{File: file, Number: i + 1, Text: text}
		if err := l.parse(); err != nil {
			return nil, l.errorf("%w", err)
		}
		s.Lines = append(s.Lines, l)
	}
	return s, nil
}

// String returns the text of the story, one line each.
func (s *Story) String() string {
	var b strings.Builder
	for _, l := range s.Lines {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

var columns = regexp.MustCompile(` {2,}|\t+`)

func (l *Line) parse() error {
	text := strings.TrimSpace(l.Text)
	switch word, rest, _ := strings.Cut(text, " "); {
	case text == "" || strings.HasPrefix(text, "#"):
		return nil
	case word == "have":
		l.Kind = Have
		return l.parseState(rest)
	case word == "now":
		l.Kind = Now
		return l.parseState(rest)
	}
	return l.parseMessage(columns.Split(text, -1))
}

func (l *Line) parseState(text string) error {
	names, state, ok := strings.Cut(strings.TrimSpace(text), "  ")
	if !ok {
		return fmt.Errorf("want names, two spaces, and a state, got %q", text)
	}
	l.Names, l.State = strings.Fields(names), strings.TrimSpace(state)
	return nil
}

func (l *Line) parseMessage(parts []string) error {
	from, to, ok := strings.Cut(parts[0], " -> ")
	if !ok {
		return fmt.Errorf("want \"have\", \"now\", \"#\" or \"from -> to\", got %q", parts[0])
	}
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	fromNode, fromCarillon := strings.CutPrefix(from, "*")
	toNode, toCarillon := strings.CutPrefix(to, "*")
	switch {
	case fromCarillon == toCarillon:
		return fmt.Errorf("want a phone at one end and * at the other, got %q", parts[0])
	case fromCarillon:
		l.Kind, l.Node, l.Phone = Expect, fromNode, to
	default:
		l.Kind, l.Node, l.Phone = Do, toNode, from
	}
	if len(parts) < 2 {
		return fmt.Errorf("no start line after %q: two spaces between columns", parts[0])
	}
	l.Start = parts[1]
	for _, p := range parts[2:] {
		name, value, valued := strings.Cut(p, "=")
		l.Parts = append(l.Parts, Column{Name: name, Value: value, Valued: valued})
	}
	return nil
}

func (l *Line) errorf(format string, a ...any) error {
	return fmt.Errorf("%s:%d: %w", l.File, l.Number, fmt.Errorf(format, a...))
}

const (
	startColumn  = 16 // where the start line is written
	headerColumn = 39 // where the first header is written
)

// write gives the line its text in the layout of the other stories.
func (l *Line) write() {
	arrow := fmt.Sprintf("*%s -> %s", l.Node, l.Phone)
	if l.Kind == Do {
		arrow = fmt.Sprintf("%s -> *%s", l.Phone, l.Node)
	}
	text := pad(arrow, startColumn) + l.Start
	for i, c := range l.Parts {
		column := 0
		if i == 0 {
			column = headerColumn
		}
		text = pad(text, column) + c.String()
	}
	l.Text = text
}

// pad fills text up to a column and leaves at least two spaces.
func pad(text string, column int) string {
	return text + strings.Repeat(" ", max(2, column-len(text)))
}
