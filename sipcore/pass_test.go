package sipcore_test

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"carillon/store"
	"carillon/test/house/wire"
)

// townOf is a town of one node, whose site is another one.
func townOf(tb testing.TB, site store.Site) *station {
	tb.Helper()
	w := newTown(tb)
	c := w.view.Config()
	site.Name = "hq"
	c.Sites = []store.Site{site}
	w.view = store.NewView(c)
	return w.open("laurel", address())
}

// from is a stranger at another address than all the phones.
func (s *station) from(at, transport, user string) *phone {
	s.town.t.Helper()
	conn, err := wire.DialFrom(netip.MustParseAddr(at), transport, netip.AddrPortFrom(s.addr, 5060))
	if err != nil {
		s.town.t.Fatal(err)
	}
	s.town.t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: s.town.t, over: transport, user: user, tag: rand.Text(), conn: conn, at: s}
}

// as is a side of a call in another's hands: he has seen all that it sends.
func (s *side) as(p *phone) *side {
	other := *s
	other.phone = p
	return &other
}

// Symptom: who had seen the Record-Route of one call reached the callee for
// ever, without a password, from anywhere.
func TestTheRoutesOfACallAreNoPass(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel")
			alice, bob := w.nodes["laurel"].phoneOver(over, "alice", "a"), w.nodes["laurel"].phoneOver(over, "bob", "b")
			from, to := connect(alice, bob)
			thief := from.as(w.nodes["laurel"].from("127.9.9.9", over, "carol"))
			for _, tt := range []struct {
				name, method string
				change       func(*wire.Message)
				want         string
			}{
				{"a new call", "INVITE", func(m *wire.Message) { m.Set("To", "<sip:bob@"+domain+">") }, "407"},
				{"a new call to his number", "INVITE", func(m *wire.Message) {
					m.Start = "INVITE sip:bob@" + domain + " SIP/2.0"
					m.Set("To", "<sip:bob@"+domain+">")
				}, "407"},
				{"a new message", "MESSAGE", func(m *wire.Message) {
					m.Start = "MESSAGE sip:bob@" + domain + " SIP/2.0"
					m.Set("To", "<sip:bob@"+domain+">")
				}, "407"},
				{"tags of another call", "INVITE", func(m *wire.Message) {
					m.Set("From", "<sip:alice@"+domain+">;tag=x")
					m.Set("To", "<sip:bob@"+domain+">;tag=y")
				}, "481"},
				{"another Call-ID", "BYE", func(m *wire.Message) { m.Set("Call-ID", "another") }, "481"},
				{"inside the call", "BYE", func(*wire.Message) {}, "407"},
				{"with the callee's tag", "BYE", func(m *wire.Message) {
					f, to := m.Get("From"), m.Get("To")
					m.Set("From", to)
					m.Set("To", f)
				}, "407"},
			} {
				m := thief.inside(tt.method)
				tt.change(&m)
				thief.send(m)
				got := kind(receiveBut100(thief.phone))
				if tt.method == "INVITE" {
					thief.send(ackOf(m, m))
				}
				if got != tt.want {
					t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
				}
			}
			thief.within("ACK")
			bob.hearsNothing(50 * time.Millisecond)
			hangsUp(to, from)
		})
	}
}

func receiveBut100(p *phone) wire.Message {
	p.t.Helper()
	for {
		m, err := p.conn.Receive(patience)
		if err != nil {
			p.t.Fatal(err)
		}
		if kind(m) != "100" {
			return m
		}
	}
}

// A network that nothing allows is refused within a call too.
func TestInsideACallFromAnUnknownNetwork(t *testing.T) {
	n := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/16")}})
	alice, bob := n.phone("alice", "a"), n.phone("bob", "b")
	from, to := connect(alice, bob)
	thief := from.as(n.from("127.9.9.9", "tcp", "alice"))
	thief.within("BYE")
	thief.gets("403")
	thief.within("ACK")
	bob.hearsNothing(50 * time.Millisecond)
	hangsUp(from, to)
}

