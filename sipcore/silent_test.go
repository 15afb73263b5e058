package sipcore_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"carillon/test/house/wire"
	"carillon/test/tool"
)

func TestANodeThatNeverAnswers(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	w.toHardy("laurel", mute)
	began, at := tool.Start(t), time.Now()
	alice.invites("bob")
	alice.gets("480")
	if took := began.Took(); time.Since(at) < 1900*time.Millisecond || took > 3500*time.Millisecond {
		t.Errorf("it took %v, want 2 s", took)
	}
	w.mu.Lock()
	far := w.dead[0]
	w.mu.Unlock()
	_ = far.SetReadDeadline(time.Now().Add(patience))
	for buf := make([]byte, 4096); ; {
		if _, err := far.Read(buf); err != nil {
			break
		}
	}
	// The other node reads it all only now: its phone hears nothing.
	bob.hearsNothing(100 * time.Millisecond)
	w.toHardy("laurel", good)
	began = tool.Start(t)
	alice.invites("bob")
	alice.gets("480") // at once: it rests
	if took := began.Took(); took > 1800*time.Millisecond {
		t.Errorf("the second answer took %v", took)
	}
	from, to := connect(bob, alice) // but it may come by itself
	hangsUp(from, to)
	from, to = connect(alice, bob)
	hangsUp(from, to)
}

// TestNothingWaitsForASilentNode: a node that hangs costs no request more than
// four seconds, whatever its method and wherever it belongs.
func TestNothingWaitsForASilentNode(t *testing.T) {
	for _, tt := range []struct {
		method string
		inside bool
		lines  line // when the connection that hangs was given up
	}{
		{"MESSAGE", false, mute}, {"MESSAGE", false, hanging}, {"INFO", true, mute}, {"BYE", true, mute}, {"BYE", true, hanging}, {"INVITE", true, mute},
	} {
		t.Run(tt.method, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			from, _ := connect(alice, bob)
			w.toHardy("laurel", tt.lines)
			w.calm.Store(true)
			began := tool.Start(t)
			if tt.inside {
				from.within(tt.method)
			} else {
				alice.send(alice.request(tt.method, "sip:bob@"+domain, "<sip:bob@"+domain+">", "m"))
			}
			alice.gets("480")
			if took := began.Took(); took > 4*time.Second {
				t.Errorf("the final response took %v, want at most 4 s", took)
			}
			if tt.method == "BYE" {
				eventually(t, "the call is over", func() bool { return w.nodes["laurel"].calls.Count() == 0 })
			}
			bob.hearsNothing(100 * time.Millisecond)
		})
	}
}

// TestASlowPhoneIsNoSilentNode: what another node has taken may take its time.
func TestASlowPhoneIsNoSilentNode(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	alice.send(alice.request("MESSAGE", "sip:bob@"+domain, "<sip:bob@"+domain+">", "m"))
	slow := bob.gets("MESSAGE")
	alice.hearsNothing(2500 * time.Millisecond) // longer than a node may take to say that it is there
	bob.replies(slow, 200)
	alice.gets("200")
}

func TestAnInviteWhoseNodeIsGoneStopsRinging(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	alice.invites("bob")
	rings := bob.gets("INVITE")
	bob.replies(rings, 180)
	alice.gets("180")
	w.nodes["laurel"].stop()
	bob.replies(bob.gets("CANCEL"), 200)
	bob.replies(rings, 487)
	bob.gets("ACK")
}

func TestThroughARelay(t *testing.T) {
	for _, tt := range []struct {
		name string
		line line
	}{{"refused", refused}, {"silent", hanging}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy", "main")
			for _, s := range w.nodes {
				s.relays = []string{"main"}
			}
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			w.nodes["hardy"].knows("alice", "laurel")
			w.toHardy("laurel", tt.line)
			began := tool.Start(t)
			from, to := connect(alice, bob)
			if took := began.Took(); took > 3500*time.Millisecond {
				t.Errorf("the call took %v", took)
			}
			from.within("INVITE")
			again := bob.gets("INVITE")
			isClean(t, again)
			bob.replies(again, 200)
			from.gets("200")
			from.within("ACK")
			bob.gets("ACK")
			hangsUp(to, from)
			alice.invites("bob")
			rings := bob.gets("INVITE")
			isClean(t, rings)
			bob.replies(rings, 486)
			bob.gets("ACK")
			alice.gets("486")
		})
	}
}

func TestNoWayAtAll(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "main")
	w.nodes["laurel"].relays = []string{"main"}
	alice := w.nodes["laurel"].phone("alice", "a")
	w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	w.toHardy("laurel", hanging)
	w.toHardy("main", mute)
	began := tool.Start(t)
	alice.invites("bob")
	alice.gets("480")
	if took := began.Took(); took > 4*time.Second {
		t.Errorf("the answer took %v, want at most 4 s", took)
	}
}

func TestTheConnectionBreaksUnderTheInvite(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	w.toHardy("laurel", slammed)
	from, to := connect(alice, bob)
	hangsUp(to, from)
}

func TestThePhoneMovesWhileItsNodeIsSilent(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
	w.nodes["laurel"].knows("bob", "hardy")
	w.nodes["stan"].knows("bob", "hardy")
	w.toHardy("laurel", mute)
	alice.invites("bob")
	bob.moves(w.nodes["stan"])
	w.nodes["laurel"].knows("bob", "stan")
	invite := bob.gets("INVITE") // after two seconds
	answer := bob.replies(invite, 200)
	from, to := alice.calling(alice.gets("200")), bob.called(invite, answer)
	from.within("ACK")
	bob.gets("ACK")
	hangsUp(from, to)
}

func TestADeadNodeOnTheRouteIsSkipped(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = at.Close() }()
	alice, bob := w.nodes["laurel"].stranger("tcp", "alice"), w.nodes["hardy"].phone("bob", "b")
	alice.device, alice.listen = "a", at.Addr().String()
	alice.registers()
	w.nodes["laurel"].knows("bob", "hardy")
	w.nodes["hardy"].knows("alice", "laurel")
	_, to := connect(alice, bob)
	w.nodes["laurel"].stop()
	w.toHardy("laurel", refused)
	to.target = "sip:alice@192.0.2.1" // it is her Contact that counts
	to.within("BYE")
	conn, err := at.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	bye, err := wire.Read(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(bye.Reply(200, "OK", "").String())); err != nil {
		t.Fatal(err)
	}
	bob.gets("200")
}

func TestAPhoneOfASilentNodeIsTriedLast(t *testing.T) {
	w := newTown(t, "laurel", "hardy", "stan")
	alice := w.nodes["laurel"].phone("alice", "a")
	desk, home := w.nodes["hardy"].phone("bob", "desk"), w.nodes["stan"].phone("bob", "home")
	w.nodes["laurel"].knows("bob", "hardy", "stan")
	w.nodes["laurel"].bindings.SetNodeAlive("hardy", false)
	alice.invites("bob")
	home.replies(home.gets("INVITE"), 486)
	home.gets("ACK")
	rings := desk.gets("INVITE") // only now
	desk.replies(rings, 486)
	desk.gets("ACK")
	alice.gets("486")
}
