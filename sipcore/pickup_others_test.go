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

// TestACarriersCallIsPickedUp: the carrier is not asked to replace anything, whatever it
// says of itself, and hears nothing of who has answered but his answer.
func TestACarriersCallIsPickedUp(t *testing.T) {
	for _, byCode := range []bool{true, false} {
		for _, who := range []string{"a colleague at the desk's node", "one of the head office"} {
			t.Run(who, func(t *testing.T) {
				b := newBranch(t, nil)
				alice, picker := b.lg.phone("alice", "a"), (*phone)(nil)
				if who == "one of the head office" {
					picker = b.main.phone("bob", "b")
					b.lg.knows("bob", "main")
					b.main.knows("alice", "lg")
				} else {
					picker = b.lg.phone("carol", "c")
				}
				mine := b.mons.callsIn("+3265551201", "Supported", "replaces")
				rings := alice.gets("INVITE")
				alice.replies(rings, 180)
				b.mons.gets("180")
				picker.at.isRinging("alice")
				from, to := picker.isCalledBack(picker.wantsOf(alice, rings, byCode), b.mons, func(invite, ok wire.Message) {
					if invite.Get("Call-ID") != mine.Get("Call-ID") || invite.Has("P-Asserted-Identity") && !strings.Contains(invite.Get("P-Asserted-Identity"), "+3221110000") {
						t.Errorf("who picks up is called:\n%s", invite)
					}
					if ok.Has("P-Asserted-Identity") || strings.Contains(ok.Get("To"), picker.user) || strings.Contains(ok.Get("From"), picker.user) {
						t.Errorf("the carrier hears who it is:\n%s", ok)
					}
				})
				alice.stopsRinging(rings)
				b.lit(picker.user)
				hangsUp(from, to)
				b.noCallIsLeft()
			})
		}
	}
}

// callsIn is a carrier's INVITE for a number, with more header fields.
func (p *phone) callsIn(number string, fields ...string) wire.Message {
	p.t.Helper()
	uri := "sip:" + number + "@" + p.at.addr.String()
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Set("From", "<sip:+3221110000@carrier.test>;tag="+p.tag)
	m.Add("Contact", "<"+p.contact()+">")
	for i := 0; i < len(fields); i += 2 {
		m.Add(fields[i], fields[i+1])
	}
	p.send(m)
	return m
}

// wantsOf sends the INVITE of who picks up what rings at a desk.
func (p *phone) wantsOf(desk *phone, rings wire.Message, byCode bool) wire.Message {
	p.t.Helper()
	if byCode {
		return p.invites("**" + desk.user)
	}
	return p.invitesWith(desk.user, "Replaces", rings.Get("Call-ID")+";to-tag="+desk.tag+";from-tag="+wire.Param(rings.Get("From"), "tag"))
}

// isCalledBack has a phone take the call that comes to it after its INVITE has ended, and
// returns both sides; check sees what comes to each.
func (p *phone) isCalledBack(wants wire.Message, caller *phone, check func(invite, ok wire.Message)) (from, to *side) {
	p.t.Helper()
	p.send(ackOf(wants, p.gets("487")))
	invite := p.gets("INVITE")
	answer := p.replies(invite, 200)
	ok := caller.gets("200")
	check(invite, ok)
	from, to = caller.calling(ok), p.called(invite, answer)
	from.within("ACK")
	p.gets("ACK")
	return from, to
}

// TestACallOfWhoIsNotRegisteredIsPickedUp: he calls from a network that is trusted, and is
// reached where he calls from.
func TestACallOfWhoIsNotRegisteredIsPickedUp(t *testing.T) {
	for _, supported := range []string{"replaces", "timer"} {
		t.Run(supported, func(t *testing.T) {
			s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true})
			alice, bob, carol := s.stranger("tcp", "alice"), s.phone("bob", "b"), s.phone("carol", "c")
			mine := alice.invitesWith("bob", "Supported", supported)
			rings := bob.gets("INVITE")
			bob.replies(rings, 180)
			alice.gets("180")
			s.isRinging("bob")
			wants := carol.wantsOf(bob, rings, true)
			var from, to *side
			if supported == "replaces" {
				invite := alice.gets("INVITE")
				answer := alice.replies(invite, 200)
				from, to = carol.calling(carol.gets("200")), alice.called(invite, answer)
				from.within("ACK")
				alice.gets("ACK")
			} else {
				from, to = carol.isCalledBack(wants, alice, func(wire.Message, wire.Message) {})
			}
			bob.stopsRinging(rings)
			if supported == "replaces" {
				alice.send(ackOf(mine, alice.gets("487")))
			}
			hangsUp(to, from)
			s.town.noCallIsLeft()
		})
	}
}

// TestWhoPicksUpChangesHisMind at once: his CANCEL meets his INVITE on its way to the
// call. Whether it still comes to him or not, it rings on, and who is called has it.
// CARILLON_RACES=1000 has as many.
func TestWhoPicksUpChangesHisMind(t *testing.T) {
	for _, at := range places[:2] {
		t.Run(at.name, func(t *testing.T) {
			w, alice, bob, carol, _, rings := aRingingCall(t, at.nodes)
			came := 0
			for range races(t) {
				x := &wanter{phone: carol, wants: carol.invites("**bob")}
				if x.changesHisMind() {
					came++
				}
			}
			t.Logf("the call came all the same: %d", came)
			answer := bob.replies(rings, 200)
			from, to := alice.calling(alice.gets("200")), bob.called(rings, answer)
			from.within("ACK")
			bob.gets("ACK")
			w.lit("alice", "bob")
			hangsUp(from, to)
			w.noCallIsLeft()
			carol.hearsNothing(0)
		})
	}
}

