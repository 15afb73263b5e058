package sipcore_test

import (
	"crypto/rand"
	"testing"

	"carillon/test/house/wire"
)

// invite is an INVITE to bob's tel URI or another, from whom it says.
func (p *phone) invite(uri, from string) wire.Message {
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Set("From", "<"+from+">;tag="+p.tag)
	m.Add("Contact", "<"+p.contact()+">")
	return m
}

const nameless = "sip:Anonymous@ANONYMOUS.invalid"

// RFC 3966 section 3: hyphens, dots and brackets are for the eye.
func TestTelURIs(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	alice, bob := laurel.phone("alice", "a"), laurel.phone("bob", "b")
	for _, tt := range []struct{ uri, from string }{
		{"tel:b-o.b", "sip:alice@" + domain},
		{"TEL:(b)ob;phone-context=" + domain, "tel:ali-ce"},
		{"sip:bob@" + domain, "Tel:alice;phone-context=" + domain},
	} {
		alice.send(alice.invite(tt.uri, tt.from))
		bob.replies(bob.gets("INVITE"), 486)
		bob.gets("ACK")
		alice.gets("486")
	}
	m := alice.invite("tel:bob", "tel:carol")
	alice.send(m)
	alice.gets("403")
}

// RFC 3323: who does not say his name is known by his connection.
func TestACallerWithoutAName(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	alice, bob := laurel.phone("alice", "a"), laurel.phone("bob", "b")
	alice.send(alice.invite("sip:bob@"+domain, nameless))
	rings := bob.gets("INVITE")
	if calls := laurel.calls.All(); len(calls) != 1 || calls[0].From != "alice" {
		t.Errorf("got calls %v, want one of alice", calls)
	}
	bob.replies(rings, 486)
	bob.gets("ACK")
	alice.gets("486")
}

// Over UDP, and where several share a connection, the password says who it is.
func TestACallerWithoutANameIsAskedForAPassword(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	bob := laurel.phone("bob", "b")
	shared := laurel.phone("alice", "a")
	shared.user, shared.device = "carol", "c"
	shared.registers()
	for _, p := range []*phone{laurel.phoneOver("udp", "alice", "u"), laurel.stranger("tcp", "alice"), shared} {
		m := p.invite("sip:bob@"+domain, nameless)
		p.send(m)
		p.isChallenged(m)
		rings := bob.gets("INVITE")
		if calls := laurel.calls.All(); len(calls) != 1 || calls[0].From != p.user {
			t.Errorf("got calls %v, want one of %s", calls, p.user)
		}
		bob.replies(rings, 486)
		bob.gets("ACK")
		p.send(ackOf(m, p.gets("486")))
	}
}
