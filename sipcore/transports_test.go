package sipcore_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/transport"
	"carillon/test/house/wire"
	"carillon/test/tool"
)

// certify shows a certificate that nobody issued.
func certify(tb testing.TB) transport.Certify {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
}

func allTransports() []string { return []string{"udp", "tcp", "tls", "ws", "wss"} }

// TestEveryPairOfTransports: phones call each other over whatever each of them
// has, at one node and at two, and either hangs up.
func TestEveryPairOfTransports(t *testing.T) {
	for _, far := range []string{"laurel", "hardy"} {
		for _, a := range allTransports() {
			for _, b := range allTransports() {
				t.Run(a+" calls "+b+" at "+far, func(t *testing.T) {
					w := newTown(t, "laurel", "hardy")
					alice, bob := w.nodes["laurel"].phoneOver(a, "alice", "a"), w.nodes[far].phoneOver(b, "bob", "b")
					w.nodes["laurel"].knows("bob", far)
					for _, first := range []string{"caller", "callee"} {
						from, to := connect(alice, bob)
						sayTheirSides(t, from, to)
						if first == "caller" {
							hangsUp(from, to)
						} else {
							hangsUp(to, from)
						}
					}
				})
			}
		}
	}
}

// sayTheirSides checks that each phone has two hops, and that the one it goes to
// first is where it is connected (RFC 5658).
func sayTheirSides(t *testing.T, sides ...*side) {
	t.Helper()
	for _, s := range sides {
		if len(s.routes) != 2 {
			t.Fatalf("%s has the routes %q, want two", s.user, s.routes)
		}
		hop := s.routes[0]
		at := fmt.Sprintf("@%s:%d", s.at.addr, wire.Port(s.over))
		param := ";transport=" + s.over + ";lr>"
		if s.over == "udp" {
			param = ";lr>"
		}
		if !strings.HasPrefix(hop, "<sip:") || !strings.HasSuffix(hop, at+param) {
			t.Errorf("%s over %s goes to %s, want ...%s%s", s.user, s.over, hop, at, param)
		}
	}
}

// What we send says how it travels: the transport and port of the flow.
func TestViaOfEveryTransport(t *testing.T) {
	for _, over := range allTransports() {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].phoneOver(over, "bob", "b")
			alice.invites("bob")
			invite := bob.gets("INVITE")
			want := fmt.Sprintf("SIP/2.0/%s %s:%d;", strings.ToUpper(over), bob.at.addr, wire.Port(over))
			if via := invite.Get("Via"); !strings.HasPrefix(via, want) {
				t.Errorf("got Via %s, want %s...", via, want)
			}
			if got := invite.URI(); got != bob.contact() {
				t.Errorf("got Request-URI %s, want the Contact, %s", got, bob.contact())
			}
			bob.replies(invite, 486)
			bob.gets("ACK")
			alice.gets("486")
		})
	}
}

// A browser that is gone is not looked for: its Contact is nowhere.
func TestBrowserGone(t *testing.T) {
	for _, over := range []string{"ws", "wss"} {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].phoneOver(over, "bob", "b")
			_ = bob.conn.Close()
			eventually(t, "the node notices", func() bool {
				b := w.nodes["laurel"].bindings.Of("bob")
				return len(b) == 1 && b[0].Flow == 0
			})
			began := tool.Start(t)
			alice.invites("bob")
			alice.gets("480")
			if took := began.Took(); took > 1400*time.Millisecond {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A phone on TLS that has lost its connection is called back over TLS.
func TestPhoneIsDialledOverTLS(t *testing.T) {
	w := newTown(t, "laurel")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].stranger("tls", "bob")
	bob.device, bob.listen = "b", listensOverTLS(t)
	bob.registers()
	_ = bob.conn.Close()
	eventually(t, "the node notices", func() bool {
		b := w.nodes["laurel"].bindings.Of("bob")
		return len(b) == 1 && b[0].Flow == 0
	})
	alice.invites("bob")
	alice.gets("486")
}

// listensOverTLS is a phone that accepts one connection and is busy.
func listensOverTLS(t *testing.T) string {
	t.Helper()
	certificate := certify(t)
	ln, err := tls.Listen("tcp", address().String()+":5061", &tls.Config{GetCertificate: certificate})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-done })
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		invite, err := wire.Read(bufio.NewReader(nc))
		if err != nil {
			t.Errorf("the phone reads: %v", err)
			return
		}
		if !strings.HasPrefix(invite.Get("Via"), "SIP/2.0/TLS ") {
			t.Errorf("got Via %s", invite.Get("Via"))
		}
		_, _ = nc.Write([]byte(invite.Reply(486, "Busy", "t").String()))
		_, _ = wire.Read(bufio.NewReader(nc)) // the ACK
	}()
	return ln.Addr().String()
}

