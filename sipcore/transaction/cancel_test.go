package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// RFC 3261 section 9.2.
func TestCancelReceived(t *testing.T) {
	answer487 := func(r *rig) { r.onCancel = func(*Server) { r.respondLocked(487) } }
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"right behind its INVITE", transport.TCP, func(r *rig) {
			answer487(r)
			r.request("INVITE")
			r.request("CANCEL")
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
		}, []string{"0s request INVITE", "0s sent 200 CANCEL", "0s cancel", "0s sent 487"}},

		{"retransmitted", transport.UDP, func(r *rig) {
			answer487(r)
			r.request("INVITE")
			r.request("CANCEL")
			r.request("CANCEL")
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.request("CANCEL")
		}, []string{"0s request INVITE", "0s sent 200 CANCEL", "0s cancel", "0s sent 487", "0s sent 200 CANCEL", "0s sent 200 CANCEL"}},

		{"told once", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.request("CANCEL")
			r.request("CANCEL")
			if !r.tx.Canceled() {
				r.t.Error("not Canceled")
			}
			r.tx.Drop()
		}, []string{"0s request INVITE", "0s sent 200 CANCEL", "0s cancel", "0s sent 200 CANCEL"}},

		{"too late", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.respond(200)
			r.request("CANCEL")
		}, []string{"0s request INVITE", "0s sent 200", "0s sent 200 CANCEL"}},

		{"of nothing", transport.UDP, func(r *rig) {
			r.request("CANCEL")
			r.request("OPTIONS")
			r.request("CANCEL")
			r.tx.Drop()
		}, []string{"0s sent 481 CANCEL", "0s request OPTIONS", "0s sent 481 CANCEL"}},

		{"malformed", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.receive(shape{method: "CANCEL", branch: branch1, extra: "CSeq: 314 CANCEL\r\n"})
			r.tx.Drop()
		}, []string{"0s request INVITE", "0s sent 400 CANCEL"}},

		{"without rport", transport.UDP, func(r *rig) {
			r.receive(shape{method: "CANCEL", via: "SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bKx"})
		}, []string{"0s sent 481 CANCEL to 127.0.0.2:5070"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

// RFC 3261 section 9.2: the answer to CANCEL has the To tag of the response to
// the INVITE, each time.
func TestCancelAnswerTag(t *testing.T) {
	inBubble(t, func(t *bubble) {
		r := newRig(t, transport.UDP)
		r.request("INVITE")
		r.request("CANCEL")
		r.request("CANCEL")
		for _, raw := range r.sent {
			m, err := message.ParseString(raw)
			if err != nil || m.ToTag() != r.tx.Tag() || len(m.ToTag()) != tagLen {
				t.Errorf("To tag %q (%v), want %q", m.ToTag(), err, r.tx.Tag())
			}
		}
		if len(r.sent) != 2 {
			t.Errorf("%d answers, want 2", len(r.sent))
		}
	})
}

// RFC 3261 section 9.1, and what Client.Cancel promises.
func TestCancelSent(t *testing.T) {
	cancel := func(c *Client) {
		c.Lock()
		defer c.Unlock()
		c.Cancel("")
	}
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"after a provisional", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			r.answer("INVITE", 180)
			cancel(c)
			cancel(c)
			r.answer("CANCEL", 200)
			r.answer("INVITE", 487)
		}, []string{"0s sent INVITE", "0s response 180", "0s sent CANCEL", "0s sent ACK", "0s response 487"}},

		{"waits for a provisional", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			cancel(c)
			r.wait(600 * time.Millisecond)
			r.answer("INVITE", 100)
			r.answer("INVITE", 180)
			r.answer("CANCEL", 200)
			r.answer("INVITE", 487)
		}, []string{
			"0s sent INVITE", "500ms sent INVITE", "600ms sent CANCEL", "600ms response 100", "600ms response 180",
			"600ms sent ACK", "600ms response 487",
		}},

		{"a final crosses the wish", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			cancel(c)
			r.answer("INVITE", 200)
			r.wait(2 * time.Second)
		}, []string{"0s sent INVITE", "0s response 200"}},

		{"a 200 crosses the CANCEL", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			r.answer("INVITE", 180)
			cancel(c)
			r.answer("INVITE", 200)
			r.answer("CANCEL", 481)
			r.answer("INVITE", 200)
			r.wait(2 * time.Second)
		}, []string{"0s sent INVITE", "0s response 180", "0s sent CANCEL", "0s response 200", "0s response 200"}},

		{"from the callback", transport.UDP, func(r *rig) {
			r.onAnswer = func(c *Client, _ *message.Message) { c.Cancel("") }
			r.send("INVITE")
			r.answer("INVITE", 180)
			r.answer("INVITE", 487)
		}, []string{"0s sent INVITE", "0s response 180", "0s sent CANCEL", "0s sent ACK", "0s response 487"}},

		{"never answered", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			r.answer("INVITE", 180)
			cancel(c)
			r.answer("INVITE", 183) // ringing on does not help
			r.wait(40 * time.Second)
			cancel(c)
		}, []string{
			"0s sent INVITE", "0s response 180", "0s sent CANCEL", "0s response 183", "500ms sent CANCEL", "1.5s sent CANCEL",
			"3.5s sent CANCEL", "7.5s sent CANCEL", "11.5s sent CANCEL", "15.5s sent CANCEL", "19.5s sent CANCEL",
			"23.5s sent CANCEL", "27.5s sent CANCEL", "31.5s sent CANCEL", "32s failed: no final response in time",
		}},

		{"answered, but not the INVITE", transport.UDP, func(r *rig) {
			c := r.send("INVITE")
			r.answer("INVITE", 180)
			cancel(c)
			r.wait(time.Second)
			r.answer("CANCEL", 100)
			r.answer("CANCEL", 200)
			r.answer("CANCEL", 200)
			r.wait(40 * time.Second)
			r.answer("INVITE", 200) // too late for anybody
			r.answer("CANCEL", 200)
		}, []string{
			"0s sent INVITE", "0s response 180", "0s sent CANCEL", "500ms sent CANCEL", "32s failed: no final response in time",
			"41s stray 200",
		}},

		{"over a stream", transport.TCP, func(r *rig) {
			c := r.send("INVITE")
			r.answer("INVITE", 180)
			cancel(c)
			r.wait(40 * time.Second)
		}, []string{"0s sent INVITE", "0s response 180", "0s sent CANCEL", "32s failed: no final response in time"}},

		{"no provisional ever", transport.TCP, func(r *rig) {
			c := r.send("INVITE")
			cancel(c)
			r.wait(40 * time.Second)
		}, []string{"0s sent INVITE", "32s failed: no final response in time"}},

		{"not an INVITE", transport.TCP, func(r *rig) {
			c := r.send("BYE")
			r.answer("BYE", 100)
			cancel(c)
			r.answer("BYE", 200)
		}, []string{"0s sent BYE", "0s response 100", "0s response 200"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

func TestCounters(t *testing.T) {
	inBubble(t, func(t *bubble) {
		r := newRig(t, transport.UDP)
		r.request("INVITE")
		r.respond(486) // never acknowledged: 10 retransmissions
		r.send("BYE")  // never answered: 10
		r.request("INVITE")
		r.receive(shape{method: "CANCEL", branch: branch1 + "x"})
		r.answer("OPTIONS", 200)
		live := r.layer.Counters()
		r.wait(40 * time.Second)
		got := r.layer.Counters()
		want := Counters{
			InviteServers: Population{Created: 1}, OtherClients: Population{Created: 1},
			Absorbed: 1, Retransmitted: 21, Timeouts: 2, Strays: 1, Unmatched: 1,
		}
		if got != want {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		if live.InviteServers.Live != 1 || live.OtherClients.Live != 1 {
			t.Errorf("while live %+v", live)
		}
	})
}
