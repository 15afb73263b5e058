package lab

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// A Member is a phone of some make on some transport, which takes part in one
// call at a time.
type Member interface {
	Number() string
	Dials(number string) // begins a call
	Takes()              // answers the call that comes
	IsUp()               // waits until the other side has done its part of that
	Ends(first bool)     // hangs up, or sees the other one do it
}

// bare is a baresip as a Member.
type bare struct{ *Baresip }

func (b bare) Number() string      { return b.user }
func (b bare) Dials(number string) { b.tb.Helper(); b.Does("dial", "sip:"+number+"@"+Domain) }
func (b bare) Takes()              { b.tb.Helper(); b.Sees("CALL_INCOMING"); b.Does("accept", "") }
func (b bare) IsUp()               { b.tb.Helper(); b.Sees("CALL_ESTABLISHED") }

func (b bare) Ends(first bool) {
	b.tb.Helper()
	if first {
		b.Does("hangup", "")
	}
	b.Sees("CALL_CLOSED")
}

// A page is a telephone in a web page as a Member: a Deskphone over WebSocket
// with a session to offer.
type page struct {
	*Deskphone

	side   *Side
	called bool // by the other
}

// sdp is what a page offers and answers; it sends no sound.
const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0\r\n"

// StartPage connects and registers a page over "ws" or "wss". It believes whom the
// node tells it to.
func StartPage(tb testing.TB, n *Node, user, transport string) Member {
	tb.Helper()
	d := wire.Dialer{Local: house.Address(tb), Roots: rootsOf(tb, n), Origin: "https://phone.test"}
	conn, err := d.Dial(transport, netip.AddrPortFrom(n.Addr, wire.Port(transport)))
	if err != nil {
		tb.Fatal(err)
	}
	p := &Deskphone{tb: tb, user: user, transport: transport, conn: conn}
	tb.Cleanup(p.close)
	p.Registers()
	return &page{Deskphone: p}
}

func rootsOf(tb testing.TB, n *Node) *x509.CertPool {
	tb.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(n.Authority())) {
		tb.Fatal("the node tells no certificate")
	}
	return roots
}

// Number implements [Member].
func (p *page) Number() string { return p.user }

// Dials implements [Member].
func (p *page) Dials(number string) {
	p.tb.Helper()
	s := &Side{phone: p.Deskphone, cseq: 1, invite: p.request("INVITE", "sip:"+number+"@"+Domain, "call"+rand.Text(), 1)}
	s.local, s.remote, s.target = s.invite.Get("From"), s.invite.Get("To"), s.invite.URI()
	s.invite.Add("Content-Type", "application/sdp")
	s.invite.Body = sdp
	p.side, p.called = s, false
	p.good(p.send(s.invite))
}

// Takes implements [Member].
func (p *page) Takes() {
	p.tb.Helper()
	s, err := p.rings()
	p.good(err)
	ok := s.response(200, "OK")
	ok.Add("Content-Type", "application/sdp")
	ok.Body = sdp
	p.side, p.called = s, true
	p.good(p.send(ok))
}

// IsUp implements [Member].
func (p *page) IsUp() {
	p.tb.Helper()
	if p.called {
		_, err := p.side.sees("ACK")
		p.good(err)
		return
	}
	answer, err := p.side.answered()
	p.good(err)
	if answer.Status() != 200 {
		p.tb.Fatalf("%s calls: got %s", p.user, answer.Start)
	}
}

// Ends implements [Member].
func (p *page) Ends(first bool) {
	p.tb.Helper()
	if first {
		bye, err := p.side.hangsUp()
		p.good(err)
		p.good(p.side.farewell(bye))
		return
	}
	bye, err := p.side.sees("BYE")
	p.good(err)
	p.good(p.send(bye.Reply(200, "OK", "")))
}

func (p *page) good(err error) {
	p.tb.Helper()
	if err != nil {
		p.tb.Fatal(err)
	}
}

// silent is a phone that takes every call by itself, and lets the other hang up.
type silent string

func (s silent) Number() string { return string(s) }
func (silent) Dials(string)     {}
func (silent) Takes()           {}
func (silent) IsUp()            {}
func (silent) Ends(bool)        {}

// Tunnel puts TLS under clients that have none: what comes to its port 5060 goes
// on over TLS to the node, and back. It returns where it listens.
func Tunnel(tb testing.TB, n *Node) netip.Addr {
	tb.Helper()
	at := house.Address(tb)
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, house.SIPPort)))
	if err != nil {
		tb.Fatal(err)
	}
	config := &tls.Config{RootCAs: rootsOf(tb, n), MinVersion: tls.VersionTLS12}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { tunnel(near, n, config) })
		}
	})
	tb.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return at
}

// tunnel carries one connection until either end closes.
func tunnel(near net.Conn, n *Node, config *tls.Config) {
	defer func() { _ = near.Close() }()
	far, err := tls.Dial("tcp", netip.AddrPortFrom(n.Addr, wire.Port("tls")).String(), config) //nolint:noctx // it ends with the node
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far) // either end is the end of both
		_ = near.Close()
	})
	_, _ = io.Copy(far, near)
	_ = far.Close()
	back.Wait()
}
