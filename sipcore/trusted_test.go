package sipcore_test

import (
	"net/netip"
	"testing"

	"carillon/store"
)

// TestTrustIsForCalls: where calls need no password, presence needs one: what is said
// of a user, and who watches whom, is not believed of a datagram.
func TestTrustIsForCalls(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true})
	alice := s.phoneOver("udp", "alice", "a")
	alice.send(alice.publish("bob", "away"))
	alice.gets("407")
	alice.send(alice.subscribe("dialog", "carol", "600"))
	alice.gets("407")
}
