package session

import (
	"encoding/binary"
	"time"
)

// A hello is a packet beside the session. It says when its sender last heard
// anything of the receiver, and carries what it takes to measure the way there
// and back: a stamp of the sender's clock, the last stamp that came from the
// receiver, and for how long that was kept. Stamps are milliseconds, modulo
// 2^16; they are compared only with stamps of the same clock. A main's says which
// configuration it has, to who does not hear that over a session, and anybody's that it
// has no session with the receiver.
type hello struct {
	stamp uint16
	heard time.Duration // how long ago; below 0 for never
	echo  uint16
	held  time.Duration // below 0: no echo
	index uint64        // 0: not said
	alone bool
}

const (
	helloVersion = 1
	helloAlone   = 1 // behind the index
)

func (h *hello) encode() []byte {
	dst := append(make([]byte, 0, 16), helloVersion)
	dst = binary.BigEndian.AppendUint16(dst, h.stamp)
	dst = appendAge(dst, h.heard)
	dst = appendAge(dst, h.held)
	dst = binary.BigEndian.AppendUint16(dst, h.echo)
	if h.index == 0 && !h.alone {
		return dst
	}
	if dst = binary.AppendUvarint(dst, h.index); h.alone {
		dst = append(dst, helloAlone)
	}
	return dst
}

// parseHello reads a hello; what follows it is for later versions.
func parseHello(b []byte) (h hello, ok bool) {
	r := fields{data: b}
	r.check(r.byte() == helloVersion)
	h.stamp = r.short()
	h.heard, h.held = r.age(), r.age()
	h.echo = r.short()
	ok = !r.bad
	if len(r.data) > 0 {
		h.index = r.number()
	}
	if !r.bad && len(r.data) > 0 {
		h.alone = r.byte()&helloAlone != 0
	}
	return h, ok
}

// appendAge writes milliseconds plus one, and 0 for none.
func appendAge(dst []byte, d time.Duration) []byte {
	if d < 0 {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(d.Milliseconds())+1) //nolint:gosec // not negative
}

func (r *fields) age() time.Duration {
	const longest = uint64(1000 * time.Hour / time.Millisecond)
	ms := r.number()
	return time.Duration(min(ms, longest))*time.Millisecond - time.Millisecond
}

func (r *fields) short() uint16 {
	if r.check(len(r.data) >= 2); r.bad {
		return 0
	}
	v := binary.BigEndian.Uint16(r.data)
	r.data = r.data[2:]
	return v
}
