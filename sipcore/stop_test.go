package sipcore_test

import (
	"crypto/rand"
	"testing"
	"time"

	"carillon/test/tool"
)

// A node that is told to stop does not wait for phones that ring.
func TestStopWhileItRings(t *testing.T) {
	for _, over := range []string{"tcp", "udp"} {
		t.Run(over, func(t *testing.T) {
			laurel := newTown(t, "laurel").nodes["laurel"]
			alice, bob := laurel.phoneOver(over, "alice", "a"), laurel.phoneOver(over, "bob", "b")
			alice.invites("bob")
			rings := bob.gets("INVITE")
			bob.replies(rings, 180)
			alice.gets("180")
			began, done := tool.Start(t), make(chan struct{})
			go func() { defer close(done); laurel.stop() }()
			bob.replies(bob.gets("CANCEL"), 200)
			bob.replies(rings, 487)
			if got := alice.gets("503"); !got.Has("Retry-After") {
				t.Errorf("got no Retry-After in %s", got)
			}
			<-done
			if took := began.Took(); took > 1800*time.Millisecond {
				t.Errorf("took %v to stop", took)
			}
		})
	}
}

// A phone that never says anything does not hold the node up.
func TestStopWhileADeafPhoneRings(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	alice, bob := laurel.phone("alice", "a"), laurel.phone("bob", "b")
	alice.invites("bob")
	bob.replies(bob.gets("INVITE"), 180)
	alice.gets("180")
	began := tool.Start(t)
	laurel.stop()
	if took := began.Took(); took > 1900*time.Millisecond {
		t.Errorf("took %v to stop", took)
	}
	bob.gets("CANCEL")
	alice.gets("503")
}

// Nobody rings for a caller whose connection is gone.
func TestTheCallersConnectionBreaks(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	alice, bob := laurel.phone("alice", "a"), laurel.phone("bob", "b")
	alice.invites("bob")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	if err := alice.conn.Close(); err != nil {
		t.Fatal(err)
	}
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	bob.gets("ACK")
	eventually(t, "the call is forgotten", func() bool { return len(laurel.calls.All()) == 0 })
}

// A stranger gets one packet for each of his.
func TestAStrangerIsAnsweredOnce(t *testing.T) {
	laurel := newTown(t, "laurel").nodes["laurel"]
	p := laurel.stranger("udp", "carol")
	for _, tt := range []struct{ name, method, uri, header, value, want string }{
		{"no user", "INVITE", "sip:" + domain, "", "", "404"},
		{"a scheme", "INVITE", "http:" + domain, "", "", "416"},
		{"an extension", "INVITE", "sip:bob@" + domain, "Proxy-Require", "magic", "420"},
		{"no hop left", "INVITE", "sip:bob@" + domain, "Max-Forwards", "0", "483"},
		{"not even a call", "BYE", "sip:bob@" + domain, "", "", "481"},
		{"an event", "SUBSCRIBE", "sip:bob@" + domain, "", "", "489"},
	} {
		m := p.request(tt.method, tt.uri, "<sip:bob@"+domain+">", rand.Text())
		if tt.header != "" {
			m.Set(tt.header, tt.value)
		}
		p.send(m)
		p.gets(tt.want)
	}
	p.hearsNothing(1200 * time.Millisecond) // timer G would have been there twice
}
