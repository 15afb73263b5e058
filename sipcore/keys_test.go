package sipcore_test

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/auth"
	"carillon/store"
	"carillon/test/house/wire"
)

// The key that a town begins with, which a node that is removed takes with it, and
// the one that comes after it.
func firstKey() store.Key  { return store.Key{7} }
func secondKey() store.Key { return store.Key{8} }

// changesKeys has a node hear of a removal: there is another key.
func (s *station) changesKeys() {
	view := s.store.View()
	c := view.Config()
	c.Keys = []store.Key{firstKey(), secondKey()}
	s.store.Publish(store.NewView(c).At(view.Index() + 1))
}

// TestCallsOutliveTheirKey: a call that runs when a node is removed goes on and
// ends as any other, also while one of its two nodes has not heard of that, and
// so does one that is made then.
func TestCallsOutliveTheirKey(t *testing.T) {
	for name, tt := range map[string]struct {
		hear         []string
		callerHangUp bool
	}{
		"all know, the caller hangs up":                 {[]string{"laurel", "hardy"}, true},
		"all know, the callee hangs up":                 {[]string{"laurel", "hardy"}, false},
		"the caller's node knows, the caller hangs up":  {[]string{"laurel"}, true},
		"the caller's node knows, the callee hangs up":  {[]string{"laurel"}, false},
		"the callee's node knows, the caller hangs up":  {[]string{"hardy"}, true},
		"the callee's node knows, the callee hangs up":  {[]string{"hardy"}, false},
		"nobody knows, for comparison: the callee does": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			from, to := connect(alice, bob)
			for _, node := range tt.hear {
				w.nodes[node].changesKeys()
			}
			by, other := from, to
			if !tt.callerHangUp {
				by, other = to, from
			}
			by.within("INVITE")
			other.replies(other.gets("INVITE"), 200)
			by.gets("200")
			by.within("ACK")
			other.gets("ACK")
			hangsUp(by, other)
			eventually(t, "no call is left", func() bool { return w.nodes["laurel"].calls.Count() == 0 })

			from, to = connect(alice, bob)
			by, other = from, to
			if !tt.callerHangUp {
				by, other = to, from
			}
			hangsUp(by, other)
		})
	}
}

// TestARemovedNodesKeyBeginsNothing: with the key that it had, nobody gets a
// request into a dialog that is none, as it could before, nor by a call that is over.
func TestARemovedNodesKeyBeginsNothing(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["hardy"].knows("alice", "laurel")
	w.nodes["laurel"].knows("bob", "hardy")
	forger := w.nodes["hardy"].stranger("udp", "carol")
	forged := func() wire.Message {
		callID := rand.Text()
		m := forger.request("INVITE", bob.contact(), "<sip:bob@"+domain+">;tag=made-up", callID)
		m.Add("Contact", "<"+forger.contact()+">")
		dialog := auth.DialogHash(callID, forger.tag)
		removed := auth.NewSealer(firstKey(), "removed")
		for _, side := range []auth.Token{
			{Kind: auth.RecordRoute, Remote: netip.MustParseAddrPort(forger.sentBy()), Dialog: dialog},
			{Kind: auth.RecordRoute, User: "bob", Device: "urn:x:b", Dialog: dialog},
		} {
			m.Add("Route", "<sip:"+removed.Seal(side)+"@"+w.nodes["hardy"].addr.String()+";lr>")
		}
		forger.send(m)
		return m
	}
	before := forged() // a node of the system can do this: the phones are its own
	bob.replies(bob.gets("INVITE"), 481)
	forger.send(ackOf(before, forger.gets("481")))
	bob.gets("ACK")

	from, to := connect(alice, bob)
	for _, node := range w.nodes {
		node.changesKeys()
	}
	refused := forged()
	forger.send(ackOf(refused, forger.gets("481")))
	hangsUp(to, from)
	to.within("INFO") // in the call that is over
	to.gets("481")
	bob.hearsNothing(100 * time.Millisecond)
}

// TestNoncesOfTheEarlierKeyAreStale: the phone has a right password and just tries
// again; it need not ask its owner.
func TestNoncesOfTheEarlierKeyAreStale(t *testing.T) {
	w := newTown(t, "laurel")
	alice := w.nodes["laurel"].stranger("tcp", "alice")
	m := alice.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", rand.Text())
	m.Add("Contact", "<"+alice.contact()+">")
	alice.send(m)
	first := alice.gets("401").Get("WWW-Authenticate")
	w.nodes["laurel"].changesKeys()
	alice.proves(m.Clone(), "Authorization", first)
	again := alice.gets("401").Get("WWW-Authenticate")
	if strings.Contains(first, "stale") || !strings.Contains(again, "stale=true") {
		t.Errorf("got %s, then %s; want that the second is stale=true", first, again)
	}
	alice.proves(m, "Authorization", again)
	alice.gets("200")
}
