package scenario

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"carillon/test/house/wire"
)

// The columns that speak of a message's body: body=FILE is all of it, as a file beside
// the story has it; shows=WORDS is what a phone would make of a lamp's or a presence
// document.
const (
	bodyColumn  = "body"
	showsColumn = "shows"
)

// putBody gives a phone's message the body that a file has. Its Content-Type is a
// column of its own.
func (r *run) putBody(m *wire.Message, file string) error {
	text, err := os.ReadFile(filepath.Join(r.dir, file)) //nolint:gosec // a file of the repository
	if err != nil {
		return fmt.Errorf("reading a body: %w", err)
	}
	m.Body = string(text)
	return nil
}

// isBody reports whether the body of a message is that of a file, but for what
// changes. When stories are rewritten the file is made so.
func (r *run) isBody(m wire.Message, file string) error {
	path := filepath.Join(r.dir, file)
	got := r.names.document(m)
	if r.rewrites {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			return fmt.Errorf("writing a body: %w", err)
		}
		return nil
	}
	want, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		return fmt.Errorf("reading a body: %w", err)
	}
	if got != string(want) {
		return fmt.Errorf("got the body\n%s\nwant that of %s\n%s", got, file, want)
	}
	return nil
}

var (
	versions = regexp.MustCompile(`(<(?:dialog-info|list) [^>]*\bversion=")(\d+)"`)
	dialogs  = regexp.MustCompile(`(<dialog id=")(d[0-9a-f]+)"`)
	callIDs  = regexp.MustCompile(`\b(call-id=")([^"]*)"`)
	tags     = regexp.MustCompile(`\b((?:local|remote)-tag=")([^"]*)"`)
)

// document returns a body with everything that changes replaced: the version of a
// subscription's first document is 0, and the names of calls are those of the story.
func (n *names) document(m wire.Message) string {
	text := m.Body
	as := func(pattern *regexp.Regexp, word func(string) string) {
		text = pattern.ReplaceAllStringFunc(text, func(s string) string {
			part := pattern.FindStringSubmatch(s)
			return part[1] + word(part[2]) + `"`
		})
	}
	as(versions, func(s string) string { return n.version(m.Get("Call-ID"), s) })
	as(dialogs, func(s string) string { return n.word("dialog", s) })
	as(callIDs, func(s string) string { return n.word("Call-ID", s) })
	as(tags, func(s string) string { return n.word("tag", s) })
	return text
}

// counts notes the version of a document, so that the first of a subscription is 0
// whether or not a line looks at it.
func (n *names) counts(m wire.Message) {
	if v := versions.FindStringSubmatch(m.Body); v != nil {
		n.version(m.Get("Call-ID"), v[2])
	}
}

// version counts the versions of one subscription from its first.
func (n *names) version(subscription, version string) string {
	number, err := strconv.Atoi(version)
	if err != nil {
		return version
	}
	if _, known := n.first[subscription]; !known {
		n.first[subscription] = number
	}
	return strconv.Itoa(number - n.first[subscription])
}

// shown returns the words for what a document shows: the states of the calls, those of
// the first one first, or whether somebody can be reached, what he does and his note.
func shown(m wire.Message) string {
	var words []string
	d := xml.NewDecoder(strings.NewReader(m.Body))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("not UTF-8") }
	within := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(words, " ")
		}
		if err != nil {
			return fmt.Sprintf("no document: %v", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if within == "activities" {
				words = append(words, t.Name.Local)
			}
			within = t.Name.Local
		case xml.EndElement:
			within = ""
		case xml.CharData:
			words = append(words, wordsOf(within, string(t))...)
		}
	}
}

// wordsOf returns what the text of an element shows.
func wordsOf(element, text string) []string {
	switch element {
	case "state", "basic":
		return []string{strings.TrimSpace(text)}
	case "note":
		return []string{strconv.Quote(text)}
	}
	return nil
}
