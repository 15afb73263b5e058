package sipcore_test

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// told is the journal of one node's calls: the others learn at once, in order.
type told struct{ s *station }

func (j told) Set(key string, value []byte) {
	w := j.s.town
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.nodes {
		site, _, _ := strings.Cut(key, "/")
		if other.name != j.s.name && (w.hears == nil || w.hears(other.name, site)) {
			_ = other.dialogs.Learn(j.s.name, key, slices.Clone(value))
		}
	}
}

func (j told) Delete(key string) { j.Set(key, nil) }

// invitesWith is invites with more header fields, in pairs of a name and a value.
func (p *phone) invitesWith(user string, fields ...string) wire.Message {
	p.t.Helper()
	uri := "sip:" + user + "@" + domain
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	m.Body = p.sdp()
	m.Add("Content-Type", "application/sdp")
	for i := 0; i < len(fields); i += 2 {
		m.Add(fields[i], fields[i+1])
	}
	p.send(m)
	return m
}

// isRinging waits until a node knows that phones of a user ring.
func (s *station) isRinging(user string) {
	s.town.t.Helper()
	eventually(s.town.t, s.name+" knows that "+user+" rings", func() bool {
		return slices.ContainsFunc(s.dialogs.Of(user), func(d live.Dialog) bool { return d.State == live.Early && d.Direction == live.Recipient })
	})
}

// lit waits until the lamps of all nodes show just these users, on the phone.
func (w *town) lit(users ...string) {
	w.t.Helper()
	for name, s := range w.nodes {
		eventually(w.t, fmt.Sprintf("%s shows %v on the phone: %v", name, users, s.dialogs.All()), func() bool {
			var got []string
			for _, d := range s.dialogs.All() {
				got = append(got, d.User+d.State.String())
			}
			var want []string
			for _, u := range users {
				want = append(want, u+"confirmed")
			}
			return fmt.Sprint(sorted(got)) == fmt.Sprint(sorted(want))
		})
	}
}

// noCallIsLeft checks that every node has forgotten all.
func (w *town) noCallIsLeft() {
	w.t.Helper()
	w.lit()
	for name, s := range w.nodes {
		eventually(w.t, "no call is left at "+name, func() bool { return s.calls.Count() == 0 })
	}
}

// stopsRinging wants the CANCEL that a phone gets whose call somebody else has taken.
func (p *phone) stopsRinging(invite wire.Message) {
	p.t.Helper()
	cancel := p.gets("CANCEL")
	if got := cancel.Get("Reason"); got != `SIP;cause=200;text="Call completed elsewhere"` {
		p.t.Errorf("Reason of the CANCEL: got %q", got)
	}
	p.replies(cancel, 200)
	p.replies(invite, 487)
	p.gets("ACK")
}

// document is what a phone reads in a NOTIFY of package dialog.
type document struct {
	Dialogs []struct {
		CallID string `xml:"call-id,attr"`
		Local  string `xml:"local-tag,attr"`
		Remote string `xml:"remote-tag,attr"`
		State  string `xml:"state"`
		Target struct {
			URI string `xml:"uri,attr"`
		} `xml:"local>target"`
	} `xml:"dialog"`
}

// readsLamp watches bob and returns what his lamp says of the call that rings.
func (p *phone) readsLamp() document {
	p.t.Helper()
	p.send(p.subscribe("dialog", "bob", "0"))
	p.gets("200")
	m := p.gets("NOTIFY")
	p.replies(m, 200)
	var doc document
	if err := xml.Unmarshal([]byte(m.Body), &doc); err != nil || len(doc.Dialogs) != 1 {
		p.t.Fatalf("the lamp says %s: %v", m.Body, err)
	}
	return doc
}

