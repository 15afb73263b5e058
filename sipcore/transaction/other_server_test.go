package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// RFC 3261 figure 8.
func TestOtherServer(t *testing.T) {
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"nothing is repeated in Trying", transport.UDP, func(r *rig) {
			r.request("OPTIONS")
			r.request("OPTIONS")
			r.respond(100)
			r.request("OPTIONS")
			r.tx.Drop()
		}, []string{"0s request OPTIONS", "0s sent 100", "0s sent 100"}},

		{"final repeated until timer J", transport.UDP, func(r *rig) {
			r.request("REGISTER")
			r.respond(200)
			r.respond(500) // too late
			r.request("REGISTER")
			r.wait(31990 * time.Millisecond)
			r.request("REGISTER")
			r.wait(10 * time.Millisecond)
			r.request("REGISTER")
			r.tx.Drop()
		}, []string{"0s request REGISTER", "0s sent 200", "0s sent 200", "31.99s sent 200", "32s request REGISTER"}},

		{"a stream needs no waiting", transport.TCP, func(r *rig) {
			r.request("BYE")
			r.respond(200)
			r.empty()
		}, []string{"0s request BYE", "0s sent 200"}},

		{"unknown methods are told apart", transport.UDP, func(r *rig) {
			r.request("FOO")
			r.tx.Drop()
			r.request("BAR")
			r.tx.Drop()
		}, []string{"0s request FOO", "0s request BAR"}},

		{"its connection is gone", transport.TCP, func(r *rig) {
			r.request("BYE")
			r.flow.Close()
			r.respond(200)
			r.empty()
		}, []string{"0s request BYE"}},

		{"back on a new connection", transport.TCP, func(r *rig) {
			r.request("BYE")
			r.flow.Close()
			r.flow = r.newFlow(transport.TCP)
			r.request("BYE")
			r.respond(200)
		}, []string{"0s request BYE", "0s sent 200"}},

		{"UDP forgives an error", transport.UDP, func(r *rig) {
			r.request("BYE")
			r.failSends(transport.ErrTooLarge)
			r.respond(200)
			r.failSends(nil)
			r.request("BYE")
		}, []string{"0s request BYE", "0s sent 200"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

// What a finished transaction keeps for 32 s is small.
func TestServerLetsGo(t *testing.T) {
	tests := []struct {
		method string
		kind   transport.Kind
		status int
		keeps  bool // the response
	}{
		{"INVITE", transport.UDP, 180, true},
		{"INVITE", transport.TCP, 180, false},
		{"INVITE", transport.UDP, 200, false},
		{"INVITE", transport.UDP, 486, true},
		{"INVITE", transport.TCP, 486, false},
		{"BYE", transport.UDP, 200, true},
		{"BYE", transport.TCP, 200, false},
	}
	for _, test := range tests {
		inBubble(t, func(t *bubble) {
			r := newRig(t, test.kind)
			r.request(test.method)
			r.tx.Lock()
			raw := []byte(shape{method: test.method, branch: branch1, status: test.status}.text())
			r.tx.Respond(test.status, raw)
			r.tx.Unlock()
			want := string(raw)
			clear(raw) // they are ours
			if kept := string(r.tx.sent); kept != want && test.keeps || kept != "" && !test.keeps {
				t.Errorf("%v: keeps %q, want that: %v", test, kept, test.keeps)
			}
			if test.status >= 200 && r.tx.Request() != nil {
				t.Errorf("%v: the request is still kept", test)
			}
			if test.status >= 200 && r.tx.Final() != test.status {
				t.Errorf("%v: Final() = %d", test, r.tx.Final())
			}
		})
	}
}

// RFC 3261 section 18.2.2, RFC 3581.
func TestReplyAddress(t *testing.T) {
	tests := []struct{ via, want string }{
		{"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKx", "0s sent 200"},
		{"SIP/2.0/UDP 127.0.0.2;branch=z9hG4bKx", "0s sent 200"},
		{"SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bKx", "0s sent 200 to 127.0.0.2:5070"},
		{"SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;received=127.0.0.2", "0s sent 200 to 127.0.0.2:5070"},
		{"SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx;rport=5060;received=127.0.0.2", "0s sent 200"},
		{"SIP/2.0/UDP 127.0.0.2;maddr=192.0.2.1;branch=z9hG4bKx", "0s sent 200"},
	}
	for _, test := range tests {
		runRig(t, transport.UDP, func(r *rig) {
			r.receive(shape{method: "OPTIONS", via: test.via})
			r.respond(200)
		}, []string{"0s request OPTIONS", test.want})
	}
}

// RFC 3261 section 17.2.3: what is the same transaction and what is not.
func TestServerMatching(t *testing.T) {
	const via = "SIP/2.0/UDP 127.0.0.2:5060;branch="
	first := shape{method: "INVITE", via: via + branch1}
	old := shape{method: "INVITE", via: via + "1"}
	tests := []struct {
		name          string
		first, second shape
		same          bool
	}{
		{"branch", first, shape{method: "INVITE", via: via + "z9hG4bK-two"}, false},
		{"host", first, shape{method: "INVITE", via: "SIP/2.0/UDP 127.0.0.3:5060;branch=" + branch1}, false},
		{"port", first, shape{method: "INVITE", via: "SIP/2.0/UDP 127.0.0.2:5061;branch=" + branch1}, false},
		{"method", first, shape{method: "OPTIONS", via: via + branch1}, false},
		{"spelling of the host", shape{method: "INVITE", via: "SIP/2.0/UDP A.Example;branch=" + branch1}, shape{method: "INVITE", via: "SIP/2.0/UDP a.example;branch=" + branch1}, true},
		{"what is not part of it", first, shape{method: "INVITE", via: via + branch1 + ";x=y", extra: "X: y\r\n"}, true},
		{"RFC 2543", old, shape{method: "INVITE", via: via + "1", extra: "X: y\r\n"}, true},
		{"RFC 2543, other branch", old, shape{method: "INVITE", via: via + "2"}, false},
		{"bare cookie", shape{method: "INVITE", via: via + "z9hG4bK"}, shape{method: "INVITE", via: via + "z9hG4bK"}, true},
		{"bare cookie is no identity", shape{method: "BYE", via: via + "z9hG4bK"}, shape{method: "BYE", via: via + "z9hG4bK", toTag: "t2"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *bubble) {
				r := newRig(t, transport.UDP)
				r.receive(test.first)
				r.receive(test.second)
				if got := len(r.trace) == 1; got != test.same {
					t.Errorf("same transaction: %v, want %v", got, test.same)
				}
			})
		})
	}
}