// changesHisMind cancels what he wants, refuses the call if it comes all the same, and
// reports whether it did.
func (x *wanter) changesHisMind() (came bool) {
	x.t.Helper()
	x.send(cancelOf(x.wants))
	awaited, refused := map[string]bool{"INVITE": true, "CANCEL": true}, false // answers; and the ACK of his refusal
	for len(awaited) > 0 {
		m, err := x.conn.Receive(patience)
		if err != nil {
			x.t.Fatalf("%s waits for %v: %v", x.user, awaited, err)
		}
		_, method, _ := strings.Cut(m.Get("CSeq"), " ")
		switch {
		case m.Request() && method == "INVITE":
			x.replies(m, 486)
		case m.Request():
			refused = true
			delete(awaited, method)
		case m.Status() >= 200 && method == "INVITE":
			x.send(ackOf(x.wants, m))
			if came = strings.Contains(m.Start, "Picked Up"); came && !refused {
				awaited["ACK"] = true
			}
			if m.Status() != 487 {
				x.t.Fatalf("%s hears %s", x.user, m.Start)
			}
			delete(awaited, method)
		case m.Status() >= 200:
			delete(awaited, method)
		}
	}
	return came
}

// TestTheCallerHangsUpWhileHeIsPickedUp: his CANCEL meets the INVITE of who picks up.
// Everybody's phone is free then, and nobody's call was completed elsewhere.
// CARILLON_RACES=1000 has as many.
func TestTheCallerHangsUpWhileHeIsPickedUp(t *testing.T) {
	for _, at := range places[:2] {
		for _, supported := range []string{"replaces", "timer"} {
			t.Run(at.name+", "+supported, func(t *testing.T) {
				w, alice, bob, carol, mine, rings := aRingingCall(t, at.nodes, "Supported", supported)
				ends := map[string]int{}
				for n := range races(t) {
					if n > 0 {
						mine = alice.invitesWith("bob", "Supported", supported)
						rings = bob.gets("INVITE")
						bob.replies(rings, 180)
						alice.gets("180")
						carol.at.isRinging("bob")
					}
					picker := &wanter{phone: carol, wants: carol.invites("**bob")}
					caller := &wanter{phone: alice, wants: mine}
					alice.send(cancelOf(mine))
					isOver, heard := make(chan struct{}), make(chan string, 2)
					go func() { heard <- picker.answersAlone(180, isOver) }()
					go func() { heard <- caller.answersAlone(481, isOver) }()
					cancel := bob.gets("CANCEL")
					if cancel.Has("Reason") {
						t.Errorf("nobody has it, and bob is told %s", cancel.Get("Reason"))
					}
					bob.replies(cancel, 200)
					bob.replies(rings, 487)
					bob.gets("ACK")
					w.noCallIsLeft()
					close(isOver)
					ends[<-heard]++
					ends[<-heard]++
				}
				t.Logf("they hear %v", ends)
			})
		}
	}
}

// answersAlone has a phone refuse calls, at once or by ringing until they are canceled,
// until its own INVITE has ended and nothing more comes; it returns how that ended.
func (x *wanter) answersAlone(status int, isOver <-chan struct{}) string {
	var called wire.Message
	for end := time.Now().Add(2 * patience); time.Now().Before(end); {
		m, err := x.conn.Receive(10 * time.Millisecond)
		switch {
		case err != nil:
			select {
			case <-isOver:
				if x.end != nil {
					return x.end.Start
				}
			default:
			}
		case m.Method() == "INVITE" && m.Request():
			called = m
			x.replies(m, status)
		case m.Method() == "CANCEL" && m.Request():
			x.replies(m, 200)
			x.replies(called, 487)
		case !m.Request() && m.Status() >= 200 && strings.HasSuffix(m.Get("CSeq"), "INVITE"):
			x.end = &m
			x.send(ackOf(x.wants, m))
		}
	}
	x.t.Errorf("%s waits for the end of his call", x.user)
	return "nothing"
}

// TestWhoIsPickedUpLetsHisOwnCallGo: his phone has answered in its place and cancels it
// by itself, as RFC 3891 has it. The desk is told that somebody has the call.
func TestWhoIsPickedUpLetsHisOwnCallGo(t *testing.T) {
	w, alice, bob, carol, mine, rings := aRingingCall(t, places[1].nodes, "Supported", "replaces")
	carol.invites("**bob")
	invite := alice.gets("INVITE")
	answer := alice.replies(invite, 200)
	alice.send(cancelOf(mine))
	from, to := carol.calling(carol.gets("200")), alice.called(invite, answer)
	from.within("ACK")
	bob.stopsRinging(rings)
	for seen := map[string]bool{}; len(seen) < 3; { // ACK, the answer to the CANCEL, and 487
		m, err := alice.conn.Receive(patience)
		if err != nil {
			t.Fatalf("alice has got %v: %v", seen, err)
		}
		seen[kind(m)] = true
		if m.Status() == 487 {
			alice.send(ackOf(mine, m))
		}
	}
	w.lit("alice", "carol")
	hangsUp(to, from)
	w.noCallIsLeft()
}
