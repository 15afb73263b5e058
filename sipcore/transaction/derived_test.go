package transaction

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var sentInvite = lines(
	"INVITE sip:201@127.0.0.9:5062;transport=tcp SIP/2.0",
	"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKours",
	"Route: <sip:a@127.0.0.3;lr>",
	"ROUTE: <sip:b@127.0.0.4;lr>,",
	" <sip:c@127.0.0.5;lr>",
	"v: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKtheirs",
	"Record-Route: <sip:127.0.0.1;lr>",
	"Max-Forwards: 12",
	"f : \"Via: x\" <sip:202@127.0.0.1>;tag=f1",
	"t: <sip:201@127.0.0.1>",
	"i: c1@127.0.0.2",
	"CSeq:  314\tINVITE",
	"Contact: <sip:202@127.0.0.2>",
	"Proxy-Authorization: Digest x",
	"Content-Type: application/sdp",
	"Content-Length: 12",
	"",
	"From: nobody",
)

func lines(l ...string) string { return strings.Join(l, "\r\n") }

func TestDerivedRequests(t *testing.T) {
	tests := []struct {
		name string
		d    derived
		want string
	}{
		// RFC 3261 section 17.1.1.3
		{"ACK", derived{method: "ACK", to: "<sip:201@127.0.0.1>;tag=t1"}, lines(
			"ACK sip:201@127.0.0.9:5062;transport=tcp SIP/2.0",
			"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKours",
			"Route: <sip:a@127.0.0.3;lr>",
			"ROUTE: <sip:b@127.0.0.4;lr>,",
			" <sip:c@127.0.0.5;lr>",
			"f : \"Via: x\" <sip:202@127.0.0.1>;tag=f1",
			"To: <sip:201@127.0.0.1>;tag=t1",
			"i: c1@127.0.0.2",
			"CSeq: 314 ACK",
			"Max-Forwards: 70",
			"Content-Length: 0", "", "")},
		// RFC 3261 section 9.1, RFC 3326
		{"CANCEL", derived{method: "CANCEL", reason: "SIP;cause=200"}, lines(
			"CANCEL sip:201@127.0.0.9:5062;transport=tcp SIP/2.0",
			"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKours",
			"Route: <sip:a@127.0.0.3;lr>",
			"ROUTE: <sip:b@127.0.0.4;lr>,",
			" <sip:c@127.0.0.5;lr>",
			"f : \"Via: x\" <sip:202@127.0.0.1>;tag=f1",
			"t: <sip:201@127.0.0.1>",
			"i: c1@127.0.0.2",
			"CSeq: 314 CANCEL",
			"Reason: SIP;cause=200",
			"Max-Forwards: 70",
			"Content-Length: 0", "", "")},
	}
	for _, test := range tests {
		for from, invite := range map[string][]byte{"the INVITE": []byte(sentInvite), "its outline": outline([]byte(sentInvite))} {
			if diff := cmp.Diff(test.want, string(test.d.from(invite))); diff != "" {
				t.Errorf("%s from %s (-want +got):\n%s", test.name, from, diff)
			}
		}
	}
}

func TestOutline(t *testing.T) {
	once := outline([]byte(sentInvite))
	if twice := outline(once); string(twice) != string(once) {
		t.Errorf("outline of %q\nis %q", once, twice)
	}
	if len(once) >= len(sentInvite)-100 {
		t.Errorf("outline of %d bytes has %d", len(sentInvite), len(once))
	}
	for _, odd := range []string{"", "\r\n", "INVITE x SIP/2.0", "INVITE x SIP/2.0\r\n", "INVITE x SIP/2.0\r\nTo", "INVITE x SIP/2.0\r\nTo: a\r\n b"} {
		_ = derived{method: "ACK"}.from(outline([]byte(odd))) // no panic
	}
}

func TestNewBranch(t *testing.T) {
	seen := make(map[string]bool)
	for range 10_000 {
		b := NewBranch()
		if seen[b] || len(b) != branchLen || !isUnique(b) {
			t.Fatalf("branch %q (seen before: %v)", b, seen[b])
		}
		seen[b] = true
	}
}
