package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// RFC 3261 figure 5 and RFC 6026 figure 2.
func TestInviteClient(t *testing.T) {
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"timers A and B", transport.UDP, func(r *rig) {
			r.send("INVITE")
			r.wait(40 * time.Second)
			r.answer("INVITE", 200)
		}, []string{
			"0s sent INVITE", "500ms sent INVITE", "1.5s sent INVITE", "3.5s sent INVITE", "7.5s sent INVITE", "15.5s sent INVITE",
			"31.5s sent INVITE", "32s failed: no final response in time", "40s stray 200",
		}},

		{"timer B alone", transport.TCP, func(r *rig) {
			r.send("INVITE")
			r.wait(40 * time.Second)
		}, []string{"0s sent INVITE", "32s failed: no final response in time"}},

		{"a provisional ends both", transport.UDP, func(r *rig) {
			r.send("INVITE")
			r.wait(700 * time.Millisecond)
			r.answer("INVITE", 100)
			r.wait(3 * time.Minute)
			r.answer("INVITE", 180)
			r.answer("INVITE", 486)
		}, []string{
			"0s sent INVITE", "500ms sent INVITE", "700ms response 100", "3m0.7s response 180", "3m0.7s sent ACK",
			"3m0.7s response 486",
		}},

		{"each 2xx passes until timer M", transport.UDP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 200)
			r.wait(time.Second)
			r.answer("INVITE", 200)
			r.answer("INVITE", 180)
			r.answer("INVITE", 486)
			r.wait(31 * time.Second)
			r.answer("INVITE", 200)
		}, []string{"0s sent INVITE", "0s response 200", "1s response 200", "32s stray 200"}},

		{"each 2xx passes over a stream", transport.TCP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 200)
			r.wait(31 * time.Second)
			r.answer("INVITE", 200)
		}, []string{"0s sent INVITE", "0s response 200", "31s response 200"}},

		{"ACK again for a repeated final until timer D", transport.UDP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 486)
			r.answer("INVITE", 486)
			r.answer("INVITE", 180)
			r.answer("INVITE", 200)
			r.wait(31990 * time.Millisecond)
			r.answer("INVITE", 486)
			r.wait(10 * time.Millisecond)
			r.answer("INVITE", 486)
		}, []string{"0s sent INVITE", "0s sent ACK", "0s response 486", "0s sent ACK", "31.99s sent ACK", "32s stray 486"}},

		{"over a stream a final ends it", transport.TCP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 486)
			r.empty()
		}, []string{"0s sent INVITE", "0s sent ACK", "0s response 486"}},

		{"its connection closes", transport.TCP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 180)
			r.flow.Close()
			r.layer.Closed(r.flow)
			r.layer.Closed(r.flow)
			r.wait(3 * tickLength)
			r.empty()
		}, []string{"0s sent INVITE", "0s response 180", "10ms failed: flow is closed"}},

		{"its connection closes after the answer", transport.TCP, func(r *rig) {
			r.send("INVITE")
			r.answer("INVITE", 200)
			r.flow.Close()
			r.layer.Closed(r.flow)
			r.wait(time.Second)
		}, []string{"0s sent INVITE", "0s response 200"}},

		{"another connection closes", transport.TCP, func(r *rig) {
			r.send("INVITE")
			closed := r.newFlow(transport.TCP)
			closed.Close()
			r.layer.Closed(closed)
			r.wait(time.Second)
			r.answer("INVITE", 486)
		}, []string{"0s sent INVITE", "1s sent ACK", "1s response 486"}},

		{"its connection was closed before", transport.TCP, func(r *rig) {
			r.flow.Close()
			r.send("INVITE")
			r.wait(time.Second)
			r.empty()
		}, []string{"10ms failed: flow is closed"}},

		{"too large", transport.UDP, func(r *rig) {
			r.failSends(transport.ErrTooLarge)
			r.send("INVITE")
			r.answer("INVITE", 200) // to something else
			r.wait(time.Second)
		}, []string{"10ms failed: message too large for a datagram"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

// RFC 3261 figure 6.
func TestOtherClient(t *testing.T) {
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"timers E and F", transport.UDP, func(r *rig) {
			r.send("BYE")
			r.wait(40 * time.Second)
		}, []string{
			"0s sent BYE", "500ms sent BYE", "1.5s sent BYE", "3.5s sent BYE", "7.5s sent BYE", "11.5s sent BYE", "15.5s sent BYE",
			"19.5s sent BYE", "23.5s sent BYE", "27.5s sent BYE", "31.5s sent BYE", "32s failed: no final response in time",
		}},

		{"timer F alone", transport.TCP, func(r *rig) {
			r.send("BYE")
			r.answer("BYE", 100)
			r.wait(40 * time.Second)
		}, []string{"0s sent BYE", "0s response 100", "32s failed: no final response in time"}},

		{"slower after a provisional", transport.UDP, func(r *rig) {
			r.send("BYE")
			r.wait(600 * time.Millisecond)
			r.answer("BYE", 100)
			r.wait(10 * time.Second)
			r.answer("BYE", 200)
		}, []string{
			"0s sent BYE", "500ms sent BYE", "600ms response 100", "1.5s sent BYE", "5.5s sent BYE", "9.5s sent BYE",
			"10.6s response 200",
		}},

		{"repeated finals absorbed until timer K", transport.UDP, func(r *rig) {
			r.send("BYE")
			r.answer("BYE", 200)
			r.answer("BYE", 200)
			r.wait(4990 * time.Millisecond)
			r.answer("BYE", 200)
			r.wait(10 * time.Millisecond)
			r.answer("BYE", 200)
		}, []string{"0s sent BYE", "0s response 200", "5s stray 200"}},

		{"over a stream a final ends it", transport.TCP, func(r *rig) {
			r.send("BYE")
			r.answer("BYE", 481)
			r.empty()
		}, []string{"0s sent BYE", "0s response 481"}},

		{"method and branch decide", transport.UDP, func(r *rig) {
			r.send("BYE")
			r.answer("OPTIONS", 200)
			r.receive(shape{method: "BYE", branch: branch1 + "x", status: 200})
			r.answer("CANCEL", 200)
			r.answer("BYE", 200)
		}, []string{"0s sent BYE", "0s stray 200", "0s stray 200", "0s response 200"}},

		{"a method of the future", transport.TCP, func(r *rig) {
			r.send("FOO")
			r.answer("FOO", 200)
		}, []string{"0s sent FOO", "0s response 200"}},

		{"its connection closes", transport.TCP, func(r *rig) {
			r.send("BYE")
			r.flow.Close()
			r.layer.Closed(r.flow)
			r.wait(time.Second)
		}, []string{"0s sent BYE", "10ms failed: flow is closed"}},

		{"cannot be sent again", transport.UDP, func(r *rig) {
			r.send("BYE")
			r.failSends(transport.ErrClosed)
			r.wait(time.Second)
		}, []string{"0s sent BYE", "500ms failed: flow is closed"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

// A client started for a server is locked with it.
func TestClientSharesLock(t *testing.T) {
	runRig(t, transport.TCP, func(r *rig) {
		var c *Client
		r.onRequest = func(tx *Server) {
			raw := shape{method: "INVITE", branch: "z9hG4bK-two"}.text()
			c = r.layer.Start(tx, r.flow, message.INVITE, "z9hG4bK-two", []byte(raw), r)
		}
		r.onAnswer = func(_ *Client, m *message.Message) { r.respondLocked(m.Status()) }
		r.request("INVITE")
		if c.mu != &r.tx.mu || c.Branch() != "z9hG4bK-two" || c.Flow() != r.flow || c.Method() != message.INVITE {
			t.Errorf("the client is %+v", c)
		}
		r.receive(shape{method: "INVITE", branch: "z9hG4bK-two", status: 486, toTag: "t1"})
		r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
	}, []string{"0s request INVITE", "0s sent INVITE", "0s sent ACK", "0s response 486", "0s sent 486"})
}

// What a finished transaction keeps for 32 s is small.
func TestClientLetsGo(t *testing.T) {
	tests := []struct {
		method    string
		status    int
		keepsUser bool
		most      int // bytes
	}{
		{"INVITE", 180, true, 360},
		{"INVITE", 200, true, 0},
		{"INVITE", 486, false, 400},
		{"BYE", 200, false, 0},
	}
	for _, test := range tests {
		inBubble(t, func(t *bubble) {
			r := newRig(t, transport.UDP)
			c := r.send(test.method)
			r.answer(test.method, test.status)
			if (c.user != nil) != test.keepsUser || len(c.raw) > test.most || cap(c.raw) > test.most+200 {
				t.Errorf("%v: keeps user %v, %d bytes of %d", test, c.user != nil, len(c.raw), cap(c.raw))
			}
		})
	}
}
