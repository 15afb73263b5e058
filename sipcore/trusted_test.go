package sipcore_test

import (
	"net/netip"
	"testing"

	"carillon/store"
)

// TestTrustIsForCallsAndLamps: who may call without a password may watch without one,
// but what is said of a user is not believed of a datagram.
func TestTrustIsForCallsAndLamps(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true})
	alice := s.phoneOver("udp", "alice", "a")
	alice.send(alice.publish("bob", "away"))
	alice.gets("407")
	alice.send(alice.subscribe("dialog", "carol", "600"))
	alice.gets("200")
	alice.replies(alice.gets("NOTIFY"), 200)
}

// TestWhoCallsForHelpTransfersNobody: who is on the phone with those who help, and has
// shown nothing, has the carrier call nobody else.
func TestWhoCallsForHelpTransfersNobody(t *testing.T) {
	b := elsewhere(t)
	p := b.lg.from("127.9.9.9", "udp", "alice")
	p.cries("sip:112@" + domain)
	b.mons.replies(b.mons.gets("INVITE"), 200)
	from := p.calling(p.gets("200"))
	from.within("ACK")
	b.mons.gets("ACK")
	refer := from.inside("REFER")
	refer.Add("Refer-To", "<sip:+19005550123@"+domain+">")
	p.send(refer)
	p.gets("403")
}
