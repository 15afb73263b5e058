package wire

import (
	"slices"
	"strings"
	"testing"
)

const invite = "INVITE sip:bob@tel.test SIP/2.0\r\n" +
	"v: SIP/2.0/TCP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n" +
	"Record-Route: <sip:p;lr>\r\n" +
	"From: \"Alice, the first\" <sip:alice@tel.test>;tag=x\r\n" +
	"To: <sip:bob@tel.test>\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nContent-Length: 4\r\n\r\nbody"

func TestMessageReadsWhatItWrote(t *testing.T) {
	m, err := Parse(invite)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.String(), strings.Replace(invite, "v: ", "Via: ", 1); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if m.Method() != "INVITE" || m.CSeq() != 7 || m.URI() != "sip:bob@tel.test" || m.Status() != 0 {
		t.Errorf("got %q %d %q %d", m.Method(), m.CSeq(), m.URI(), m.Status())
	}
	if got := m.All("Via"); !slices.Equal(got, []string{"SIP/2.0/TCP a;branch=z9hG4bK1", "SIP/2.0/UDP b;branch=z9hG4bK2"}) {
		t.Errorf("Via: got %q", got)
	}
	if got := m.All("From"); len(got) != 1 || Param(got[0], "tag") != "x" || AddrURI(got[0]) != "sip:alice@tel.test" {
		t.Errorf("From: got %q", got)
	}
}

func TestReplyCopiesWhatTheRFCSays(t *testing.T) {
	m, err := Parse(invite)
	if err != nil {
		t.Fatal(err)
	}
	r := m.Reply(200, "OK", "y")
	if r.Status() != 200 || r.Method() != "INVITE" || r.Get("To") != "<sip:bob@tel.test>;tag=y" || !r.Has("Record-Route") {
		t.Errorf("got\n%s", r)
	}
	if r := m.Reply(100, "Trying", "y"); r.Get("To") != "<sip:bob@tel.test>" {
		t.Errorf("100 Trying: To = %q", r.Get("To"))
	}
}

// The example of RFC 7616 section 3.9.1 has another method and a fixed cnonce;
// without qop the answer is fixed: RFC 2069 section 2.4 with its known erratum.
func TestAnswerWithoutQop(t *testing.T) {
	c := Credentials{User: "Mufasa", Password: "CircleOfLife"}
	got, err := c.Answer(`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`, "GET", "/dir/index.html")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got, `response="1949323746fe6a43ef61f9606e7febea"`) {
		t.Errorf("got %s", got)
	}
}
