package transport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"carillon/sipcore/message"
)

const pageOrigin = "https://phone.test"

func newReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

// withBrowsers is a layer that lets the pages of pageOrigin in.
func withBrowsers(t *testing.T, o Options, h Handler) *Layer {
	t.Helper()
	l := listening(t, o, h)
	if err := l.Browsers([]string{pageOrigin}); err != nil {
		t.Fatal(err)
	}
	return l
}

// A page is a telephone in a web page, with another implementation of WebSocket.
type page struct {
	net.Conn
	tb testing.TB
}

// open connects a page over WS or WSS.
func open(t *testing.T, l *Layer, k Kind) *page {
	t.Helper()
	d := ws.Dialer{
		Protocols: []string{"sip"}, Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {pageOrigin}}),
		TLSConfig: &tls.Config{ServerName: "tel.test"},
	}
	if l.opts.Roots != nil {
		d.TLSConfig.RootCAs = l.opts.Roots()
	}
	c, rest, shaken, err := d.Dial(context.Background(), k.String()+"://"+on(l, k)+"/")
	if err != nil {
		t.Fatal(err)
	}
	if shaken.Protocol != "sip" || rest != nil {
		t.Errorf("got the sub-protocol %q, and %v behind it", shaken.Protocol, rest)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return &page{c, t}
}

func (p *page) says(op ws.OpCode, text string) {
	p.tb.Helper()
	if err := wsutil.WriteClientMessage(p.Conn, op, []byte(text)); err != nil {
		p.tb.Fatal(err)
	}
}

// hears reads one frame.
func (p *page) hears(op ws.OpCode, want string) {
	p.tb.Helper()
	f, err := ws.ReadFrame(p.Conn)
	if err != nil {
		p.tb.Fatal(err)
	}
	if f.Header.OpCode != op || string(f.Payload) != want {
		p.tb.Errorf("got %#x %q, want %#x %q", f.Header.OpCode, f.Payload, op, want)
	}
}

// ends wants a farewell with a code, and then the end.
func (p *page) ends(code ws.StatusCode) {
	p.tb.Helper()
	f, err := ws.ReadFrame(p.Conn)
	if err != nil || f.Header.OpCode != ws.OpClose {
		p.tb.Fatalf("got %#x, %v, want a farewell", f.Header.OpCode, err)
	}
	if got, _ := ws.ParseCloseFrameData(f.Payload); got != code {
		p.tb.Errorf("got code %d, want %d", got, code)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		p.tb.Errorf("behind the farewell: got %v, want the end", err)
	}
}

func TestWebSocket(t *testing.T) {
	for _, k := range []Kind{WS, WSS} {
		t.Run(k.String(), func(t *testing.T) {
			h := &record{answer: echo}
			l := withBrowsers(t, secureOptions(t), h)
			p := open(t, l, k)
			p.says(ws.OpText, request("a", 0))
			p.hears(ws.OpText, response("a"))
			p.says(ws.OpBinary, request("b", 40_000))
			p.hears(ws.OpText, response("b"))
			noLength := strings.Replace(request("c", 0), "Content-Length: 0\r\n", "", 1)
			p.says(ws.OpText, noLength) // it is optional (RFC 7118 section 5)
			p.hears(ws.OpText, response("c"))
			p.says(ws.OpPing, "are you there")
			p.hears(ws.OpPong, "are you there")
			p.says(ws.OpText, "\r\n\r\n")
			p.hears(ws.OpText, "\r\n")
			f := h.flow(t, 0)
			if f.Kind() != k || f.Local().Port() != l.Ports().Of(k) || f.Kind().Via() != strings.ToUpper(k.String()) {
				t.Errorf("got a flow of kind %v at %v", f.Kind(), f.Local())
			}
			p.says(ws.OpClose, "\x03\xe8")
			p.ends(1000)
			wantOneClosed(t, h, f)
		})
	}
}

// A message in many frames, with pings between, is one message.
func TestWebSocketFragments(t *testing.T) {
	h := &record{answer: echo}
	l := withBrowsers(t, secureOptions(t), h)
	p := open(t, l, WSS)
	text := request("parts", 2000)
	write(t, p, join(masked(ws.OpText, false, text[:10]), masked(ws.OpPing, true, "1")))
	p.hears(ws.OpPong, "1")
	write(t, p, join(masked(ws.OpContinuation, false, text[10:900]), masked(ws.OpContinuation, true, text[900:])))
	p.hears(ws.OpText, response("parts"))
}

