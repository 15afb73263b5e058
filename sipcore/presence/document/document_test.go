package document

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carillon/store"
	"carillon/store/live"
)

var update = flag.Bool("update", false, "write the golden files")

const alice = "sip:201@tel.beip.be"

// The documents as they are sent, one golden file each.
func TestDocuments(t *testing.T) {
	ring := live.Dialog{
		User: "201", CallID: "a84b4c76e66710", LocalTag: "8321234356", RemoteTag: "b1", Direction: live.Recipient, State: live.Early,
		Remote: live.Identity{Display: `Bob "B" <Smith> & Co`, URI: "sip:202@tel.beip.be"},
	}
	hidden, over := ring, ring
	hidden.Private, hidden.State = true, live.Confirmed
	over.State, over.Direction, over.RemoteTag = live.Terminated, live.Initiator, ""
	for _, c := range []struct {
		name string
		got  []byte
	}{
		{"idle.dialog", DialogInfo(alice, 0, true, nil)},
		{"ringing.dialog", DialogInfo(alice, 1, true, []live.Dialog{ring})},
		{"private.dialog", DialogInfo(alice, 2, true, []live.Dialog{hidden})},
		{"over.dialog", DialogInfo(alice, 4294967295, false, []live.Dialog{over})},
		{"unknown.pidf", PIDF(alice, live.State{})},
		{"meeting.pidf", PIDF(alice, live.State{Tuples: []live.Presence{{Open: true, Activity: live.Meeting, Note: "<back> at 3 & a half"}}})},
		{"snom.pidf", PIDF(alice, live.State{Tuples: []live.Presence{{Open: true, IM: "busy"}}})},
		{"apart.pidf", PIDF(alice, live.State{Tuples: []live.Presence{
			{Open: true, Activity: live.OnThePhone}, {Activity: live.Vacation}, {Open: true},
		}})},
	} {
		isGolden(t, c.name, c.got)
		isWellFormed(t, c.name, c.got)
	}
}

// Each activity of RFC 4480 by its name.
func TestEveryActivityHasItsElement(t *testing.T) {
	var all []byte
	for _, a := range store.Activities() {
		all = AppendPIDF(all, alice, live.State{Tuples: []live.Presence{{Open: true, Activity: a, Note: a + " it is"}}})
	}
	isGolden(t, "activities.pidf", all)
}

func isGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s (%v)", name, got, want, err)
	}
}

// isWellFormed has an XML parser that is not ours read a document.
func isWellFormed(t *testing.T, name string, document []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(document)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s is not well formed: %v\n%s", name, err, document)
		}
	}
}

func TestTextStandsForItself(t *testing.T) {
	for _, text := range []string{"", "plain", `<&>"'`, "tab\tand\nlines\r", "é漢🔔", "\x00\x1f\xff\ufffe"} {
		var got struct {
			A string `xml:"a,attr"`
			T string `xml:",chardata"`
		}
		doc := append(appendAttribute([]byte("<x"), "a", text), '>')
		doc = append(appendEscaped(doc, text), "</x>"...)
		want := strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe {
				return '\ufffd'
			}
			return r
		}, strings.ToValidUTF8(text, "\ufffd"))
		if err := xml.Unmarshal(doc, &got); err != nil || got.A != want || got.T != want {
			t.Errorf("%q comes out as %q and %q (%v): %s", text, got.A, got.T, err, doc)
		}
	}
}
