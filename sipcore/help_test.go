package sipcore_test

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/store"
	"carillon/test/house/wire"
)

// cries has a phone call, without a password.
func (p *phone) cries(uri string) wire.Message {
	p.t.Helper()
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	p.send(m)
	return m
}

// isHelped checks that the carrier takes what p has called, that both can talk and
// that either can end it.
func (p *phone) isHelped(by *phone) {
	p.t.Helper()
	invite := by.gets("INVITE")
	if !strings.HasPrefix(invite.URI(), "sip:112@"+by.conn.Local().String()) {
		p.t.Errorf("the carrier is asked for %s", invite.URI())
	}
	answer := by.replies(invite, 200)
	from, to := p.calling(p.gets("200")), by.called(invite, answer)
	from.within("ACK")
	by.gets("ACK")
	hangsUp(from, to)
}

// elsewhere is a branch whose networks no phone of the test is in.
func elsewhere(t *testing.T) *branch {
	t.Helper()
	return newBranch(t, func(c *store.Config) {
		c.Sites[1].Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		c.Users[0].Roams = true
	})
}

// TestHelpFromElsewhere: whoever calls for help from a network that nobody knows is
// carried, however he writes it, and to nobody else.
func TestHelpFromElsewhere(t *testing.T) {
	b := elsewhere(t)
	for i, uri := range []string{"sip:112@" + domain, "sip:112@192.0.2.77", "tel:112", "urn:service:sos", "sip:9112@" + domain} {
		over := []string{"udp", "tcp"}[i%2]
		p := b.lg.from(netip.AddrFrom4([4]byte{127, 9, 9, byte(i + 1)}).String(), over, "alice")
		p.cries(uri)
		p.isHelped(b.mons)
		for _, other := range []string{"sip:+442071838750@" + domain, "sip:bob@" + domain, "sip:112@x@" + domain} {
			p.cries(other)
			m, err := p.conn.Receive(patience)
			if err != nil || m.Status() < 400 {
				t.Errorf("a call to %s: got %s, %v", other, m.Start, err)
			}
		}
	}
	b.mons.hearsNothing(50 * time.Millisecond)
	b.hq.hearsNothing(0)
}

// TestStrangersKeepNoServiceBusy: somebody of no network of ours calls for help some
// times, and then as one of our users or not at all.
func TestStrangersKeepNoServiceBusy(t *testing.T) {
	b := elsewhere(t)
	p := b.lg.from("127.9.9.9", "udp", "alice")
	asked := 0
	for i := 0; i < 20 && asked == 0; i++ {
		m := p.cries("sip:112@" + domain)
		if p.firstOf("407", b.mons, m) == "407" {
			asked = i
		}
	}
	if asked != 5 {
		t.Errorf("he is asked for a password when he has called %d times, want 5", asked)
	}
	p.invites("112") // with his password
	p.isHelped(b.mons)
	other := b.lg.from("127.9.9.8", "udp", "alice")
	other.cries("sip:112@" + domain)
	other.isHelped(b.mons)
}

// firstOf tells whether a call is refused, or reaches the carrier, who refuses it.
func (p *phone) firstOf(refusal string, carrier *phone, invite wire.Message) string {
	p.t.Helper()
	for {
		m, err := p.conn.Receive(20 * time.Millisecond)
		if err == nil && kind(m) == refusal {
			p.send(ackOf(invite, m))
			return refusal
		}
		out, err := carrier.conn.Receive(20 * time.Millisecond)
		if err != nil {
			continue
		}
		carrier.replies(out, 200)
		answer := p.gets("200")
		p.calling(answer).within("ACK")
		carrier.gets("ACK")
		return "200"
	}
}

