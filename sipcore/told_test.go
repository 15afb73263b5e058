package sipcore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
	"carillon/test/house/wire"
)

// derives has presence made of registrations and calls, as a node does.
func (s *station) derives() {
	s.presences.From(live.OfBindings(s.bindings))
	s.bindings.Watch(s.presences.Touch)
	s.presences.From(live.OfDialogs(s.dialogs))
	s.dialogs.Watch(s.presences.Touch)
	s.town.wg.Go(func() { _ = s.presences.Run(s.town.ctx) })
}

// sends gives users rules; a rule is "user state to".
func (w *town) sends(rules ...string) {
	w.t.Helper()
	c := w.view.Config()
	for _, r := range rules {
		f := strings.Fields(r)
		for i := range c.Users {
			if c.Users[i].Number == f[0] {
				c.Users[i].Rules = append(c.Users[i].Rules, store.Rule{State: f[1], To: f[2]})
			}
		}
	}
	if err := c.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.view = store.NewView(c)
	for _, s := range w.nodes {
		s.store.Publish(w.view.At(2))
	}
}

// TestACallGoesByPresence: a call to who is in a meeting rings the colleague, who is told
// why; the log says by which version of what was told. What he published at one node
// counts at all.
func TestACallGoesByPresence(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	w.sends("bob meeting carol", "carol away bob")
	laurel, hardy := w.nodes["laurel"], w.nodes["hardy"]
	alice, bob, carol := laurel.phone("alice", "1"), hardy.phone("bob", "2"), hardy.phone("carol", "3")
	laurel.knows("bob", "hardy")
	laurel.knows("carol", "hardy")
	bob.publishes("200", "meeting")
	carol.publishes("200", "away") // and would have bob called
	w.carry()
	alice.invites("bob")
	invite := carol.gets("INVITE")
	isClean(t, invite)
	version := laurel.presences.Of("bob").Version
	for header, want := range map[string]string{
		"Diversion": "<sip:bob@tel.test>;reason=away",
		"History-Info": `<sip:bob@tel.test?Reason=SIP%3Bcause%3D302%3Btext%3D%22meeting%22>;index=1` +
			`, <sip:carol@tel.test;cause=302>;index=1.1;mp=1`,
	} {
		if got := strings.Join(invite.All(header), ", "); got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
	}
	if want := fmt.Sprintf("bob is meeting (presence version %d), so it goes to carol", version); !strings.Contains(w.log.String(), want) {
		t.Errorf("the log does not say that %s", want)
	}
	answer := carol.replies(invite, 200)
	from, to := alice.calling(alice.gets("200")), carol.called(invite, answer)
	from.within("ACK")
	carol.gets("ACK")
	hangsUp(from, to)
	bob.hearsNothing(20 * time.Millisecond)
}

// isRefusedBy has a phone refuse what another sent to it, and reports whether it was
// sent on.
func (p *phone) isRefusedBy(callee *phone, m wire.Message) (sentOn bool) {
	p.t.Helper()
	got := callee.gets(m.Method())
	answer := callee.replies(got, 486)
	if m.Method() == "INVITE" {
		callee.gets("ACK")
	}
	p.gets("486")
	if m.Method() == "INVITE" {
		p.send(ackOf(m, answer))
	}
	return got.Has("Diversion") || got.Has("History-Info")
}

// TestWhoReachesHisPhone: whom no rule keeps from a user's own phones, and whom it does.
func TestWhoReachesHisPhone(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	at.town.sends("bob meeting carol")
	alice, bob, carol := at.phone("alice", "1"), at.phone("bob", "2"), at.phone("carol", "3")
	bob.publishes("200", "meeting")
	call := func(from *phone, method string, fields ...string) wire.Message {
		m := from.request(method, "sip:bob@"+domain, "<sip:bob@"+domain+">", fmt.Sprint(from.user, from.cseq))
		m.Add("Contact", "<"+from.contact()+">")
		for i := 0; i < len(fields); i += 2 {
			m.Add(fields[i], fields[i+1])
		}
		from.send(m)
		return m
	}
	if !alice.isRefusedBy(carol, call(alice, "INVITE")) {
		t.Error("carol is not told why she is called")
	}
	for _, tt := range []struct {
		name   string
		from   *phone
		method string
		fields []string
	}{
		{"who stands in for him", carol, "INVITE", nil},
		{"what takes a call's place", alice, "INVITE", []string{"Replaces", "x;to-tag=1;from-tag=2", "Referred-By", "<sip:bob@tel.test>"}},
		{"what is no call", alice, "MESSAGE", nil},
	} {
		if tt.from.isRefusedBy(bob, call(tt.from, tt.method, tt.fields...)) {
			t.Errorf("%s was sent on", tt.name)
		}
	}
}

