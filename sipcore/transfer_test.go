package sipcore_test

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// TestTransfers while the site goes on alone: who is transferred calls whom he is
// told, in place of who transfers him if that is attended, and tells how it went.
func TestTransfers(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to string // who is transferred, and to whom
		attended bool
	}{
		{"a phone to a phone", "bob", "carol", false},
		{"a phone to a phone, attended", "bob", "carol", true},
		{"a phone to the operator, by a number that nobody has", "bob", "299", false},
		{"a phone to a carrier", "bob", "+442071838750", false},
		{"a carrier's caller to a phone", "carrier", "bob", false},
		{"a carrier's caller to a phone, attended", "carrier", "bob", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, nil)
			alice, bob, carol := b.lg.phone("alice", "a"), b.lg.phone("bob", "b"), b.lg.phone("carol", "c")
			b.goesAlone(refused)
			who := map[string]*phone{"bob": bob, "carol": carol, "299": carol, "carrier": b.mons, "+442071838750": b.mons}
			out, target := who[tt.from], who[tt.to]

			var near, far *side // alice and who is transferred
			if out == b.mons {
				alice.invites("+3221110000")
				near, far, _ = b.mons.takes(alice)
			} else {
				near, far = connect(alice, bob)
			}
			refersTo := "sip:" + tt.to + "@" + domain
			var second, replaced *side
			if tt.attended {
				second, replaced = connect(alice, target)
				refersTo += "?Replaces=" + url.QueryEscape(second.callID+";to-tag="+wire.Param(second.remote, "tag")+";from-tag="+wire.Param(second.local, "tag"))
			}
			refer := near.inside("REFER")
			refer.Add("Refer-To", "<"+refersTo+">")
			near.send(refer)
			asked := out.gets("REFER")
			if got := asked.Get("Refer-To"); got != "<"+refersTo+">" {
				t.Errorf("it is referred to %s, want %s", got, refersTo)
			}
			out.replies(asked, 202)
			alice.gets("202")

			out.follows(refersTo)
			invite := target.gets("INVITE")
			if has := strings.Contains(invite.Get("Replaces"), "to-tag="); has != tt.attended {
				t.Errorf("Replaces: got %q", invite.Get("Replaces"))
			}
			answer := target.replies(invite, 200)
			caller, callee := out.calling(out.gets("200")), target.called(invite, answer)
			caller.within("ACK")
			target.gets("ACK")

			far.within("NOTIFY")
			alice.replies(alice.gets("NOTIFY"), 200)
			out.gets("200")
			if tt.attended {
				hangsUp(replaced, second)
			}
			hangsUp(near, far)
			hangsUp(callee, caller)
			eventually(t, "no call is left", func() bool { return b.lg.calls.Count() == 0 })
		})
	}
}

// follows calls whom a Refer-To names: a phone by its user part, and a carrier at
// the node.
func (p *phone) follows(refersTo string) {
	p.t.Helper()
	uri, header, _ := strings.Cut(refersTo, "?Replaces=")
	if p.user == "mons" {
		uri = strings.Replace(uri, domain, p.at.addr.String(), 1)
	}
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	if header != "" {
		replaces, err := url.QueryUnescape(header)
		if err != nil {
			p.t.Fatal(err)
		}
		m.Add("Replaces", replaces)
	}
	p.send(m)
}

// TestNobodyTakesOverACallByItsLamp: a lamp tells what a call is called, and that lets
// in nobody who has nothing to do with it.
func TestNobodyTakesOverACallByItsLamp(t *testing.T) {
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			w, alice, bob, carol, _, rings := aRingingCall(t, at.nodes)
			answer := bob.replies(rings, 200)
			from, to := alice.calling(alice.gets("200")), bob.called(rings, answer)
			from.within("ACK")
			bob.gets("ACK")
			w.lit("alice", "bob")
			d := carol.readsLamp().Dialogs[0]
			for _, user := range []string{"bob", "alice"} {
				wants := carol.invitesWith(user, "Referred-By", "<sip:alice@"+domain+">",
					"Replaces", fmt.Sprintf("%s;to-tag=%s;from-tag=%s", d.CallID, d.Local, d.Remote))
				carol.send(ackOf(wants, carol.gets("403")))
			}
			alice.hearsNothing(20 * time.Millisecond)
			bob.hearsNothing(20 * time.Millisecond)
			hangsUp(from, to)
			w.noCallIsLeft()
		})
	}
}

// TestPhonesDecideAboutTransfers: what takes the place of a call that rings, when who
// sends it is transferred, or of one that this node does not know, goes to the phone.
func TestPhonesDecideAboutTransfers(t *testing.T) {
	w, alice, bob, carol, mine, rings := aRingingCall(t, places[0].nodes, "Supported", "timer, replaces")
	for _, fields := range [][]string{
		{"Replaces", fmt.Sprintf("%s;to-tag=%s;from-tag=%s", mine.Get("Call-ID"), bob.tag, alice.tag), "Referred-By", "<sip:alice@" + domain + ">"},
		{"Replaces", "before;to-tag=1;from-tag=2"},
	} {
		wants := carol.invitesWith("bob", fields...)
		invite := bob.gets("INVITE")
		if got := invite.Get("Replaces"); got != fields[1] {
			t.Errorf("Replaces: got %q, want %q", got, fields[1])
		}
		bob.replies(invite, 481)
		bob.gets("ACK")
		carol.send(ackOf(wants, carol.gets("481")))
	}
	alice.send(cancelOf(mine))
	alice.gets("200")
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	bob.gets("ACK")
	alice.send(ackOf(mine, alice.gets("487")))
	w.noCallIsLeft()
}
