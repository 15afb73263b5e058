package sipcore_test

import (
	"crypto/rand"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carillon/store"
	"carillon/test/house/wire"
)

// farTown has a main that knows all, a branch hardy and another one, laurel, that
// knows of phones of hardy only where they are.
func farTown(t *testing.T) (w *town, laurel, hardy, main *station) {
	t.Helper()
	w = newTown(t)
	c := w.view.Config()
	c.Sites = []store.Site{
		{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/9")}},
		{Name: "mons", Networks: []netip.Prefix{netip.MustParsePrefix("127.128.0.0/9")}},
	}
	w.view = store.NewView(c)
	laurel, hardy, main = w.open("laurel", address()), w.open("hardy", address()), w.open("main", address())
	w.mu.Lock()
	laurel.relays, laurel.far = []string{"main"}, true
	w.mu.Unlock()
	return w, laurel, hardy, main
}

// openBob registers a phone that hears not its node alone, over UDP.
func (s *station) openBob() *phone {
	s.town.t.Helper()
	p := s.openStranger()
	p.device = "b"
	p.registers()
	return p
}

func (s *station) openStranger() *phone {
	s.town.t.Helper()
	conn, err := wire.Open(netip.MustParseAddr("127.0.0.1"), netip.AddrPortFrom(s.addr, 5060))
	if err != nil {
		s.town.t.Fatal(err)
	}
	s.town.t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: s.town.t, over: "udp", user: "bob", tag: rand.Text(), conn: conn, at: s}
}

// A phone whose node is dead is reached at its Contact: by a node that knows it, or
// through a main. The call is one like any other, from its ACK to its end.
func TestAPhoneOfADeadNodeIsReached(t *testing.T) {
	for _, tt := range []struct {
		name, caller string
		line         line // to hardy, from all
	}{
		{"a branch asks a main; nobody listens", "laurel", refused},
		{"a branch asks a main; nothing comes back", "laurel", hanging},
		{"a branch asks a main; the node hangs", "laurel", mute},
		{"a main does it itself", "main", refused},
		{"a main does it itself; the node hangs", "main", mute},
	} {
		for _, hangUp := range []string{"the caller", "the callee"} {
			t.Run(tt.name+"; "+hangUp+" hangs up", func(t *testing.T) {
				w, laurel, hardy, main := farTown(t)
				alice, bob := w.nodes[tt.caller].phone("alice", "a"), hardy.openBob()
				laurel.knows("bob", "hardy")
				main.knows("bob", "hardy")
				hardy.stop()
				w.toHardy("laurel", tt.line)
				w.toHardy("main", tt.line)

				alice.invites("bob")
				invite := bob.gets("INVITE")
				isClean(t, invite)
				if got := invite.URI(); got != bob.contact() {
					t.Errorf("Request-URI: got %s, want %s", got, bob.contact())
				}
				bob.replies(invite, 180)
				alice.gets("180")
				answer := bob.replies(invite, 200)
				from, to := alice.calling(alice.gets("200")), bob.called(invite, answer)
				from.within("ACK")
				bob.gets("ACK")
				for _, s := range []*side{from, to} {
					other := map[*side]*side{from: to, to: from}[s]
					s.within("INVITE")
					other.replies(other.gets("INVITE"), 200)
					s.gets("200")
					s.within("ACK")
					other.gets("ACK")
				}
				if hangUp == "the caller" {
					hangsUp(from, to)
				} else {
					hangsUp(to, from)
				}
				eventually(t, "no call is left", func() bool { return w.nodes[tt.caller].calls.Count() == 0 })
			})
		}
	}
}

// A phone of a dead node that registered over TCP is dialled if it listens.
func TestAListeningPhoneOfADeadNodeIsDialled(t *testing.T) {
	w, laurel, hardy, main := farTown(t)
	at := listenLow(t)
	alice, bob := laurel.phone("alice", "a"), hardy.stranger("tcp", "bob")
	bob.device, bob.listen = "b", at.Addr().String()
	bob.registers()
	laurel.knows("bob", "hardy")
	main.knows("bob", "hardy")
	hardy.stop()
	w.toHardy("laurel", refused)
	w.toHardy("main", refused)
	alice.invites("bob")
	if invite := refusesOne(t, at); invite.URI() != bob.contact() {
		t.Errorf("Request-URI: got %s, want %s", invite.URI(), bob.contact())
	}
	alice.gets("486")
}

// listenLow listens at a port that no kernel gives away.
func listenLow(t *testing.T) net.Listener {
	t.Helper()
	for port := uint16(20000); port < 21000; port++ {
		l, err := net.Listen("tcp", netip.AddrPortFrom(address(), port).String())
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
			return l
		}
	}
	t.Fatal("no port below 21000")
	return nil
}