// TestACallIsSentOutside: to a carrier, which hears by its own number whose call it is and
// no inside number; a carrier's call goes out so too, but not one that was out before, one
// from where it would go, or one of an emergency service that calls back.
func TestACallIsSentOutside(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Users[0].Rules = []store.Rule{{State: "away", To: "+32470123456"}}
	})
	alice, carol := b.lg.phone("alice", "a"), b.lg.phone("carol", "c")
	alice.publishes("200", "away")
	out := func(name, shown string) {
		t.Helper()
		invite := b.mons.gets("INVITE")
		if want := "sip:+32470123456@" + b.mons.conn.Local().String(); invite.URI() != want {
			t.Errorf("%s: the carrier is asked for %s, want %s", name, invite.URI(), want)
		}
		if got, want := invite.Get("Diversion"), "<sip:+3265551201@tel.test;user=phone>;reason=away"; got != want {
			t.Errorf("%s: Diversion is %s, want %s", name, got, want)
		}
		if !strings.HasPrefix(invite.Get("From"), "<sip:"+shown+"@") || invite.Has("History-Info") {
			t.Errorf("%s: the carrier sees\n%s", name, invite)
		}
		b.mons.replies(invite, 486)
		b.mons.gets("ACK")
	}
	m := carol.invites("alice")
	out("a colleague's call", "+3265551200")
	carol.send(ackOf(m, carol.gets("486")))
	for _, tt := range []struct {
		name   string
		fields []string
		rings  bool
	}{
		{"a carrier's call", nil, false},
		{"a call from where it would go", []string{"From", "<sip:0470123456@carrier.test>;tag=f"}, true},
		{"a call that was out before", []string{"Diversion", "<sip:+3265551201@carrier.test>;reason=user-busy"}, true},
		{"a call that others have sent on", []string{"Diversion", "<sip:+3225559999@carrier.test>;reason=user-busy"}, false},
		{"a call from a number of ours", []string{"From", "<sip:065551201@carrier.test>;tag=f", "Diversion", "<sip:+32470123456@carrier.test>;reason=away"}, true},
		{"a call from the number of a site", []string{"From", "<sip:+3265551200@carrier.test>;tag=f"}, true},
		{"a call that has left a site", []string{"Diversion", "<sip:+3265551200@carrier.test>;reason=away"}, true},
		{"a call that has left us", []string{"History-Info", history("+3265551201", "+32470123456", "+3265551201")}, true},
		{"a call that only others have sent on", []string{"History-Info", history("+3225559999", "+3265551201", "+3265551201")}, false},
		{"an emergency service calls back", []string{"Priority", "psap-callback"}, true},
	} {
		uri := "sip:+3265551201@" + b.lg.addr.String()
		m := b.mons.request("INVITE", uri, "<"+uri+">", fmt.Sprint("in", b.mons.cseq))
		m.Set("From", "<sip:+3221110000@carrier.test>;tag=f")
		m.Add("Contact", "<"+b.mons.contact()+">")
		for i := 0; i < len(tt.fields); i += 2 {
			m.Set(tt.fields[i], tt.fields[i+1])
		}
		b.mons.send(m)
		if tt.rings {
			alice.replies(alice.gets("INVITE"), 486)
			alice.gets("ACK")
		} else {
			out(tt.name, "+3265551201")
		}
		b.mons.send(ackOf(m, b.mons.gets("486")))
	}
}

