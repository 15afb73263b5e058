package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const goodUpgrade = "GET /ws HTTP/1.1\r\nHost: tel.test:7443\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Origin: https://phone.test\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Protocol: chat, sip\r\n\r\n"

// A talk is one side of a conversation: what comes, and what was answered.
type talk struct {
	in  io.Reader
	out bytes.Buffer
}

func (c *talk) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *talk) Write(b []byte) (int, error) { return c.out.Write(b) }

func fromPhoneTest(origin string) bool { return origin == "https://phone.test" }

func TestUpgrade(t *testing.T) {
	without := func(line string) string {
		name, _, _ := strings.Cut(line, ":")
		var kept []string
		for l := range strings.SplitSeq(goodUpgrade, "\r\n") {
			if !strings.HasPrefix(l, name+":") {
				kept = append(kept, l)
			}
		}
		return strings.Join(kept, "\r\n")
	}
	with := func(line string) string {
		return strings.Replace(without(line), "\r\n", "\r\n"+line+"\r\n", 1)
	}
	for _, tt := range []struct {
		name   string
		text   string
		status int
		words  string
	}{
		{"good", goodUpgrade, 101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, // RFC 6455 section 1.3
		{"not a browser", without("Origin"), 101, ""},
		{"another page", with("Origin: https://evil.test"), 403, `"https://evil.test"`},
		{"a page of a file", with("Origin: null"), 403, "origins of browsers"},
		{"no upgrade", without("Upgrade"), 426, "trusts the certificate"},
		{"an upgrade to something else", with("Upgrade: h2c"), 426, ""},
		{"no connection", without("Connection"), 426, ""},
		{"another version", with("Sec-WebSocket-Version: 8"), 426, "version 13"},
		{"no key", without("Sec-WebSocket-Key"), 400, "Key"},
		{"a short key", with("Sec-WebSocket-Key: c2hvcnQ="), 400, "Key"},
		{"no sub-protocol", without("Sec-WebSocket-Protocol"), 400, `"sip"`},
		{"another sub-protocol", with("Sec-WebSocket-Protocol: xmpp"), 400, `"sip"`},
		{"POST", strings.Replace(goodUpgrade, "GET", "POST", 1), 400, "GET"},
		{"HTTP 1.0", strings.Replace(goodUpgrade, "HTTP/1.1", "HTTP/1.0", 1), 400, "HTTP/1.1"},
		{"SIP", request("a", 0), 400, "no HTTP"},
		{"too long", strings.Replace(goodUpgrade, "\r\n", "\r\nX: "+strings.Repeat("x", maxUpgrade)+"\r\n", 1), 431, "too long"},
		{"cut off", goodUpgrade[:100], 431, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &talk{in: strings.NewReader(tt.text)}
			_, err := upgrade(c, fromPhoneTest)
			answer := c.out.String()
			if !strings.HasPrefix(answer, "HTTP/1.1 "+strconv.Itoa(tt.status)+" ") || !strings.Contains(answer, tt.words) {
				t.Errorf("got %q, want %d with %q", answer, tt.status, tt.words)
			}
			no, isRefused := errors.AsType[*refused](err)
			if (tt.status == 101) != (err == nil) || (err != nil) != isRefused || isRefused && no.status != tt.status {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What comes behind the request is not lost.
func TestUpgradeRest(t *testing.T) {
	c := &talk{in: strings.NewReader(goodUpgrade + "frames")}
	if rest, err := upgrade(c, fromPhoneTest); err != nil || string(rest) != "frames" {
		t.Errorf("got %q, %v", rest, err)
	}
}

// Who goes away gets no answer.
func TestUpgradeGone(t *testing.T) {
	c := &talk{in: strings.NewReader("")}
	if _, err := upgrade(c, fromPhoneTest); !errors.Is(err, io.EOF) || c.out.Len() > 0 {
		t.Errorf("got %v and %q", err, c.out.String())
	}
}

// FuzzUpgrade wants one answer to every request, which another implementation
// reads, and 101 only where the origin and the sub-protocol are right.
func FuzzUpgrade(f *testing.F) {
	f.Add(goodUpgrade)
	f.Add(strings.Replace(goodUpgrade, "phone.test", "evil.test", 1))
	f.Add("GET / HTTP/1.1\r\n\r\n")
	f.Add(request("a", 0))
	f.Fuzz(func(t *testing.T, text string) {
		in := strings.NewReader(text)
		c := &talk{in: in}
		rest, err := upgrade(c, fromPhoneTest)
		if len(text)-in.Len() > maxUpgrade {
			t.Errorf("%d bytes were read", len(text)-in.Len())
		}
		if c.out.Len() == 0 {
			if _, told := errors.AsType[*refused](err); err == nil || told {
				t.Errorf("no answer, and %v", err)
			}
			return
		}
		answer, perr := http.ReadResponse(newReader(c.out.Bytes()), nil)
		if perr != nil {
			t.Fatalf("the answer is not readable: %v", perr)
		}
		defer func() { _ = answer.Body.Close() }()
		if (answer.StatusCode == 101) != (err == nil) {
			t.Errorf("got %d and %v", answer.StatusCode, err)
		}
		if err != nil {
			return
		}
		head := strings.ToLower(strings.TrimSuffix(text, string(rest)))
		if !strings.Contains(head, "sip") || strings.Contains(head, "\norigin:") && !strings.Contains(text, "https://phone.test") {
			t.Errorf("let in: %q", text)
		}
	})
}
