package ladder

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/node/admin"
)

var update = flag.Bool("update", false, "write the drawings anew")

// A script has a message a line: milliseconds, node, direction, transport,
// name and address of the peer, and what it is.
func messages(script string) []admin.Message {
	var all []admin.Message
	for line := range strings.Lines(script) {
		word := strings.Fields(line)
		if len(word) < 6 {
			continue
		}
		ms, _ := strconv.Atoi(word[0])
		start, sdp := strings.CutSuffix(strings.Join(word[5:], " "), " SDP")
		m := admin.Message{
			Time: time.Date(2026, 9, 1, 10, 15, 1, ms*1e6, time.UTC), Node: word[1], Sent: word[2] == ">",
			Local: word[1] + ":5060", Peer: admin.End{Name: strings.Trim(word[3], "?"), Address: word[4], Node: word[4] == "node"}, Start: start, SDP: sdp, Text: start,
		}
		all = append(all, m)
	}
	return all
}

// TestDrawings draws testdata/*.txt anew: what stands before the empty line is
// what is drawn after it.
func TestDrawings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 4 {
		t.Fatalf("got %d drawings, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "\n\n")
			got := New(messages(script), time.UTC).String()
			if *update {
				if err = os.WriteFile(file, []byte(script+"\n\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Whatever phones say of themselves, no line does anything to a terminal or is
// wider than the ladder says.
func FuzzLadder(f *testing.F) {
	f.Add("INVITE", "201", "127.0.0.1:5060", true)
	f.Add("\x1b[2J", "", "\n", false)
	f.Add(strings.Repeat("漢", 90), strings.Repeat("é", 90), "[2001:db8::1]:5060", true)
	f.Fuzz(func(t *testing.T, start, name, address string, sent bool) {
		l := New([]admin.Message{
			{Node: "laurel", Peer: admin.End{Name: name, Address: address}, Start: start, Sent: sent},
			{Node: "laurel", Peer: admin.End{Name: "hardy", Node: true}, Start: start},
		}, time.UTC)
		for line := range strings.Lines(l.String()) {
			line = strings.TrimSuffix(line, "\n")
			if Plain(line) != line || length(line) > l.Width() {
				t.Errorf("got %q", line)
			}
		}
	})
}
