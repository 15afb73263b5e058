package message

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	request = "OPTIONS sip:a SIP/2.0\r\n"
	via     = "Via: SIP/2.0/UDP h\r\n"
)

func TestParseRefuses(t *testing.T) {
	const nothing = false
	tests := []struct {
		name       string
		raw        string
		status     int
		reason     string
		answerable bool
	}{
		{"nothing", "", 400, "Bad request line", nothing},
		{"keep-alive", "\r\n\r\n", 400, "Bad request line", nothing},
		{"junk", "\x00\x01\x02", 400, "Bad request line", nothing},
		{"no Via to answer to", "OPTIONS  sip:a SIP/2.0\r\nTo: x\r\n\r\n", 400, "Bad Request-URI", nothing},
		{"response", "SIP/2.0 2000 OK\r\n" + via + "\r\n", 400, "Bad status line", nothing},
		{"response below 100", "SIP/2.0 099 OK\r\n" + via + "\r\n", 400, "Bad status line", nothing},
		{"response of four billion", "SIP/2.0 4294967496 OK\r\n" + via + "\r\n", 400, "Bad status line", nothing},
		{"response of another version", "SIP/3.0 200 OK\r\n" + via + "\r\n", 505, "Version Not Supported", nothing},
		{"no version", "OPTIONS sip:a\r\n" + via + "\r\n", 400, "Bad request line", true},
		{"another protocol", "OPTIONS sip:a HTTP/1.1\r\n" + via + "\r\n", 400, "Bad start line", true},
		{"another version", "OPTIONS sip:a SIP/12.7\r\n" + via + "\r\n", 505, "Version Not Supported", true},
		{"half a version", "OPTIONS sip:a SIP/2\r\n" + via + "\r\n", 400, "Bad start line", true},
		{"two spaces", "OPTIONS  sip:a SIP/2.0\r\n" + via + "\r\n", 400, "Bad Request-URI", true},
		{"space in the Request-URI", "OPTIONS sip:a; lr SIP/2.0\r\n" + via + "\r\n", 400, "Bad Request-URI", true},
		{"space at the end", "OPTIONS sip:a SIP/2.0 \r\n" + via + "\r\n", 400, "Bad start line", true},
		{"folded start line", "OPTIONS sip:a\r\n SIP/2.0\r\n" + via + "\r\n", 400, "Bad Request-URI", true},
		{"method is no token", "OPT(IONS sip:a SIP/2.0\r\n" + via + "\r\n", 400, "Bad method", true},
		{"line without colon", request + via + "Subject\r\n\r\n", 400, "Bad header line", true},
		{"line without name", request + via + ": x\r\n\r\n", 400, "Bad header line", true},
		{"name with a space", request + via + "Sub ject: x\r\n\r\n", 400, "Bad header line", true},
		{"name of 256 letters", request + via + strings.Repeat("x", 256) + ": y\r\n\r\n", 400, "Bad header line", true},
		{"bare CR", request + via + "Subject: a\rRoute: b\r\n\r\n", 400, "Bare CR in header", true},
		{"no empty line", request + via, 400, "Missing empty line", true},
		{"no line end", request + "Via: SIP/2.0/UDP h", 400, "Missing empty line", true},
		{"negative length", request + via + "l: -1\r\n\r\n", 400, "Bad Content-Length", true},
		{"empty length", request + via + "l:\r\n\r\n", 400, "Bad Content-Length", true},
		{"length of words", request + via + "l: 1 2\r\n\r\nabc", 400, "Bad Content-Length", true},
		{"length beyond the datagram", request + via + "l: 4\r\n\r\nabc", 400, "Bad Content-Length", true},
		{"length beyond numbers", request + via + "l: 18446744073709551616\r\n\r\n", 400, "Bad Content-Length", true},
		{"two lengths", request + via + "l: 3\r\nl: 2\r\n\r\nabc", 400, "Bad Content-Length", true},
		{"too many lines", request + via + strings.Repeat("a:\r\n", MaxLines) + "\r\n", 513, "Message Too Large", true},
		{"too large a head", request + via + "a: " + strings.Repeat("b", MaxHead) + "\r\n\r\n", 513, "Message Too Large", true},
		{"head just too large", sizedHead(MaxHead + 1), 513, "Message Too Large", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := Parse([]byte(test.raw))
			var wrong *SyntaxError
			if !errors.As(err, &wrong) || wrong.Status != test.status || wrong.Reason != test.reason {
				t.Fatalf("got %v, want %d %s", err, test.status, test.reason)
			}
			if (m != nil) != test.answerable {
				t.Fatalf("message: got %v, want it answerable: %v", m, test.answerable)
			}
			if m != nil && m.Reply(wrong.Status, wrong.Reason, "").AppendTo(nil) == nil {
				t.Error("no answer")
			}
		})
	}
}