// places are where the caller, who rings and who picks up have their phones.
var places = []struct {
	name  string
	nodes [3]string
}{
	{"one node", [3]string{"laurel", "laurel", "laurel"}},
	{"three nodes", [3]string{"laurel", "hardy", "stan"}},
	{"who picks up is beside the caller", [3]string{"laurel", "hardy", "laurel"}},
	{"who picks up is beside who rings", [3]string{"laurel", "hardy", "hardy"}},
}

// aRingingCall lets alice call bob, whose phone rings; carol knows it.
func aRingingCall(t *testing.T, nodes [3]string, fields ...string) (w *town, alice, bob, carol *phone, mine, rings wire.Message) {
	t.Helper()
	w = newTown(t, slices.Compact(sorted(slices.Clone(nodes[:])))...)
	alice, bob, carol = w.nodes[nodes[0]].phone("alice", "a"), w.nodes[nodes[1]].phone("bob", "b"), w.nodes[nodes[2]].phone("carol", "c")
	for _, s := range w.nodes {
		s.knows("alice", nodes[0])
		s.knows("bob", nodes[1])
		s.knows("carol", nodes[2])
	}
	mine = alice.invitesWith("bob", fields...)
	rings = bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	carol.at.isRinging("bob")
	return w, alice, bob, carol, mine, rings
}

// TestPickupByReplacing: the caller's phone knows Replaces, and does it by itself.
func TestPickupByReplacing(t *testing.T) {
	for _, at := range places {
		for how, replaces := range map[string]string{
			"as RFC 3891 has it": "%[1]s;to-tag=%[2]s;from-tag=%[3]s", "early-only": "%[1]s;to-tag=%[2]s;from-tag=%[3]s;early-only",
			"swapped": "%[1]s;to-tag=%[3]s;from-tag=%[2]s", "loose": "%[1]s;to-tag=0;from-tag=%[3]s", "bare": "%[1]s", "by code": "",
		} {
			t.Run(at.name+", "+how, func(t *testing.T) {
				w, alice, bob, carol, mine, rings := aRingingCall(t, at.nodes, "Supported", "timer, replaces")
				if replaces == "" {
					carol.invites("**bob")
				} else {
					d := carol.readsLamp().Dialogs[0]
					uri, _, _ := strings.Cut(strings.TrimPrefix(d.Target.URI, "sip:"), "@")
					carol.invitesWith(uri, "Replaces", fmt.Sprintf(replaces, d.CallID, d.Local, d.Remote))
				}
				invite := alice.gets("INVITE")
				want := fmt.Sprintf("%s;to-tag=%s;from-tag=%s;early-only", mine.Get("Call-ID"), alice.tag, bob.tag)
				if got := invite.All("Replaces"); len(got) != 1 || got[0] != want || invite.Get("Require") != "replaces" {
					t.Errorf("Replaces: got %q, want %q; Require: %s", got, want, invite.Get("Require"))
				}
				isClean(t, invite)
				answer := alice.replies(invite, 200)
				from, to := carol.calling(carol.gets("200")), alice.called(invite, answer)
				from.within("ACK")
				alice.gets("ACK")
				bob.stopsRinging(rings)
				alice.send(ackOf(mine, alice.gets("487")))
				w.lit("alice", "carol")
				hangsUp(to, from)
				w.noCallIsLeft()
			})
		}
	}
}

