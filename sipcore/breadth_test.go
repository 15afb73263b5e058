package sipcore_test

import (
	"crypto/rand"
	"testing"
	"time"
)

// Symptom: contacts that led back to the node made one INVITE into thousands.
func TestAContactThatPointsAtTheSystem(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	here, there := w.nodes["laurel"].addr.String(), w.nodes["hardy"].addr.String()
	for _, tt := range []struct{ contact, want string }{
		{"sip:bob@" + here, "403"},
		{"sip:bob@" + here + ":5060;transport=tcp", "403"},
		{"sip:bob@" + there, "403"},
		{"sip:bob@" + domain, "403"},
		{"sip:bob@192.0.2.1;maddr=" + here, "403"},
		{"sip:bob@" + here + ":5062", "200"},
		{"sip:bob@192.0.2.1", "200"},
	} {
		p := w.nodes["laurel"].stranger("tcp", "bob")
		m := p.request("REGISTER", "sip:"+domain, "<sip:bob@"+domain+">", rand.Text())
		m.Add("Contact", "<"+tt.contact+">")
		p.send(m)
		p.proves(m, "Authorization", p.gets("401").Get("WWW-Authenticate"))
		if got := kind(receiveBut100(p)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.contact, got, tt.want)
		}
	}
}

func TestMaxBreadth(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice := w.nodes["laurel"].phone("alice", "a")
	desk, home := w.nodes["laurel"].phone("bob", "desk"), w.nodes["hardy"].phone("bob", "home")
	w.nodes["laurel"].knows("bob", "hardy", "laurel")
	for _, tt := range []struct{ breadth, one, two string }{
		{"", "30", "30"}, {"3", "1", "2"}, {"2", "1", "1"}, {"1000", "30", "30"}, {"1", "", ""}, {"0", "", ""},
	} {
		m := alice.request("INVITE", "sip:bob@"+domain, "<sip:bob@"+domain+">", rand.Text())
		m.Add("Contact", "<"+alice.contact()+">")
		if tt.breadth != "" {
			m.Add("Max-Breadth", tt.breadth)
		}
		alice.send(m)
		if tt.one == "" {
			alice.send(ackOf(m, alice.gets("440")))
			continue
		}
		one, two := desk.gets("INVITE"), home.gets("INVITE")
		if got := sorted([]string{one.Get("Max-Breadth"), two.Get("Max-Breadth")}); got[0] != tt.one || got[1] != tt.two {
			t.Errorf("Max-Breadth %q: the phones see %q", tt.breadth, got)
		}
		desk.replies(one, 486)
		home.replies(two, 486)
		desk.gets("ACK")
		home.gets("ACK")
		alice.send(ackOf(m, alice.gets("486")))
	}
}

// Symptom: who called his own number heard his own phone ring.
func TestTheCallingPhoneDoesNotRing(t *testing.T) {
	w := newTown(t, "laurel")
	desk := w.nodes["laurel"].phone("alice", "desk")
	m := desk.invites("alice")
	desk.send(ackOf(m, desk.gets("480")))
	cell := w.nodes["laurel"].phone("alice", "cell")
	m = desk.invites("alice")
	cell.replies(cell.gets("INVITE"), 486)
	cell.gets("ACK")
	desk.send(ackOf(m, desk.gets("486")))
	desk.hearsNothing(50 * time.Millisecond)
}

// A response without the caller's Via is for nobody.
func TestAResponseWithoutTheCallersVia(t *testing.T) {
	w := newTown(t, "laurel")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].phone("bob", "b")
	m := alice.invites("bob")
	invite := bob.gets("INVITE")
	for _, status := range []int{180, 486} {
		answer := invite.Reply(status, "Because", "b")
		via := answer.All("Via")[0]
		answer.Drop("Via")
		answer.Add("Via", via)
		bob.send(answer)
	}
	bob.gets("ACK")
	alice.send(ackOf(m, alice.gets("500")))
}
