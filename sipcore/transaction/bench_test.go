package transaction

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// round is how many different transactions a benchmark goes through before it
// uses a branch again: with T1 as below the first has long ended by then.
const round = 1 << 16

// A benchUser is a proxy without anything of a proxy but its transactions.
type benchUser struct {
	layer      *Layer
	out        transport.Flow
	responses  map[int][]byte
	next       int
	branches   []string
	invite     []byte
	registered []byte
}

func (u *benchUser) Request(tx *Server) {
	if tx.Method() != message.INVITE {
		tx.Respond(200, u.registered)
		return
	}
	tx.Respond(100, u.responses[100])
	tx.SetData(u.layer.Start(tx, u.out, message.INVITE, u.branches[u.next], u.invite, &benchCall{u, tx}))
}

func (u *benchUser) Ack(transport.Flow, *message.Message)   {}
func (u *benchUser) Cancel(*Server, *message.Message)       {}
func (u *benchUser) Broke(*Server)                          {}
func (u *benchUser) Stray(transport.Flow, *message.Message) {}
func (c *benchCall) Response(_ *Client, m *message.Message) {
	c.tx.Respond(m.Status(), c.responses[m.Status()])
}
func (c *benchCall) Failed(*Client, error) {}

type benchCall struct {
	*benchUser
	tx *Server
}

func newBench(b *testing.B, k transport.Kind) *benchUser {
	b.Helper()
	w := NewWheel()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	b.Cleanup(func() { cancel(); running.Wait() })
	nowhere := transport.Memory(k, us, peer, func([]byte, netip.AddrPort) error { return nil })
	u := &benchUser{out: nowhere, responses: make(map[int][]byte)}
	for _, status := range []int{100, 180, 200, 486} {
		u.responses[status] = []byte(shape{method: "INVITE", branch: branch1, status: status, toTag: "t1"}.text())
	}
	u.registered = []byte(shape{method: "REGISTER", branch: branch1, status: 200, toTag: "t1"}.text())
	u.invite = []byte(shape{method: "INVITE", branch: branch1}.text())
	u.layer = New(Options{T1: 200 * time.Microsecond, Wheel: w}, u)
	return u
}

func (s shape) all(b *testing.B) []*message.Message {
	b.Helper()
	all := make([]*message.Message, round)
	for i := range all {
		s.branch = fmt.Sprintf("%s-%020d", branch1, i)
		all[i] = s.message(b)
	}
	return all
}

func BenchmarkOtherServer(b *testing.B) {
	for _, k := range []transport.Kind{transport.UDP, transport.TCP} {
		b.Run(k.String(), func(b *testing.B) {
			u := newBench(b, k)
			requests := shape{method: "REGISTER"}.all(b)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u.layer.Receive(u.out, requests[i%round])
			}
		})
	}
}

// One INVITE through server and client: 100, 180, 200, ACK.
func BenchmarkProxiedInvite(b *testing.B) {
	for _, k := range []transport.Kind{transport.UDP, transport.TCP} {
		b.Run(k.String(), func(b *testing.B) {
			u := newBench(b, k)
			in, ack := shape{method: "INVITE"}.all(b), shape{method: "ACK", branch: "z9hG4bKack", toTag: "t1"}.message(b)
			ringing, ok := shape{method: "INVITE", status: 180}.all(b), shape{method: "INVITE", status: 200}.all(b)
			for i := range round {
				via, _ := ringing[i].TopVia()
				u.branches = append(u.branches, via.Branch)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u.next = i % round
				u.layer.Receive(u.out, in[u.next])
				u.layer.Receive(u.out, ringing[u.next])
				u.layer.Receive(u.out, ok[u.next])
				u.layer.Receive(u.out, ack)
			}
		})
	}
}

func BenchmarkNewBranch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = NewBranch()
	}
}

func BenchmarkServerKey(b *testing.B) {
	k := newKeys()
	m := shape{method: "INVITE", branch: NewBranch()}.message(b)
	b.ReportAllocs()
	for b.Loop() {
		via, _ := m.TopVia()
		_ = k.server(transport.UDP, m, via, "INVITE")
	}
}

// What a call that rings over TCP keeps alive, its parsed INVITE included.
func BenchmarkRingingCall(b *testing.B) {
	u := newBench(b, transport.TCP)
	before := inUse()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		branch := NewBranch()
		u.branches, u.next = []string{branch}, 0
		u.invite = []byte(shape{method: "INVITE", branch: branch}.text())
		u.layer.Receive(u.out, shape{method: "INVITE", branch: branch}.message(b))
		u.layer.Receive(u.out, shape{method: "INVITE", branch: branch, status: 180, toTag: "t1"}.message(b))
		n++
	}
	b.ReportMetric((float64(inUse())-float64(before))/float64(n), "live-B/op")
	runtime.KeepAlive(u)
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