// A phone that its node alone can reach is not asked past it: nothing may come to
// who has its address by chance.
func TestAPhoneThatOnlyItsNodeReaches(t *testing.T) {
	var stranger sink
	here, there := address().As4(), address().As4()
	there[1] |= 128 // of another site
	at := stranger.hears(t, "udp", netip.AddrPortFrom(netip.AddrFrom4(here), 20070).String())
	far := stranger.hears(t, "tcp", netip.AddrPortFrom(netip.AddrFrom4(there), 20070).String())
	for _, tt := range []struct {
		name, over string
		change     func(*phone)
	}{
		{"on its own connection", "tcp", func(*phone) {}},
		{"with outbound", "udp", func(p *phone) { p.regID = 1 }},
		{"behind a NAT", "udp", func(p *phone) { p.listen = at }},
		{"in a network that is not its site's", "tcp", func(p *phone) { p.listen = far }},
		{"under a name", "udp", func(p *phone) { p.listen = "localhost:20070" }},
		{"a browser", "ws", func(*phone) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, laurel, hardy, main := farTown(t)
			alice, bob := laurel.phone("alice", "a"), hardy.stranger(tt.over, "bob")
			if tt.over == "udp" {
				bob = hardy.openStranger()
			}
			bob.device = "b"
			tt.change(bob)
			bob.registers()
			laurel.knows("bob", "hardy")
			main.knows("bob", "hardy")
			hardy.stop()
			w.toHardy("laurel", refused)
			w.toHardy("main", refused)
			alice.invites("bob")
			alice.gets("480")
			if m, err := bob.conn.Receive(50 * time.Millisecond); err == nil {
				t.Errorf("the phone gets %s", m)
			}
			if stranger.heard.Load() {
				t.Error("somebody else gets the call")
			}
		})
	}
}

// A sink notes that something came.
type sink struct{ heard atomic.Bool }

// hears listens at an address.
func (s *sink) hears(t *testing.T, network, addr string) string {
	t.Helper()
	if network == "udp" {
		conn, err := net.ListenPacket("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			_, _, err := conn.ReadFrom(make([]byte, 1))
			if err == nil {
				s.heard.Store(true)
			}
		}()
		return addr
	}
	l := listen(t, addr)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			s.heard.Store(true)
			_ = conn.Close()
		}
	}()
	return addr
}

// A node that is there and says that the phone is not is believed.
func TestAPhoneWhoseNodeDoesNotReachItIsNotAskedPastIt(t *testing.T) {
	w, _, hardy, main := farTown(t)
	alice, bob := main.phone("alice", "a"), hardy.openBob()
	main.knows("bob", "hardy")
	w.mu.Lock()
	main.deaf = true
	w.mu.Unlock()
	if err := hardy.bindings.Update("bob", nobodyLeft); err != nil {
		t.Fatal(err)
	}
	alice.invites("bob")
	alice.gets("480")
	bob.hearsNothing(50 * time.Millisecond)
}

// Where the phone is not heard at its Contact either, a main is asked: it may reach
// the node. The phone rings once.
func TestAContactThatSaysNothingBeforeAMainIsAsked(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "main")
	laurel, hardy := w.nodes["laurel"], w.nodes["hardy"]
	laurel.relays = []string{"main"}
	alice, bob := laurel.phone("alice", "a"), hardy.openBob()
	laurel.knows("bob", "hardy")
	w.toHardy("laurel", refused)
	alice.invites("bob")
	first := bob.gets("INVITE") // at his Contact
	invite := bob.gets("INVITE")
	for invite.Get("Via") == first.Get("Via") {
		invite = bob.gets("INVITE")
	}
	if !strings.Contains(invite.Get("Via"), hardy.addr.String()) {
		t.Errorf("Via of the second: got %s, want %s, his node", invite.Get("Via"), hardy.addr)
	}
	bob.replies(invite, 486)
	bob.gets("ACK")
	alice.gets("486")
	bob.hearsNothing(50 * time.Millisecond)
}

// A caller who gives up while the phone is asked past its node is obeyed.
func TestCancelPastADeadNode(t *testing.T) {
	w, laurel, hardy, main := farTown(t)
	alice, bob := laurel.phone("alice", "a"), hardy.openBob()
	laurel.knows("bob", "hardy")
	main.knows("bob", "hardy")
	hardy.stop()
	w.toHardy("laurel", refused)
	w.toHardy("main", refused)
	invite := alice.invites("bob")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	cancel := invite.Clone()
	cancel.Start = strings.Replace(cancel.Start, "INVITE", "CANCEL", 1)
	cancel.Set("CSeq", strings.Replace(cancel.Get("CSeq"), "INVITE", "CANCEL", 1))
	cancel.Drop("Content-Type")
	cancel.Body = ""
	alice.send(cancel)
	alice.gets("200")
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	alice.gets("487")
	bob.gets("ACK")
}

// Nobody answers: the caller hears of it in bounded time.
func TestADeadNodeAndADeadPhone(t *testing.T) {
	w, laurel, hardy, main := farTown(t)
	alice, bob := laurel.phone("alice", "a"), hardy.openBob()
	laurel.knows("bob", "hardy")
	main.knows("bob", "hardy")
	hardy.stop()
	w.toHardy("laurel", hanging)
	w.toHardy("main", hanging)
	began := time.Now()
	alice.invites("bob")
	bob.gets("INVITE") // and says nothing
	alice.gets("480")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the answer took %v, want about 7 s", took)
	}
}