// A phone that opens a connection for each request is still itself; so is a
// caller without a registration whose network is trusted.
func TestAPartyOnAnotherConnection(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			n := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true})
			bob := n.phoneOver(over, "bob", "b")
			alice := n.from("127.0.3.3", "tcp", "alice")
			invite := alice.request("INVITE", "sip:bob@"+domain, "<sip:bob@"+domain+">", rand.Text())
			invite.Add("Contact", "<"+alice.contact()+">")
			alice.send(invite)
			rings := bob.gets("INVITE")
			answer := bob.replies(rings, 200)
			from, to := alice.calling(alice.gets("200")), bob.called(rings, answer)
			from.within("ACK")
			bob.gets("ACK")

			again := to.as(n.from("127.0.0.1", over, "bob"))
			again.within("INFO")
			alice.replies(alice.gets("INFO"), 200)
			again.gets("200")

			_ = alice.conn.Close()
			back := from.as(n.from("127.0.3.4", "tcp", "alice"))
			back.within("BYE")
			bob.replies(bob.gets("BYE"), 200)
			back.gets("200")
		})
	}
}

// A phone that has lost its connection and its address, and has registered nowhere
// yet, ends its call by its password; another's password ends nobody's.
func TestAPartyFromElsewhere(t *testing.T) {
	w := newTown(t, "laurel")
	n := w.nodes["laurel"]
	alice, bob := n.phone("alice", "a"), n.phone("bob", "b")
	from, _ := connect(alice, bob)

	for _, user := range []string{"carol", "alice"} {
		p := n.from("127.9.9.9", "tcp", user)
		bye := from.as(p).inside("BYE")
		p.send(bye)
		p.proves(bye, "Proxy-Authorization", p.gets("407").Get("Proxy-Authenticate"))
		if user == "alice" {
			bob.replies(bob.gets("BYE"), 200)
			p.gets("200")
			continue
		}
		p.gets("407")
		bob.hearsNothing(50 * time.Millisecond)
	}
}

// Symptom: a phone with a token of its own had its requests carried to any
// address on the net.
func TestAPhoneInACallIsNoRelay(t *testing.T) {
	w := newTown(t, "laurel")
	n := w.nodes["laurel"]
	alice, bob := n.phone("alice", "a"), n.phoneOver("udp", "bob", "b")
	from, _ := connect(alice, bob)
	third := n.from("127.0.4.4", "udp", "third")
	foreign := "<sip:" + third.conn.Local().String() + ";lr>"

	own := from.inside("MESSAGE")
	own.Start = "MESSAGE sip:" + third.conn.Local().String() + " SIP/2.0"
	own.Drop("Route")
	own.Add("Route", from.routes[0])
	alice.send(own)
	alice.gets("480")
	own.Set("Via", alice.via())
	own.Add("Route", foreign)
	alice.send(own)
	alice.gets("480")

	both := from.inside("INFO")
	both.Add("Route", foreign)
	alice.send(both)
	got := bob.gets("INFO")
	isClean(t, got)
	bob.replies(got, 200)
	alice.gets("200")

	// Bob is where he was, although he is registered no more.
	bye := bob.request("REGISTER", "sip:"+domain, "<sip:bob@"+domain+">", rand.Text())
	bye.Add("Contact", "*")
	bye.Add("Expires", "0")
	bob.send(bye)
	bob.proves(bye, "Authorization", bob.gets("401").Get("WWW-Authenticate"))
	bob.gets("200")
	from.target = "sip:" + third.conn.Local().String()
	from.within("BYE")
	bob.replies(bob.gets("BYE"), 200)
	alice.gets("200")
	third.hearsNothing(50 * time.Millisecond)
}

// With the flow lost and nothing registered nobody is left.
func TestTheRequestURIOfAPhoneThatIsGoneIsNotDialled(t *testing.T) {
	w := newTown(t, "laurel")
	n := w.nodes["laurel"]
	alice, bob := n.phone("alice", "a"), n.phone("bob", "b")
	from, _ := connect(alice, bob)
	third := n.from("127.0.4.4", "udp", "third")
	if err := n.bindings.Update("bob", nobodyLeft); err != nil {
		t.Fatal(err)
	}
	_ = bob.conn.Close()
	from.target = "sip:" + third.conn.Local().String()
	for range 2 { // the first may be on its way when the connection closes
		from.within("BYE")
		alice.gets("480")
	}
	third.hearsNothing(50 * time.Millisecond)
}
