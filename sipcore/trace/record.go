package trace

import (
	"encoding/binary"
	"net/netip"
	"time"

	"carillon/sipcore/transport"
)

// An entry is one message as it passed.
type entry struct {
	At            time.Time
	Sent          bool // else received
	Kind          transport.Kind
	Local, Remote netip.AddrPort
	Flow          uint64 // its ID
	Node          string // at the other end, if that is one
	raw           string // the message, or its beginning
	size          int    // of the whole message
}

// maxKept is how much of a message is remembered. It leaves a gulp room.
const maxKept = 16 << 10

// A record is, in little endian: its size (4 bytes), the message's size (4), the
// time (8), a stream's ID (8), flags (1), kind (1), the two addresses (18 each), the length of the
// node's name (1), the name, and what is kept of the message.
const (
	sizeBytes   = 4
	addrBytes   = 18
	fixedBytes  = sizeBytes + 4 + 8 + 8 + 1 + 1 + 2*addrBytes + 1
	longestNode = 63
	longestHead = fixedBytes + longestNode
)

const flagSent = 1

// appendHead appends all of a record but the message.
func appendHead(b []byte, at time.Time, f transport.Flow, sent bool, size, kept int) []byte {
	node := f.Node()
	node = node[:min(len(node), longestNode)]
	flags := byte(0)
	if sent {
		flags = flagSent
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(fixedBytes+len(node)+kept)) //nolint:gosec // small
	b = le.AppendUint32(b, uint32(size))                      //nolint:gosec // small
	b = le.AppendUint64(b, uint64(at.UnixNano()))
	b = le.AppendUint64(b, streamID(f))
	b = append(b, flags, byte(f.Kind()))
	b = appendAddr(b, f.Local())
	b = appendAddr(b, f.Remote())
	b = append(b, byte(len(node))) //nolint:gosec // at most longestNode
	return append(b, node...)
}

// streamID is the ID of a stream flow. That of a UDP flow follows from its
// addresses, and who reads has the time to find it.
func streamID(f transport.Flow) uint64 {
	if f.Kind() == transport.UDP {
		return 0
	}
	return f.ID()
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	b = append(b, ip[:]...)
	return binary.LittleEndian.AppendUint16(b, a.Port())
}

// recordsize reads the size of the record that p begins with.
func recordSize(p []byte) int { return int(binary.LittleEndian.Uint32(p)) }

// readRecord reads the record that p begins with, and returns its size; 0 if it
// is not all there.
func readRecord(p []byte) (entry, int) {
	if len(p) < fixedBytes || len(p) < recordSize(p) {
		return entry{}, 0
	}
	n := recordSize(p)
	le, rest := binary.LittleEndian, p[sizeBytes:n]
	e := entry{size: int(le.Uint32(rest)), At: time.Unix(0, int64(le.Uint64(rest[4:])))} //nolint:gosec // the bits are kept
	e.Flow = le.Uint64(rest[12:])
	rest = rest[20:]
	e.Sent, e.Kind = rest[0]&flagSent != 0, transport.Kind(rest[1])
	e.Local, e.Remote = readAddr(rest[2:]), readAddr(rest[2+addrBytes:])
	rest = rest[2+2*addrBytes:]
	named := int(rest[0])
	if e.Kind == transport.UDP {
		e.Flow = transport.UDPFlowID(e.Local, e.Remote)
	}
	e.Node, e.raw = string(rest[1:1+named]), string(rest[1+named:])
	return e, n
}

func readAddr(p []byte) netip.AddrPort {
	ip := netip.AddrFrom16([16]byte(p[:16])).Unmap()
	return netip.AddrPortFrom(ip, binary.LittleEndian.Uint16(p[16:]))
}