// TestNoInsideNumberLeaves: a carrier reads none of what a phone says about where its call
// has been, also where there is no number to put in its place.
func TestNoInsideNumberLeaves(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Users[0].Rules = []store.Rule{{State: "away", To: "+32470123456"}}
		for i := range c.Users {
			c.Users[i].Direct = nil
		}
	})
	alice, carol := b.lg.phone("alice", "a"), b.lg.phone("carol", "c")
	alice.publishes("200", "away")
	carol.invitesWith("alice", "History-Info", "<sip:bob@tel.test>;index=1", "Diversion", "<sip:bob@tel.test>;reason=away")
	if invite := b.mons.gets("INVITE"); invite.Has("History-Info") || invite.Has("Diversion") {
		t.Errorf("the carrier sees\n%s", invite)
	}
}

// TestWhoHasCalledForHelpIsCalledBack: a carrier's call reaches the phone of who has called
// for help, though he is away and nothing says that it is the service.
func TestWhoHasCalledForHelpIsCalledBack(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Users[0].Rules = []store.Rule{{State: "away", To: "+32470123456"}}
	})
	alice := b.lg.phone("alice", "a")
	alice.publishes("200", "away")
	alice.invites("112")
	alice.isHelped(b.mons)
	b.mons.asksFor("INVITE", "+3265551201")
	alice.gets("INVITE")
}

// history is History-Info of a call that went to one number after the other.
func history(numbers ...string) string {
	index, all := "1", []string{}
	for _, n := range numbers {
		all = append(all, fmt.Sprintf("<sip:%s@carrier.test>;index=%s", n, index))
		index += ".1"
	}
	return strings.Join(all, ", ")
}

// TestCallsThatNobodyKnowsAgain: a call that is sent outside and comes back as a stranger's
// goes round twice, and then her phone rings; when one is over, the next goes out again.
func TestCallsThatNobodyKnowsAgain(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Users[0].Rules = []store.Rule{{State: "away", To: "+32470123456"}}
	})
	alice := b.lg.phone("alice", "a")
	alice.publishes("200", "away")
	var out []wire.Message
	for range 2 {
		b.mons.asksFor("INVITE", "+3265551201")
		out = append(out, b.mons.gets("INVITE"))
	}
	b.mons.asksFor("INVITE", "+3265551201")
	alice.replies(alice.gets("INVITE"), 486)
	alice.gets("ACK")
	b.mons.gets("486")
	b.mons.replies(out[0], 486)
	b.mons.gets("ACK")
	b.mons.gets("486")
	b.mons.asksFor("INVITE", "+3265551201")
	b.mons.gets("INVITE")
}

// TestACallThatComesInAndGoesOut: both its sides are one carrier, and either ends it.
func TestACallThatComesInAndGoesOut(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Users[0].Rules = []store.Rule{{State: store.Offline, To: "+32470123456"}}
	})
	for _, theCaller := range []bool{true, false} {
		b.mons.asksFor("INVITE", "+3265551201")
		from, to, _ := b.mons.takes(b.mons)
		if theCaller {
			hangsUp(from, to)
		} else {
			hangsUp(to, from)
		}
		eventually(t, "no call is left", func() bool { return b.lg.calls.Count()+b.main.calls.Count() == 0 })
	}
}

// TestWhoPublishesNothing: REGISTER, a call and a lost connection are what watchers are
// told of, by a node that nobody sends a PUBLISH.
func TestWhoPublishesNothing(t *testing.T) {
	w := newTown(t)
	w.whole = true
	at := w.open("laurel", address())
	alice, bob := at.phone("alice", "1"), at.phone("bob", "2")
	alice.watches("presence", "carol", "300")
	sees := func(want, not string) {
		t.Helper()
		m := alice.gets("NOTIFY")
		alice.replies(m, 200)
		if !strings.Contains(m.Body, want) || not != "" && strings.Contains(m.Body, not) {
			t.Errorf("alice sees %s, want %s", m.Body, want)
		}
	}
	sees(">closed<", "")
	carol := at.phone("carol", "3")
	sees(">open<", "")
	for range 2 {
		from, to := connect(bob, carol)
		sees("<rpid:on-the-phone/>", "")
		hangsUp(from, to)
		sees(">open<", "on-the-phone")
	}
	_ = carol.conn.Close()
	sees(">closed<", "")
}
