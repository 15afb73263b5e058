package house_test

import (
	"fmt"
	"strings"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// A smuggling is an OPTIONS whose lengths do not agree, or are none, before a
// text that would be a request of its own to who reads them otherwise.
type smuggling struct {
	name, lines string // {L} is the length of the hidden request
	udp, tcp    int    // the answer to the OPTIONS; on TCP the connection ends behind a 400
}

func smugglings() []smuggling {
	return []smuggling{
		{"in the body", "Content-Length: {L}", 200, 200},
		{"in the body, by the short name", "l: {L}", 200, 200},
		{"in the body, length folded", "Content-Length:\r\n {L}", 200, 200},
		{"in the body, length with zeros", "Content-Length: 000{L}", 200, 200},
		{"in the body, length said twice", "Content-Length: {L}\r\nl: {L}", 400, 400},
		{"two lengths", "Content-Length: {L}\r\nContent-Length: 0", 400, -400},
		{"two lengths, the other first", "Content-Length: 0\r\nContent-Length: {L}", 400, -400},
		{"two lengths, one by the short name", "l: 0\r\nContent-Length: {L}", 400, -400},
		{"two lengths, one in other letters", "content-length: {L}\r\nCONTENT-LENGTH: 0", 400, -400},
		{"a list of lengths", "Content-Length: {L}, 0", 400, -400},
		{"negative", "Content-Length: -{L}", 400, -400},
		{"with a sign", "Content-Length: +{L}", 400, -400},
		{"in hexadecimal", "Content-Length: 0x10", 400, -400},
		{"a broken number", "Content-Length: {L}.0", 400, -400},
		{"two numbers", "Content-Length: 0 {L}", 400, -400},
		{"a parameter", "Content-Length: {L};x=0", 400, -400},
		{"nothing", "Content-Length:", 400, -400},
		{"beyond 32 bits", "Content-Length: 4294967296", 400, -400},
		{"beyond 64 bits", "Content-Length: 18446744073709551616", 400, -400},
		{"beyond all numbers", "Content-Length: 1" + strings.Repeat("0", 400), 400, -400},
		{"none", "X: y", 200, -411},
		{"a length in another header field", "X: y\r\n Content-Length: 0\r\nContent-Length: {L}", 200, 200},
		{"a length behind a lone CR", "X: y\rContent-Length: 0\r\nContent-Length: {L}", 400, 400},
		{"a length behind a lone LF", "X: y\nContent-Length: 0\r\nContent-Length: {L}", 400, -400},
		{"a length with a space before its colon", "Content-Length : 0\r\nContent-Length: {L}", 400, -400},
		{"a length in a line that is none", "Content-Length\r\nContent-Length: {L}", 400, 400},
		{"chunked, as in another protocol", "Transfer-Encoding: chunked\r\nContent-Length: {L}", 200, 200},
	}
}

// TestNoRequestIsSmuggled: whatever a message says of its length, what stands in
// it behind the empty line is its body, or the connection ends. It is never
// acted on.
func TestNoRequestIsSmuggled(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	for _, transport := range transports {
		for _, test := range smugglings() {
			t.Run(transport+" "+test.name, func(t *testing.T) {
				c := dial(t, transport, n.SIP())
				want := test.udp
				if transport == "tcp" {
					want = test.tcp
				}
				outer, hidden := request(c, "OPTIONS", "sip:"+house.Domain, "alice", 1), hiddenIn(c)
				text := strings.Replace(outer.String(), "Content-Length: 0", strings.ReplaceAll(test.lines, "{L}", fmt.Sprint(len(hidden))), 1)
				if err := c.Write(text + hidden); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, c); got.Status() != max(want, -want) || got.Get("Call-ID") != outer.Get("Call-ID") {
					t.Fatalf("got %q to %s, want %d", got.Start, got.Get("Call-ID"), want)
				}
				if want < 0 {
					if got, err := c.Receive(house.Patience); err == nil {
						t.Errorf("got %q to %s, want the end of the connection", got.Start, got.Get("Call-ID"))
					}
					return
				}
				last := request(c, "OPTIONS", "sip:"+house.Domain, "alice", 9)
				if err := c.Send(last); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, c); got.Get("Call-ID") != last.Get("Call-ID") {
					t.Errorf("got %q to %s, want the answer to the next request", got.Start, got.Get("Call-ID"))
				}
			})
		}
	}
}

func hiddenIn(c *wire.Conn) string {
	m := request(c, "OPTIONS", "sip:"+house.Domain, "mallory", 666)
	m.Set("Call-ID", "hidden")
	return m.String()
}

// TestHiddenRequestIsForwardedAsBody: what a node makes of a message without a
// length, over UDP, has one, so that the next hop cannot read it otherwise.
func TestHiddenRequestIsForwardedAsBody(t *testing.T) {
	h := house.New(t)
	n := h.NodeWith("hardy", "calls: trusted")
	bob := registered(t, "tcp", "bob", n)
	c := dial(t, "udp", n.SIP())
	hidden := hiddenIn(c)
	m := request(c, "MESSAGE", "sip:bob@"+house.Domain, "alice", 1)
	if err := c.Write(strings.Replace(m.String(), "Content-Length: 0\r\n", "", 1) + hidden); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, bob); got.Method() != "MESSAGE" || got.Body != hidden {
		t.Fatalf("bob got %q with body %q, want the MESSAGE with what was behind it", got.Start, got.Body)
	} else if err := bob.Send(got.Reply(200, "OK", "b")); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, c); got.Status() != 200 {
		t.Errorf("got %q, want 200", got.Start)
	}
}