// TestHelpFromABannedAddress: a call for help is heard from there, and what belongs to
// it; nothing else is, and no password is looked at.
func TestHelpFromABannedAddress(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			b := newBranch(t, func(c *store.Config) {
				c.Users = append(c.Users, user("9911", "mons")) // a desk, although it looks like a call for help
			})
			b.lg.bans.Put(netip.MustParseAddr("127.9.9.9"), time.Hour, 1, "wrong passwords", time.Now())
			b.lg.from("127.9.9.9", over, "alice").isHelpedBy(b.mons)

			for _, m := range []string{"REGISTER", "OPTIONS", "INVITE"} {
				p := b.lg.from("127.9.9.9", over, "alice")
				p.send(p.request(m, "sip:bob@"+domain, "<sip:bob@"+domain+">", rand.Text()))
				p.isNotHeard(m)
			}
			p := b.lg.from("127.9.9.9", over, "alice")
			m := p.cries("sip:9911@" + domain)
			challenge := p.gets("407")
			p.send(ackOf(m, challenge))
			p.proves(m, "Proxy-Authorization", challenge.Get("Proxy-Authenticate"))
			p.gets("500")
			if b.lg.Refusals().Banned == 0 {
				t.Error("nothing is counted as kept out")
			}
		})
	}
}

func (p *phone) isHelpedBy(carrier *phone) {
	p.t.Helper()
	p.cries("sip:112@" + domain)
	p.isHelped(carrier)
}

// isNotHeard checks that nothing is answered, and that a connection ends.
func (p *phone) isNotHeard(what string) {
	p.t.Helper()
	if p.over == "tcp" {
		if !p.conn.WaitClosed(patience) {
			p.t.Errorf("%s: his connection does not end", what)
		}
		return
	}
	if m, err := p.conn.Receive(100 * time.Millisecond); err == nil {
		p.t.Errorf("%s: he hears %s", what, m.Start)
	}
}

// TestWhoSendsTooMuchCallsForHelp: what floods a node from an address does not keep
// a call for help from there out.
func TestWhoSendsTooMuchCallsForHelp(t *testing.T) {
	b := elsewhere(t)
	p := b.lg.from("127.9.9.9", "udp", "alice")
	for range 100 {
		p.send(p.request("OPTIONS", "sip:"+domain, "<sip:"+domain+">", rand.Text()))
	}
	eventually(t, "he sends too much", func() bool { return b.lg.Refusals().TooFast > 0 })
	for {
		if _, err := p.conn.Receive(200 * time.Millisecond); err != nil {
			break
		}
	}
	p.isHelpedBy(b.mons)
}

// TestStopWhileSomebodyCallsForHelp: a node that is told to stop carries a call for
// help to its answer, those too that come meanwhile, and nothing else.
func TestStopWhileSomebodyCallsForHelp(t *testing.T) {
	b := newBranch(t, nil)
	alice, carol := b.lg.phone("alice", "a"), b.lg.phone("carol", "c")
	alice.cries("sip:112@" + domain)
	first := b.mons.gets("INVITE")
	b.mons.replies(first, 180)
	alice.gets("180")
	done := make(chan struct{})
	go func() { defer close(done); b.lg.stop() }()
	eventually(t, "the node begins to stop", func() bool {
		carol.send(carol.request("OPTIONS", "sip:"+domain, "<sip:"+domain+">", rand.Text()))
		m, err := carol.conn.Receive(patience)
		return err == nil && m.Status() == 503
	})
	carol.cries("sip:bob@" + domain)
	if got := carol.gets("503"); got.Get("Retry-After") == "" {
		t.Errorf("it is not said when to come back:\n%s", got)
	}
	carol.cries("sip:112@" + domain)
	second := b.mons.gets("INVITE")
	for _, call := range []struct {
		by     *phone
		invite wire.Message
	}{{carol, second}, {alice, first}} {
		select {
		case <-done:
			t.Fatal("the node has stopped")
		default:
		}
		b.mons.replies(call.invite, 200)
		call.by.calling(call.by.gets("200")).within("ACK")
		b.mons.gets("ACK")
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("the node does not stop")
	}
}