// TestSips: what asks for encryption on every hop gets it, or is refused with
// words; and neither side reads another scheme than its own.
func TestSips(t *testing.T) {
	for _, far := range []string{"laurel", "hardy"} {
		for _, tt := range []struct {
			from, to string
			rings    bool
		}{
			{"tls", "tls", true},
			{"tls", "wss", true},
			{"wss", "tls", true},
			{"tls", "udp", false},
			{"tls", "tcp", false},
			{"tls", "ws", false},
			{"tcp", "tcp", false},
		} {
			t.Run(tt.from+" to "+tt.to+" at "+far, func(t *testing.T) {
				w := newTown(t, "laurel", "hardy")
				alice, bob := w.nodes["laurel"].phoneOver(tt.from, "alice", "a"), w.nodes[far].phoneOver(tt.to, "bob", "b")
				w.nodes["laurel"].knows("bob", far)
				invite := alice.request("INVITE", "sips:bob@"+domain, "<sips:bob@"+domain+">", rand.Text())
				invite.Add("Contact", "<sips:alice@"+alice.sentBy()+">")
				alice.send(invite)
				if !tt.rings {
					no := alice.gets("480")
					if warning := no.Get("Warning"); far == "laurel" && !strings.HasPrefix(warning, "380 laurel ") {
						t.Errorf("got the warning %q", warning)
					}
					alice.send(ackOf(invite, no))
					bob.hearsNothing(50 * time.Millisecond)
					return
				}
				got := bob.gets("INVITE")
				answer := bob.replies(got, 200)
				from, to := alice.calling(alice.gets("200")), bob.called(got, answer)
				if !strings.HasPrefix(from.routes[0], "<sips:") || strings.Contains(from.routes[0], "transport=tls") {
					t.Errorf("the caller goes to %s, want a sips URI", from.routes[0])
				}
				if !strings.HasPrefix(to.routes[0], "<sip:") || to.routes[1] != from.routes[0] {
					t.Errorf("the callee goes to %q, want its own scheme first", to.routes)
				}
				from.within("ACK")
				bob.gets("ACK")
				hangsUp(to, from)
			})
		}
	}
}

// A phone that goes over to UDP in a call that was to be encrypted hears no more
// of it.
func TestSipsStaysWithinTheDialog(t *testing.T) {
	w := newTown(t, "laurel")
	alice, bob := w.nodes["laurel"].phoneOver("tls", "alice", "a"), w.nodes["laurel"].phoneOver("tls", "bob", "b")
	invite := alice.request("INVITE", "sips:bob@"+domain, "<sips:bob@"+domain+">", rand.Text())
	invite.Add("Contact", "<sips:alice@"+alice.sentBy()+">")
	alice.send(invite)
	got := bob.gets("INVITE")
	bob.replies(got, 200)
	from := alice.calling(alice.gets("200"))
	from.within("ACK")
	bob.gets("ACK")
	old := bob.conn
	bob.over = "udp"
	bob.moves(w.nodes["laurel"])
	_ = old.Close()
	info := from.inside("INFO")
	alice.send(info)
	if no := alice.gets("480"); !strings.HasPrefix(no.Get("Warning"), "380 ") {
		t.Errorf("got the warning %q", no.Get("Warning"))
	}
	bob.hearsNothing(50 * time.Millisecond)
}

// A Contact that leads to one of our listeners, whichever, is refused.
func TestContactAtAnyOfOurPorts(t *testing.T) {
	w := newTown(t, "laurel")
	own := w.nodes["laurel"].addr.String()
	for i, contact := range []string{
		own, own + ":5061", own + ":5066;transport=tcp", own + ":7443", own + ";transport=tls",
	} {
		p := w.nodes["laurel"].stranger("tcp", "bob")
		p.device, p.cseq = strconv.Itoa(i), 100*i
		m := p.request("REGISTER", "sip:"+domain, "<sip:bob@"+domain+">", rand.Text())
		m.Add("Contact", "<sip:bob@"+contact+">")
		p.send(m)
		p.proves(m, "Authorization", p.gets("401").Get("WWW-Authenticate"))
		p.gets("403")
	}
}