// TestPickupByCallingBack: the caller's phone knows nothing of Replaces, or says it
// does and refuses. The call comes to the phone that picks up, to be answered at once.
func TestPickupByCallingBack(t *testing.T) {
	for _, at := range places {
		for _, supported := range []string{"timer", "replaces"} {
			t.Run(at.name+", "+supported, func(t *testing.T) {
				w, alice, bob, carol, mine, rings := aRingingCall(t, at.nodes, "Supported", supported)
				wants := carol.invites("**bob")
				if supported == "replaces" {
					alice.replies(alice.gets("INVITE"), 481)
					alice.gets("ACK")
				}
				carol.send(ackOf(wants, carol.gets("487")))
				invite := carol.gets("INVITE")
				if invite.Get("Call-ID") != mine.Get("Call-ID") || invite.Get("Answer-Mode") != "Auto" ||
					!strings.HasSuffix(invite.Get("Call-Info"), ";answer-after=0") || !strings.Contains(invite.Get("Alert-Info"), "info=alert-autoanswer") {
					t.Errorf("carol is to answer:\n%s", invite)
				}
				answer := carol.replies(invite, 200)
				ok := alice.gets("200")
				if got := ok.Get("P-Asserted-Identity"); got != "<sip:carol@"+domain+">" {
					t.Errorf("alice is told that it is %q", got)
				}
				from, to := alice.calling(ok), carol.called(invite, answer)
				from.within("ACK")
				carol.gets("ACK")
				bob.stopsRinging(rings)
				w.lit("alice", "carol")
				hangsUp(to, from)
				w.noCallIsLeft()
			})
		}
	}
}

// TestPickupThatComesToNothing: who wanted the call does not get it, and it rings on.
func TestPickupThatComesToNothing(t *testing.T) {
	for _, at := range places[:2] {
		t.Run(at.name, func(t *testing.T) {
			w, alice, bob, carol, _, rings := aRingingCall(t, at.nodes)
			wants := carol.invites("**bob")
			carol.send(ackOf(wants, carol.gets("487")))
			carol.replies(carol.gets("INVITE"), 603) // not at her desk any more
			carol.gets("ACK")
			again := carol.invites("**bob") // another may pick it up
			carol.send(ackOf(again, carol.gets("487")))
			carol.replies(carol.gets("INVITE"), 486)
			carol.gets("ACK")
			answer := bob.replies(rings, 200)
			from, to := alice.calling(alice.gets("200")), bob.called(rings, answer)
			from.within("ACK")
			bob.gets("ACK")
			w.lit("alice", "bob")
			late := carol.invitesWith("bob", "Replaces", rings.Get("Call-ID")+";early-only")
			carol.send(ackOf(late, carol.gets("486")))
			late = carol.invites("**bob")
			carol.send(ackOf(late, carol.gets("404")))
			hangsUp(from, to)
			w.noCallIsLeft()
			late = carol.invitesWith("bob", "Replaces", rings.Get("Call-ID")+";to-tag=1;from-tag=2;early-only")
			carol.send(ackOf(late, carol.gets("481")))
		})
	}
}

// TestWhoPicksUpHangsUpFirst: the caller's phone has not answered yet.
func TestWhoPicksUpHangsUpFirst(t *testing.T) {
	for _, at := range places[:2] {
		t.Run(at.name, func(t *testing.T) {
			w, alice, bob, carol, mine, rings := aRingingCall(t, at.nodes, "Supported", "replaces")
			wants := carol.invites("**bob")
			asked := alice.gets("INVITE")
			alice.replies(asked, 180)
			carol.gets("180")
			carol.send(cancelOf(wants))
			carol.gets("200")
			alice.replies(alice.gets("CANCEL"), 200)
			alice.replies(asked, 487)
			alice.gets("ACK")
			carol.send(ackOf(wants, carol.gets("487")))
			bob.hearsNothing(20 * time.Millisecond)
			alice.send(cancelOf(mine))
			alice.gets("200")
			cancel := bob.gets("CANCEL")
			if cancel.Has("Reason") {
				t.Errorf("nobody has it, and bob is told %s", cancel.Get("Reason"))
			}
			bob.replies(cancel, 200)
			bob.replies(rings, 487)
			bob.gets("ACK")
			alice.send(ackOf(mine, alice.gets("487")))
			w.noCallIsLeft()
		})
	}
}

func cancelOf(invite wire.Message) wire.Message {
	m := invite.Clone()
	m.Start = strings.Replace(m.Start, "INVITE", "CANCEL", 1)
	m.Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "CANCEL", 1))
	for _, name := range []string{"Content-Type", "Contact", "Supported", "Replaces"} {
		m.Drop(name)
	}
	m.Body = ""
	return m
}
