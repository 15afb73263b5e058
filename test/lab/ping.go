package lab

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"carillon/test/tool"
)

// pingEvery is the time between two pings.
const pingEvery = 200 * time.Millisecond

// A Pinger pings an address five times a second until its test ends.
type Pinger struct {
	conn  net.PacketConn
	to    net.IPAddr
	watch *tool.Stopwatch

	mu   sync.Mutex
	last time.Duration // when an answer came
	gap  time.Duration // the longest time without one since Gap was asked
}

// Ping begins to ping an address from a host.
func (h Host) Ping(tb testing.TB, at netip.Addr) *Pinger {
	tb.Helper()
	p := &Pinger{to: net.IPAddr{IP: at.AsSlice()}, watch: tool.Start(tb)}
	if err := h.from(func() (err error) {
		p.conn, err = net.ListenPacket("ip4:icmp", h.Addr.String()) //nolint:noctx // it ends with the test
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	var both sync.WaitGroup
	done := make(chan struct{})
	both.Go(func() { p.asks(done) })
	both.Go(p.hears)
	tb.Cleanup(func() {
		close(done)
		_ = p.conn.Close()
		both.Wait()
	})
	return p
}

// asks sends echo requests (RFC 792).
func (p *Pinger) asks(done <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for n := uint16(0); ; n++ {
		b := []byte{8, 0, 0, 0, 0x4c, 0x01, 0, 0}
		binary.BigEndian.PutUint16(b[6:], n)
		sum := uint32(0x0800) + 0x4c01 + uint32(n)
		binary.BigEndian.PutUint16(b[2:], ^uint16(sum+sum>>16))
		_, _ = p.conn.WriteTo(b, &p.to) // also while nobody has the address
		select {
		case <-tick.C:
		case <-done:
			return
		}
	}
}

func (p *Pinger) hears() {
	for b := make([]byte, 1<<11); ; { //nolint:mnd // more than any answer has
		n, from, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if n > 0 && b[0] == 0 && from.String() == p.to.String() { // 0 is an answer
			p.heard()
		}
	}
}

func (p *Pinger) heard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.watch.Took()
	p.gap, p.last = max(p.gap, now-p.last), now
}

// Gap returns the longest time between two answers since it was asked last, once
// there is an answer again.
func (p *Pinger) Gap(tb testing.TB) (gap time.Duration) {
	tb.Helper()
	p.mu.Lock()
	before := p.last
	p.mu.Unlock()
	eventually(tb, "there is an answer to a ping", 30*time.Second, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		gap = p.gap
		return p.last > before
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gap = 0
	return gap
}