// Whose Via cannot be read is told so where he came from; a response and an ACK
// are not answered.
func TestWithoutVia(t *testing.T) {
	runRig(t, transport.TCP, func(r *rig) {
		for _, method := range []string{"INVITE", "ACK", "CANCEL"} {
			r.receive(shape{method: method, via: "x"})
			r.receive(shape{method: method, via: "x", status: 200})
		}
	}, []string{"0s sent 400", "0s sent 400 CANCEL"})
}

func TestOldAck(t *testing.T) {
	const via = "SIP/2.0/UDP 127.0.0.2:5060;branch=1"
	runRig(t, transport.UDP, func(r *rig) {
		r.receive(shape{method: "INVITE", via: via})
		r.respond(486)
		r.receive(shape{method: "ACK", via: via, toTag: "t2"}) // of somebody else's response
		r.receive(shape{method: "ACK", via: via, toTag: "t1"})
		r.wait(time.Second)
	}, []string{"0s request INVITE", "0s sent 486", "0s ack"})
}

// A panic of the user ends its own request only.
func TestUserPanics(t *testing.T) {
	runRig(t, transport.UDP, func(r *rig) {
		r.onRequest = func(*Server) { panic("boom") }
		for range 2 {
			func() {
				defer func() { _ = recover() }()
				r.request("INVITE")
			}()
			r.empty()
		}
	}, []string{"0s request INVITE", "0s broke", "0s sent 500", "0s request INVITE", "0s broke", "0s sent 500"})
}

func TestData(t *testing.T) {
	runRig(t, transport.TCP, func(r *rig) {
		r.onRequest = func(tx *Server) { tx.SetData(7) }
		r.request("BYE")
		if got := r.tx.Data(); got != 7 {
			t.Errorf("Data() = %v, want 7", got)
		}
		if r.tx.Method() != message.BYE || r.tx.Flow() != r.flow {
			t.Errorf("Method() = %v, Flow() = %v", r.tx.Method(), r.tx.Flow())
		}
		r.respond(200)
	}, []string{"0s request BYE", "0s sent 200"})
}