// sizedHead is a request whose head is n bytes.
func sizedHead(n int) string {
	rest := n - len(request+via+"a: \r\n\r\n")
	return request + via + "a: " + strings.Repeat("b", rest) + "\r\n\r\n"
}

func TestParseAccepts(t *testing.T) {
	tests := []struct {
		name string
		raw  string
		body string
	}{
		{"no length: the body is the rest", request + via + "\r\nrest\r\n", "rest\r\n"},
		{"length below the datagram", request + via + "l: 2\r\n\r\nabc", "ab"},
		{"the same length twice", request + via + "l: 02\r\nContent-Length: 2\r\n\r\nabc", "ab"},
		{"folded length", request + via + "l:\r\n 2\r\n\r\nabc", "ab"},
		{"line ends in front", "\r\n\n\r\n" + request + via + "\r\n", ""},
		{"no header lines", request + "\r\n", ""},
		{"lines end in LF", "OPTIONS sip:a SIP/2.0\nVia: SIP/2.0/UDP h\n ;rport\nl: 3\n\na\nb\n", "a\nb"},
		{"lines end in both", request + "Via: SIP/2.0/UDP h\nl: 3\n\r\na\nb\n", "a\nb"},
		{"a line of space continues", request + "Subject: a\r\n \r\n" + via + "\r\nb", "b"},
		{"unknown method", "opt.IONS! sip:a SIP/2.0\r\n" + via + "\r\n", ""},
		{"as many lines as may be", request + strings.Repeat("a:\r\n", MaxLines) + "\r\n", ""},
		{"as large a head as may be", sizedHead(MaxHead), ""},
		{"NUL in a value", request + "Subject: \"\\\x00\"\r\n\r\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mustParse(t, test.raw)
			if m.Body() != test.body {
				t.Errorf("body: got %q, want %q", m.Body(), test.body)
			}
			if head, _, _ := strings.Cut(m.Raw(), "\r\n\r\n"); strings.Count(head, "\n") != strings.Count(head, "\r\n") {
				t.Errorf("line ends: got %q", head)
			}
		})
	}
}

// TestSpill reads heads about as long as the inline index.
func TestSpill(t *testing.T) {
	for _, n := range []int{0, 1, inlineLines - 1, inlineLines, inlineLines + 1, MaxLines} {
		var b strings.Builder
		b.WriteString(request)
		for i := range n {
			fmt.Fprintf(&b, "Route: <sip:%d>\r\n", i)
		}
		m := mustParse(t, b.String()+"\r\n")
		i := 0
		for v := range m.Values(Route) {
			if want := fmt.Sprintf("<sip:%d>", i); v != want {
				t.Fatalf("of %d: got %q, want %q", n, v, want)
			}
			i++
		}
		if i != n || m.Count(Route) != n || m.Lines() != n {
			t.Errorf("got %d values, %d lines, want %d", i, m.Lines(), n)
		}
	}
}

func TestParseKeepsNothingOfTheBuffer(t *testing.T) {
	buf := []byte(odd)
	m, err := Parse(buf)
	if err != nil {
		t.Fatal(err)
	}
	clear(buf)
	if m.Raw() != odd {
		t.Errorf("got %q", m.Raw())
	}
}
