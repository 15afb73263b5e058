package house

import (
	"encoding/binary"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
)

// SIPPort is where every node of a test listens.
const SIPPort = 5060

var addresses atomic.Uint32 // how many this process asked for

// Address returns a loopback address on which nobody listens for SIP. Tests of
// several processes run at once, so it is chosen by process and count, and
// tried; nothing holds it until the caller listens.
func Address(tb testing.TB) netip.Addr {
	tb.Helper()
	for range 100 {
		h := fnv.New32a()
		var key [12]byte
		binary.NativeEndian.PutUint64(key[:], uint64(os.Getpid())) //nolint:gosec // a hash: any bits will do
		binary.NativeEndian.PutUint32(key[8:], addresses.Add(1))
		_, _ = h.Write(key[:])
		sum := h.Sum(nil)
		// 127.128.0.0/9, without 0 and 255 at the end.
		a := netip.AddrFrom4([4]byte{127, 128 | sum[0], sum[1], 1 + sum[2]%254})
		if free(a) {
			return a
		}
	}
	tb.Fatal("no free loopback address")
	return netip.Addr{}
}

func free(a netip.Addr) bool {
	at := netip.AddrPortFrom(a, SIPPort)
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return false
	}
	_ = u.Close()
	return true
}
