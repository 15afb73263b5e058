package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/transport"

	"github.com/google/go-cmp/cmp"
)

// An INVITE whose client's connection is gone does not ring on, unless the
// client comes back.
func TestClientOfAnInviteGone(t *testing.T) {
	answer487 := func(r *rig) { r.onCancel = func(*Server) { r.respondLocked(487) } }
	hangUp := func(r *rig) {
		r.flow.Close()
		r.layer.Closed(r.flow)
	}
	tests := []struct {
		name   string
		script func(r *rig)
		want   []string
	}{
		{"for good", func(r *rig) {
			answer487(r)
			r.request("INVITE")
			r.respond(180)
			hangUp(r)
			r.wait(time.Second)
			hangUp(r) // of another flow: no more time for it, and no less
			r.wait(2 * time.Second)
			r.empty()
		}, []string{"0s request INVITE", "0s sent 180", "2.01s cancel"}},

		{"and back", func(r *rig) {
			r.request("INVITE")
			hangUp(r)
			r.wait(1900 * time.Millisecond)
			r.flow = r.newFlow(transport.TCP)
			r.request("INVITE")
			r.wait(5 * time.Second)
			r.respond(200)
		}, []string{"0s request INVITE", "6.9s sent 200"}},

		{"back and gone again", func(r *rig) {
			answer487(r)
			r.request("INVITE")
			hangUp(r)
			r.wait(1900 * time.Millisecond)
			r.flow = r.newFlow(transport.TCP)
			r.request("INVITE")
			hangUp(r)
			r.wait(5 * time.Second)
		}, []string{"0s request INVITE", "3.91s cancel"}},

		{"after the answer", func(r *rig) {
			r.request("INVITE")
			r.respond(200)
			hangUp(r)
			r.wait(5 * time.Second)
		}, []string{"0s request INVITE", "0s sent 200"}},

		{"of something else", func(r *rig) {
			r.request("MESSAGE")
			hangUp(r)
			r.wait(5 * time.Second)
			r.tx.Drop()
		}, []string{"0s request MESSAGE"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runRig(t, transport.TCP, test.script, test.want) })
	}
}

// Beyond MaxServers a request is refused without becoming a transaction, and its
// ACK is absorbed.
func TestTooManyServers(t *testing.T) {
	inBubble(t, func(t *bubble) {
		r := newRig(t, transport.UDP)
		r.layer.o.MaxServers = 1 // one in each shard
		m := shape{method: "INVITE", branch: branch1}.message(t)
		via, _ := m.TopVia()
		k := r.layer.keys.server(r.flow.Kind(), m, via, "INVITE")
		first := key{k[0] + tableShards, k[1]} // in the same shard
		r.layer.servers.add(first, invite, &Server{layer: r.layer, key: first})
		r.request("INVITE")
		r.receive(shape{method: "ACK", branch: branch1, toTag: r.layer.keys.toTag(k)})
		if diff := cmp.Diff([]string{"0s sent 503"}, r.trace); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
		if got := r.layer.Counters().Overloads; got != 1 || r.layer.servers.len() != 1 {
			t.Errorf("got %d overloads and %d transactions, want 1 and 1", got, r.layer.servers.len())
		}
	})
}
