package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/transport"
)

// say records messages of one call as a node sees them. Each word is one: "<"
// came from the caller, ">" went to him, "(" came from the phone that is called,
// ")" went to it; then the method, or status and method.
func say(r *Ring, callID, words string) {
	ours := netip.MustParseAddrPort("192.0.2.1:5060")
	sides := map[byte]transport.Flow{
		'<': transport.Memory(transport.UDP, ours, netip.MustParseAddrPort("192.0.2.2:5060"), nil),
		'(': transport.Memory(transport.UDP, ours, netip.MustParseAddrPort("192.0.2.3:5060"), nil),
	}
	sides['>'], sides[')'] = sides['<'], sides['(']
	for i, word := range strings.Fields(words) {
		start := word[1:] + " sip:202@tel.test SIP/2.0"
		method := word[1:]
		if status, answered, ok := strings.Cut(word[1:], "/"); ok {
			start, method = "SIP/2.0 "+status+" So", answered
		}
		raw := fmt.Appendf(nil, "%s\r\ni: %s\r\nf: <sip:201@tel.test>;tag=a\r\nt: \"B\" <sip:202@tel.test>\r\nCSeq: 1 %s\r\n\r\n", start, callID, method)
		r.Saw(time.Unix(int64(i), 0), sides[word[0]], strings.ContainsAny(word[:1], ">)"), raw)
	}
}

func TestDialogs(t *testing.T) {
	for _, tt := range []struct{ words, state string }{
		{"<INVITE >407/INVITE <ACK", setup},
		{"<INVITE >407/INVITE <ACK <INVITE >100/INVITE )INVITE (180/INVITE >180/INVITE", setup},
		{"<INVITE )INVITE (200/INVITE >200/INVITE <ACK )ACK", inCall},
		{"<INVITE )INVITE (200/INVITE >200/INVITE (INVITE >488/INVITE", inCall},
		{"<INVITE )INVITE (200/INVITE >200/INVITE (BYE >BYE <200/BYE )200/BYE", completed},
		{"<INVITE )INVITE <CANCEL >200/CANCEL )CANCEL (487/INVITE >487/INVITE", cancelled},
		{"<INVITE )INVITE (486/INVITE )ACK >486/INVITE <ACK", busy},
		{"<INVITE )INVITE (486/INVITE )ACK )INVITE (200/INVITE >200/INVITE", inCall},
		{"<INVITE )INVITE )INVITE (486/INVITE )ACK (180/INVITE >180/INVITE", setup}, // one of two phones is busy
		{"<INVITE >302/INVITE", diverted},
		{"<INVITE >404/INVITE", "rejected 404"},
		{"<REGISTER >401/REGISTER <REGISTER >200/REGISTER", "200 So"},
		{"<OPTIONS", ""},
	} {
		r := New(1 << 20)
		say(r, "x", tt.words)
		all := Dialogs(r.Messages())
		if len(all) != 1 || all[0].State != tt.state || all[0].Messages != len(strings.Fields(tt.words)) {
			t.Errorf("%s: got %+v, want state %q", tt.words, all, tt.state)
			continue
		}
		d := all[0]
		if d.From != "201" || d.To != "202" || d.Source.Remote.Addr() != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("%s: got from %s to %s source %s", tt.words, d.From, d.To, d.Source.Remote)
		}
		if passed := strings.Contains(tt.words, ")INVITE"); passed != d.Destination.Remote.IsValid() {
			t.Errorf("%s: got destination %s", tt.words, d.Destination.Remote)
		}
	}
}

func TestDialogsComeInTheOrderOfTheirBeginning(t *testing.T) {
	r := New(1 << 20)
	say(r, "one", "<INVITE")
	say(r, "two", "<INVITE >100/INVITE")
	say(r, "one", "<CANCEL")
	all := Dialogs(r.Messages())
	if len(all) != 2 || all[0].First.After(all[1].First) {
		t.Errorf("got %+v", all)
	}
}

func TestMessagesAreReadAsFarAsTheyCanBe(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		want Message
	}{
		{
			"INVITE sip:+3265551201;phone-context=x@tel.test;user=phone SIP/2.0\r\nFrom: <sip:tel.test>\r\nTo: tel:+32-65;tag=1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Type: application/SDP\r\n\r\nv=0\r\n",
			Message{Start: "INVITE", Method: "INVITE", CallID: "c", From: "tel.test", To: "+32-65", Target: "+3265551201", SDP: true},
		},
		{
			"\r\nSIP/2.0  180  Ringing \nf: <sip:a@b>;tag=1\nt: broken\ni: c \nCSeq: x\n\n",
			Message{Start: "180  Ringing", Status: 180, CallID: "c", From: "a"},
		},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Message{Start: "GET / HTTP/1.1"}},
		{"", Message{}},
		{strings.Repeat("é", 40), Message{Start: strings.Repeat("é", 20)}},
	} {
		got := read(entry{raw: tt.raw, size: len(tt.raw)})
		got.raw, got.Size, got.Flow, got.ToTag = "", 0, 0, false
		if got != tt.want {
			t.Errorf("%q: got\n%+v\nwant\n%+v", tt.raw, got, tt.want)
		}
	}
}

func TestAboutAUser(t *testing.T) {
	m := Message{From: "201", To: "+32", Target: "202"}
	for user, want := range map[string]bool{"201": true, "202": true, "+32": true, "20": false, "": false} {
		if m.About(user) != want {
			t.Errorf("%q: got %v", user, !want)
		}
	}
}

func TestTextHidesSecrets(t *testing.T) {
	const proof = "6629fae49393a05397450978507c4ef1"
	r := New(1 << 20)
	r.Saw(time.Now(), flow(transport.UDP), false, []byte("REGISTER sip:a SIP/2.0\r\nCSeq: 1 REGISTER\r\nAuthorization: Digest response=\""+proof+"\"\r\n\r\n"))
	if text := r.Text(r.Messages()[0]); strings.Contains(text, proof) || !strings.Contains(text, "Digest response=\"***") {
		t.Errorf("got %s", text)
	}
}

// Whatever comes, it can be listed, and hiding secrets leaves its length alone.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("INVITE sip:a SIP/2.0\r\ni: 1\r\nf: <sip:a@b>;tag=1\r\nt: x\r\nCSeq: 1 INVITE\r\n\r\n"), []byte("SIP/2.0 486 Busy\r\ni: 1\r\nCSeq: 1 INVITE\r\n\r\n"), true)
	f.Add([]byte("\r\n\r\n"), []byte("SIP/2.0"), false)
	f.Fuzz(func(t *testing.T, one, two []byte, sent bool) {
		r := New(1 << 20)
		r.Saw(time.Unix(1, 0), flow(transport.TCP), false, one)
		r.Saw(time.Unix(2, 0), flow(transport.UDP), sent, two)
		all := r.Messages()
		if len(all) != 2 {
			t.Fatalf("%d messages", len(all))
		}
		listed := 0
		for _, d := range Dialogs(all) {
			listed += d.Messages
		}
		for _, m := range all {
			if m.CallID == "" {
				listed++
			}
			if n := len(r.Text(m)); n != min(m.Size, maxKept) {
				t.Errorf("%d bytes of %d", n, m.Size)
			}
		}
		if listed != len(all) {
			t.Errorf("%d of %d messages are listed", listed, len(all))
		}
	})
}
