package transport

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
)

// The two sorts of flow ID never meet: those of UDP have the top bit set.
const udpBit = 1 << 63

// counter gives out the IDs of stream flows, from a random start so that a
// restarted process does not repeat those of its predecessor.
type counter struct {
	base uint64
	next atomic.Uint64
}

func newCounter() *counter { return &counter{base: rand.Uint64()} } //nolint:gosec // names, not secrets

// id returns the next ID, never 0.
func (c *counter) id() uint64 {
	for {
		if id := (c.base + c.next.Add(1)) &^ udpBit; id != 0 {
			return id
		}
	}
}

// UDPFlowID returns the ID of the UDP flow between two addresses.
func UDPFlowID(local, remote netip.AddrPort) uint64 { return pairID(plain(local), plain(remote)) }

// pairID hashes the addresses of a UDP flow (FNV-1a, then mixed well, so that
// any of its bits can choose a shard).
func pairID(local, remote netip.AddrPort) uint64 {
	h := uint64(14695981039346656037)
	for _, a := range [2]netip.AddrPort{local, remote} {
		for _, b := range a.Addr().As16() {
			h = (h ^ uint64(b)) * 1099511628211
		}
		h = (h ^ uint64(a.Port())) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return (h ^ h>>31) | udpBit
}

// plain returns a with an IPv4-mapped address unmapped: one peer, one value.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