// A browser that we close on hears why, and so does one that breaks the rules.
func TestWebSocketFarewells(t *testing.T) {
	for _, tt := range []struct {
		name string
		send string
		code ws.StatusCode
	}{
		{"we close", "", 1001},
		{"no mask", "\x81\x01x", 1002},
		{"too long", join(masked(ws.OpText, true, strings.Repeat("x", 70_000))), 1009},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &record{answer: echo}
			l := withBrowsers(t, secureOptions(t), h)
			p := open(t, l, WSS)
			p.says(ws.OpText, request("a", 0))
			p.hears(ws.OpText, response("a"))
			f := h.flow(t, 0)
			if tt.send == "" {
				f.Close()
			}
			write(t, p, tt.send)
			p.ends(tt.code)
			wantOneClosed(t, h, f)
		})
	}
}

// What is no SIP is refused like elsewhere, and the connection goes on.
func TestWebSocketMalformed(t *testing.T) {
	h := &record{answer: echo}
	l := withBrowsers(t, secureOptions(t), h)
	p := open(t, l, WS)
	p.says(ws.OpText, "hello")
	p.says(ws.OpText, strings.Replace(request("bad", 0), "OPTIONS sip:x@127.0.0.1 SIP/2.0", "OPTIONS", 1))
	p.hears(ws.OpText, "SIP/2.0 400 Bad\r\nContent-Length: 0\r\n\r\n")
	p.says(ws.OpText, request("good", 0))
	p.hears(ws.OpText, response("good"))
}

// A display name in Latin-1, from a phone far away, must not end a browser's
// connection: it is not sent as text.
func TestWebSocketIsNotClosedByOthersLetters(t *testing.T) {
	odd := strings.Replace(response("a"), "Call-ID", "Subject: Andr\xe9\r\nCall-ID", 1)
	l := withBrowsers(t, secureOptions(t), &record{answer: func(f Flow, _ *message.Message) { _ = f.Send([]byte(odd)) }})
	p := open(t, l, WS)
	p.says(ws.OpText, request("a", 0))
	p.hears(ws.OpBinary, odd)
}

func TestOrigins(t *testing.T) {
	var log strings.Builder
	o := secureOptions(t)
	o.Logger = textLogger(&log)
	l := withBrowsers(t, o, &record{})
	d := ws.Dialer{Protocols: []string{"sip"}, Header: ws.HandshakeHeaderHTTP(http.Header{"Origin": {"https://evil.test"}})}
	_, _, _, err := d.Dial(t.Context(), "ws://"+on(l, WS)+"/")
	var status ws.StatusError
	if !errors.As(err, &status) || int(status) != http.StatusForbidden {
		t.Errorf("another origin: got %v", err)
	}
	eventually(t, "it is counted", func() bool { return l.Counters().Dropped.Handshake == 1 })
	if !strings.Contains(log.String(), "https://evil.test") {
		t.Errorf("the log does not say which: %s", log.String())
	}
	for _, origins := range [][]string{{"*"}, {"https://other.test", "HTTPS://EVIL.test"}} {
		if err := l.Browsers(origins); err != nil {
			t.Fatal(err)
		}
		c, _, _, err := d.Dial(t.Context(), "ws://"+on(l, WS)+"/")
		if err != nil {
			t.Fatalf("%q: %v", origins, err)
		}
		_ = c.Close()
	}
}

// The ports are open while there are origins, and connections outlive that.
func TestBrowsersOnAndOff(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, secureOptions(t), h)
	closed := func(k Kind) bool {
		c, err := net.Dial("tcp", on(l, k))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}
	if !closed(WS) || !closed(WSS) {
		t.Fatal("a port is open that nobody asked for")
	}
	for range 2 {
		if err := l.Browsers([]string{pageOrigin}); err != nil {
			t.Fatal(err)
		}
		p := open(t, l, WSS)
		if err := l.Browsers(nil); err != nil {
			t.Fatal(err)
		}
		if !closed(WS) || !closed(WSS) {
			t.Error("a port is open though no page may connect")
		}
		p.says(ws.OpText, request("a", 0))
		p.hears(ws.OpText, response("a"))
	}
	taken, err := net.Listen("tcp", on(l, WSS))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Browsers([]string{pageOrigin}); err == nil || !strings.Contains(err.Error(), on(l, WSS)) {
		t.Errorf("with the port taken: got %v", err)
	}
	if !closed(WS) {
		t.Error("half of the ports is open")
	}
	_ = taken.Close()
	if err := l.Browsers([]string{pageOrigin}); err != nil {
		t.Error(err)
	}
}

