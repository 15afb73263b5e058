package message

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// invite is a call as a desk phone sends it: 16 header lines, 900-odd bytes.
var invite = strings.ReplaceAll(`INVITE sip:2042@carillon.example;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK-524287-1---9d1c2a55a2a4f25e;rport
Max-Forwards: 70
Route: <sip:192.0.2.1;transport=udp;lr>
Contact: <sip:1017@192.0.2.17:5060;transport=udp>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-00085d123456>"
To: "Front Desk" <sip:2042@carillon.example>
From: "Ada Lovelace" <sip:1017@carillon.example>;tag=7b6f5e0a
Call-ID: 84712OGQ3ZWRlMzE1YmY5ZGQ4YTU0Njc4ZDE2MTc
CSeq: 2 INVITE
Session-Expires: 1800
Min-SE: 90
Allow: INVITE, ACK, CANCEL, BYE, REFER, INFO, NOTIFY, UPDATE, PRACK, MESSAGE, OPTIONS
Supported: timer, replaces, 100rel, from-change
User-Agent: Campanile 240/6.1.2
Content-Type: application/sdp
Content-Length: 193

v=0
o=1017 3890 3890 IN IP4 192.0.2.17
s=-
c=IN IP4 192.0.2.17
t=0 0
m=audio 11784 RTP/AVP 9 8 0 101
a=rtpmap:9 G722/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=sendrecv
`, "\n", "\r\n")

// proxied edits as a proxy does on the way to the callee.
func proxied(m *Message, dst []byte) []byte {
	e := m.Edit()
	e.SetRequestURI("sip:2042@198.51.100.9:5060;transport=tcp")
	e.DropFirstValue(Route)
	hops, _ := m.Header(MaxForwards)
	n, _ := strconv.Atoi(hops)
	e.SetFirst(MaxForwards, strconv.Itoa(n-1))
	e.Prepend(RecordRoute, "<sip:R4vJb6Xq0Aa1@192.0.2.1;lr>")
	e.Prepend(RecordRoute, "<sip:R4vJb6Xq0Aa2@192.0.2.1;transport=tcp;lr>")
	e.Prepend(Via, "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKc5f02d1b77a94e2f")
	return e.AppendTo(dst)
}

func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(Message{}); got != 256 {
		t.Errorf("a Message is %d bytes, want 256: a size class of the allocator", got)
	}
}

func TestAllocations(t *testing.T) {
	raw, source := []byte(invite), netip.MustParseAddrPort("192.0.2.17:5060")
	m, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 4096)
	tests := []struct {
		name string
		want float64 // growing takes one, and one more under the race detector
		run  func()
	}{
		{"Parse", 2, func() { _, _ = Parse(raw) }},
		{"ParseFrom", 2, func() { _, _ = ParseFrom(raw, source) }},
		{"ParseString", 1, func() { _, _ = ParseString(invite) }},
		{"Frame", 0, func() { _, _, _ = Frame(raw, 0) }},
		{"Validate", 0, func() { _ = m.Validate() }},
		{"Edit", 0, func() { buf = proxied(m, buf[:0]) }},
		{"Reply", 0, func() { buf = m.Reply(100, "", "").AppendTo(buf[:0]) }},
		{"Reply, grown", 2, func() {
			r := m.Reply(200, "", "tag")
			r.Add(Contact, "<sip:1017@192.0.2.17:5060;transport=udp>")
			r.Body("text/plain", "hello")
			_ = r.AppendTo(nil)
		}},
		{"Edit, grown", 2, func() { _ = proxied(m, nil) }},
		{"accessors", 0, func() {
			_, _ = m.TopVia()
			_, _ = m.FromTag(), m.ToTag()
			_, _ = m.HeaderNamed("x-none")
			_ = m.HasToken(Supported, "100rel")
			for range m.Values(Allow) {
			}
		}},
	}
	for _, test := range tests {
		if got := testing.AllocsPerRun(100, test.run); got > test.want {
			t.Errorf("%s: %v allocations, want at most %v", test.name, got, test.want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := []byte(invite)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(raw)
	}
}

func BenchmarkParseFrom(b *testing.B) {
	raw, source := []byte(invite), netip.MustParseAddrPort("192.0.2.17:5060")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseFrom(raw, source)
	}
}

func BenchmarkReceived(b *testing.B) {
	m, _ := ParseString(invite)
	source := netip.MustParseAddrPort("192.0.2.17:5060")
	b.ReportAllocs()
	for b.Loop() {
		m.Received(source)
	}
}

func BenchmarkFrame(b *testing.B) {
	raw := []byte(invite)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = Frame(raw, 0)
	}
}

func BenchmarkValidate(b *testing.B) {
	m, _ := ParseString(invite)
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Validate()
	}
}

func BenchmarkEdit(b *testing.B) {
	m, _ := ParseString(invite)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = proxied(m, buf[:0])
	}
}

func BenchmarkReply(b *testing.B) {
	m, _ := ParseString(invite)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		r := m.Reply(180, "", "a6c85cf")
		r.RecordRoutes()
		r.Add(Contact, "<sip:2042@198.51.100.9>")
		buf = r.AppendTo(buf[:0])
	}
}

func BenchmarkTopVia(b *testing.B) {
	m, _ := ParseString(invite)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = m.TopVia()
	}
}

func BenchmarkParseURI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseURI("sip:1017@192.0.2.17:5060;transport=udp;lr")
	}
}

func BenchmarkFromTag(b *testing.B) {
	m, _ := ParseString(invite)
	b.ReportAllocs()
	for b.Loop() {
		m.FromTag()
	}
}
