package browse

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/node/admin"
)

var update = flag.Bool("update", false, "write the screens anew")

// A house is a Source of three calls, with a node that is silent when asked for
// one of them.
type house struct{ saved []string }

func at(s int) time.Time { return time.Date(2026, 9, 1, 10, 15, s, 123456000, time.UTC) }

func phone(user string) admin.End {
	return admin.End{Name: user, Address: "127.0.0." + user[2:] + ":5060"}
}

func (h *house) Dialogs(context.Context) ([]admin.Dialog, error) {
	laurel, hardy := admin.End{Name: "laurel", Node: true}, admin.End{Name: "hardy", Node: true}
	return []admin.Dialog{
		{CallID: "reg-1", Method: "REGISTER", From: "201", To: "201", Messages: 4, Source: phone("201"), State: "200 OK", First: at(0)},
		{CallID: "call-1", Method: "INVITE", From: "201", To: "202", Messages: 3, Source: phone("201"), Destination: phone("202"), State: "busy", First: at(10)},
		{CallID: "call-2", Method: "INVITE", From: "202\x1b[2J", To: "203", Messages: 14, Source: laurel, Destination: hardy, State: "in call", First: at(20)},
	}, nil
}

func (h *house) Messages(_ context.Context, callID string) ([]admin.Message, error) {
	say := func(s int, sent bool, user, start string) admin.Message {
		text := start + " of " + callID + "\r\nTo: \x1b[31m<sip:202@tel.test>\r\n\r\n"
		return admin.Message{Time: at(s), Node: "laurel", Sent: sent, Transport: "udp", Local: "127.0.0.9:5060", Peer: phone(user), Start: start, CallID: callID, Size: len(text), Text: text}
	}
	all := []admin.Message{
		say(10, false, "201", "INVITE"), say(11, true, "202", "INVITE"), say(12, false, "202", "486 Busy Here"), say(13, true, "201", "486 Busy Here"),
	}
	all[3].Size = 20_000
	switch callID {
	case "call-2":
		return nil, errors.New("no answer from hardy: what only\nthey know is missing")
	case "reg-1":
		return all, errors.New("no answer from hardy")
	}
	return all, nil
}

func (h *house) Save(file string, messages []admin.Message) (string, error) {
	if file == "" {
		return "", errors.New("a file needs a name")
	}
	h.saved = append(h.saved, fmt.Sprintf("%s %d", file, len(messages)))
	return fmt.Sprintf("%d messages are in %s", len(messages), file), nil
}

// TestScreens plays testdata/*.txt: the keys in the first line, of a terminal as
// large as the second says, lead to the screen behind the empty line.
func TestScreens(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 8 {
		t.Fatalf("got %d screens, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, want, _ := strings.Cut(string(text), "\n\n")
			keys, size, _ := strings.Cut(head, "\n")
			var width, height int
			if _, err = fmt.Sscanf(size, "%dx%d", &width, &height); err != nil {
				t.Fatal(err)
			}
			got := screen(t, strings.Fields(keys), width, height)
			if *update {
				if err = os.WriteFile(file, []byte(head+"\n\n"+got), 0o600); err != nil {
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

// screen presses keys, each drawn and now and then refreshed as Run would.
func screen(t *testing.T, keys []string, width, height int) string {
	t.Helper()
	b := New(&house{}, time.UTC)
	b.Refresh(t.Context())
	for _, k := range keys {
		b.Draw(width, height)
		b.Press(t.Context(), Key(k))
	}
	if b.Over() {
		return "(over)\n"
	}
	var text strings.Builder
	for _, line := range b.Draw(width, height) {
		text.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return text.String()
}

func TestSavesWhatIsSeen(t *testing.T) {
	for _, tt := range []struct {
		name, keys string
		want       []string
	}{
		{"a call of the list", "<up> <f2> <enter>", []string{"trace.txt 4"}},
		{"the ladder", "<up> <enter> <f2> <backspace> <backspace> <backspace> l o g <enter>", []string{"trace.log 4"}},
		{"a message", "<up> <enter> <enter> <f2> <enter>", []string{"trace.txt 1"}},
		{"not at all", "<up> <f2> <escape> <escape>", nil},
		{"what cannot be had", "<f2> <enter>", nil},
	} {
		h := &house{}
		b := New(h, time.UTC)
		b.Refresh(t.Context())
		for k := range strings.FieldsSeq(tt.keys) {
			b.Draw(80, 24)
			b.Press(t.Context(), Key(k))
		}
		if diff := cmp.Diff(tt.want, h.saved); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// New calls come while somebody looks at an old one.
func TestTheChosenCallStaysChosen(t *testing.T) {
	b := New(&house{}, time.UTC)
	b.Refresh(t.Context())
	l := b.views[0].(*list)
	if l.chosen().CallID != "call-2" {
		t.Errorf("at first: got %s, want the latest", l.chosen().CallID)
	}
	b.Press(t.Context(), Up)
	l.all = l.all[1:]
	l.narrow("")
	l.at = 0
	b.Refresh(t.Context())
	if l.chosen().CallID != "call-1" {
		t.Errorf("after more came: got %s, want call-1", l.chosen().CallID)
	}
}

func TestKeys(t *testing.T) {
	for sent, want := range map[string][]Key{
		"a":                      {"a"},
		"é漢":                     {"é", "漢"},
		"\x1b":                   {Escape},
		"\x1b[A\x1bOB\x1b[5~":    {Up, Down, PageUp},
		"\x1bOQ\x1b[12~\x1b[[B":  {F2, F2, F2},
		"\x1b[1;5Cx\x1b[200~y":   {"x", "y"},
		"\x1bq":                  {Escape, "q"},
		"\x1b[":                  nil,
		"\r\n\x7f\b\x03\x01\xff": {Enter, Enter, Backspace, Backspace, Interrupt},
		"":                       nil,
	} {
		if diff := cmp.Diff(want, KeysOf(sent)); diff != "" {
			t.Errorf("%q: %s", sent, diff)
		}
	}
}

// Whatever is pressed on whatever screen, it is drawn within the screen.
func FuzzBrowser(f *testing.F) {
	f.Add("/202\r\x1b[B\r\r\x1b[6~\x1b\x1b", 80, 24)
	f.Add("\x1b[A\r\x1b[C\x1b[C\x1b[D\x1bOQ\r", 30, 5)
	f.Fuzz(func(t *testing.T, sent string, width, height int) {
		width, height = width%300, height%100
		b := New(&house{}, time.UTC)
		for _, k := range KeysOf(sent) {
			b.Refresh(t.Context())
			b.Press(t.Context(), k)
			lines := b.Draw(width, height)
			if len(lines) > max(height, 0) {
				t.Fatalf("%d lines on a screen of %d", len(lines), height)
			}
			for _, line := range lines {
				if n := len([]rune(line)); n > max(width, 0) || strings.ContainsAny(line, "\x1b\r\n") {
					t.Fatalf("a line of %d characters on a screen of %d: %q", n, width, line)
				}
			}
		}
	})
}