// TestWebSocketHalf wants what has begun to end in time.
func TestWebSocketHalf(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shake bool
		send  string
	}{
		{"silence", false, ""},
		{"half a request", false, goodUpgrade[:50]},
		{"nothing after the handshake", true, ""},
		{"half a frame", true, string(masked(ws.OpText, true, request("a", 0))[:40])},
		{"half of a header", true, "\x81"},
		{"half a message", true, string(masked(ws.OpText, false, request("a", 0)[:40]))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := secureOptions(t)
			o.Handshake, o.HalfMessage = 100*time.Millisecond, 100*time.Millisecond
			l := withBrowsers(t, o, &record{answer: echo})
			c := dialTo(t, "tcp", on(l, WS))
			if tt.shake {
				c = open(t, l, WS)
			}
			write(t, c, tt.send)
			wantClosed(t, c)
			eventually(t, "it is counted", func() bool {
				d := l.Counters().Dropped
				return tt.shake && d.HalfMessage == 1 || !tt.shake && d.Handshake == 1
			})
		})
	}
}

// A page is pinged; one that is not there any more is noticed.
func TestWebSocketPings(t *testing.T) {
	for _, answers := range []bool{true, false} {
		t.Run(fmt.Sprintf("answers %v", answers), func(t *testing.T) {
			o := secureOptions(t)
			o.PingEvery = 300 * time.Millisecond
			h := &record{answer: echo}
			l := withBrowsers(t, o, h)
			p := open(t, l, WSS)
			p.says(ws.OpText, request("a", 0)) // whose response a ping may overtake
			for range 5 {
				f, err := ws.ReadFrame(p)
				if err != nil {
					if answers {
						t.Fatal(err)
					}
					wantOneClosed(t, h, h.flow(t, 0))
					if got := l.Counters().Dropped.Unanswered; got != 1 {
						t.Errorf("got %d flows closed for silence, want 1", got)
					}
					return
				}
				switch f.Header.OpCode {
				case ws.OpPing:
					if answers {
						p.says(ws.OpPong, "")
					}
				case ws.OpText:
				default:
					t.Fatalf("got %#x, want a ping", f.Header.OpCode)
				}
			}
			if !answers {
				t.Error("a page that answers no ping is still there")
			}
		})
	}
}

// What comes in one segment with the request for the WebSocket is read too.
func TestWebSocketEagerPage(t *testing.T) {
	h := &record{answer: echo}
	l := withBrowsers(t, secureOptions(t), h)
	c := dialTo(t, "tcp", on(l, WS))
	write(t, c, goodUpgrade+join(masked(ws.OpText, true, request("eager", 0))))
	h.count(t, 1)
}

// TestIPv6 speaks every transport over IPv6.
func TestIPv6(t *testing.T) {
	o := secureOptions(t)
	o.Addr = netip.IPv6Loopback()
	for _, port := range []*uint16{&o.Port, &o.TLSPort, &o.WSPort, &o.WSSPort} {
		*port = freePort(t)
	}
	h := &record{answer: echo}
	l := withBrowsers(t, o, h)
	echoed(t, dialTo(t, "tcp", on(l, TCP)), "tcp")
	echoed(t, overTLS(t, l, tls.VersionTLS13), "tls")
	for _, k := range []Kind{WS, WSS} {
		p := open(t, l, k)
		p.says(ws.OpText, request("web", 0))
		p.hears(ws.OpText, response("web"))
	}
	for i, k := range []Kind{TCP, TLS, WS, WSS} {
		if f := h.flow(t, i); f.Kind() != k || f.Local() != netip.MustParseAddrPort(on(l, k)) {
			t.Errorf("got a flow of kind %v at %v", f.Kind(), f.Local())
		}
	}
	eventually(t, "all are counted", func() bool {
		got := l.Counters()
		return got.TLS.In == 1 && got.WS.In == 1 && got.WSS.Out == 1
	})
}
