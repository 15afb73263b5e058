package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/transport"
)

// RFC 3261 figure 7 and RFC 6026 figure 1.
func TestInviteServer(t *testing.T) {
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"provisional repeated for each retransmission", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.request("INVITE") // nothing to repeat yet
			r.respond(100)
			r.request("INVITE")
			r.respond(180)
			r.wait(time.Second)
			r.request("INVITE")
			r.tx.Drop()
		}, []string{"0s request INVITE", "0s sent 100", "0s sent 100", "0s sent 180", "1s sent 180"}},

		{"2xx is the user's to repeat", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.respond(200)
			r.request("INVITE")
			r.wait(10 * time.Second)
			r.respond(200)
			r.respond(486) // too late
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.wait(21 * time.Second)
			r.request("INVITE")
			r.wait(time.Second) // timer L
			r.request("INVITE")
			r.tx.Drop()
		}, []string{"0s request INVITE", "0s sent 200", "10s sent 200", "10s ack", "32s request INVITE"}},

		{"2xx over a stream stays too", transport.TCP, func(r *rig) {
			r.request("INVITE")
			r.respond(180)
			r.respond(200)
			r.wait(20 * time.Second)
			r.respond(200)
			r.wait(13 * time.Second)
			r.respond(200)
		}, []string{"0s request INVITE", "0s sent 180", "0s sent 200", "20s sent 200"}},

		{"final repeated by timer G until timer H", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.respond(486)
			r.wait(40 * time.Second)
		}, []string{
			"0s request INVITE", "0s sent 486", "500ms sent 486", "1.5s sent 486", "3.5s sent 486", "7.5s sent 486", "11.5s sent 486",
			"15.5s sent 486", "19.5s sent 486", "23.5s sent 486", "27.5s sent 486", "31.5s sent 486",
		}},

		{"final repeated for a retransmission", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.respond(486)
			r.request("INVITE")
			r.respond(200) // too late
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
		}, []string{"0s request INVITE", "0s sent 486", "0s sent 486"}},

		{"ACK enters Confirmed for T4", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.respond(486)
			r.wait(600 * time.Millisecond)
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.request("INVITE")
			r.wait(4900 * time.Millisecond)
			r.request("INVITE")
			r.wait(100 * time.Millisecond) // timer I
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
		}, []string{"0s request INVITE", "0s sent 486", "500ms sent 486", "5.6s ack"}},

		{"ACK ends it over a stream", transport.TCP, func(r *rig) {
			r.request("INVITE")
			r.respond(486)
			r.wait(10 * time.Second)
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.empty()
		}, []string{"0s request INVITE", "0s sent 486"}},

		{"no ACK over a stream", transport.TCP, func(r *rig) {
			r.request("INVITE")
			r.respond(486)
			r.wait(32 * time.Second)
			r.empty()
		}, []string{"0s request INVITE", "0s sent 486"}},

		{"its connection is gone, 2xx", transport.TCP, func(r *rig) {
			r.request("INVITE")
			r.flow.Close()
			r.respond(180)
			r.respond(200)
			r.empty()
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
		}, []string{"0s request INVITE", "0s ack"}},

		{"its connection is gone, non-2xx", transport.TCP, func(r *rig) {
			r.request("INVITE")
			r.flow.Close()
			r.respond(486)
			r.empty()
		}, []string{"0s request INVITE"}},

		{"an ACK of nothing yet", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t1"})
			r.tx.Drop()
		}, []string{"0s request INVITE"}},

		{"dropped", transport.UDP, func(r *rig) {
			r.request("INVITE")
			r.tx.Drop()
			r.tx.Drop()
			r.respond(200)
			r.empty()
		}, []string{"0s request INVITE"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}

func TestRespondOnce(t *testing.T) {
	once := func(r *rig) func(tx *Server) {
		return func(tx *Server) {
			tx.RespondOnce([]byte(shape{method: tx.Method().String(), branch: branch1, status: 407, toTag: tx.Tag()}.text()))
			r.empty()
		}
	}
	tests := []struct {
		name   string
		kind   transport.Kind
		script func(r *rig)
		want   []string
	}{
		{"its ACK is absorbed", transport.UDP, func(r *rig) {
			r.onRequest = once(r)
			r.request("INVITE")
			r.receive(shape{method: "ACK", branch: branch1, toTag: r.tx.Tag()})
		}, []string{"0s request INVITE", "0s sent 407"}},
		{"other ACKs pass", transport.TCP, func(r *rig) {
			r.onRequest = once(r)
			r.request("INVITE")
			r.receive(shape{method: "ACK", branch: branch1 + "b", toTag: r.tx.Tag()})
			r.receive(shape{method: "ACK", branch: branch1, toTag: "t9"})
			r.receive(shape{method: "ACK", branch: branch1})
		}, []string{"0s request INVITE", "0s sent 407", "0s ack", "0s ack"}},
		{"a retransmission is new", transport.UDP, func(r *rig) {
			r.onRequest = once(r)
			r.request("REGISTER")
			r.request("REGISTER")
			r.respond(200)
		}, []string{"0s request REGISTER", "0s sent 407", "0s request REGISTER", "0s sent 407"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, test.kind, test.script, test.want) })
	}
}
