package transport

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// The opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	opMore   = 0x0 // goes on with a message
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// The codes of a closing frame (RFC 6455 section 7.4.1).
const (
	closeNormal   = 1000
	closeAway     = 1001
	closeProtocol = 1002
	closeTooBig   = 1009
)

const (
	finBit     = 0x80
	maskBit    = 0x80
	maxControl = 125 // bytes of a ping, pong or close
	maxHeader  = 14  // bytes before a frame's payload
)

// frames takes messages out of an inbox that WebSocket frames come into: each
// message of it is one SIP message (RFC 7118 section 5). It does no I/O.
type frames struct {
	part    []byte // of a message in several frames, so far
	open    bool   // there is such a one
	pinged  bool
	payload []byte // of the last ping, which alone is answered (RFC 6455 section 5.5.3)
	blank   bool   // a ping of SIP's own came: CRLFCRLF
}

// A frameError ends a flow, and says so to the peer with a code.
type frameError struct {
	code uint16
	why  string
}

// Error implements error.
func (e *frameError) Error() string { return fmt.Sprintf("WebSocket closed: %s (%d)", e.why, e.code) }

func broken(why string) error { return &frameError{closeProtocol, why} }

// header is the beginning of a frame.
type header struct {
	op     byte
	fin    bool
	size   int // bytes before the payload
	length int // of the payload
	mask   [4]byte
}

// readHeader reads the header of the frame that b begins with; size is 0 when
// more bytes are needed. Frames of clients are masked.
func readHeader(b []byte) (header, error) {
	if len(b) < 2 {
		return header{}, nil
	}
	h := header{op: b[0] & 0xf, fin: b[0]&finBit != 0}
	short := int(b[1] &^ maskBit)
	switch {
	case b[0]&0x70 != 0:
		return h, broken("an extension that was not agreed on")
	case b[1]&maskBit == 0:
		return h, broken("a frame without mask")
	case h.op >= opClose && (!h.fin || short > maxControl):
		return h, broken("a control frame that is too long or not whole")
	}
	rest := b[2:]
	wide := 0
	switch short {
	case 126:
		wide = 2
	case 127:
		wide = 8
	}
	if len(rest) < wide+4 {
		return h, nil
	}
	if h.length = short; wide > 0 {
		h.length = wideLength(rest[:wide])
	}
	h.mask = [4]byte(rest[wide:])
	h.size = 2 + wide + 4
	return h, nil
}

// wideLength reads a length of 2 or 8 bytes; one that nobody can mean is as
// large as can be.
func wideLength(b []byte) int {
	if len(b) == 2 {
		return int(binary.BigEndian.Uint16(b))
	}
	return int(min(binary.BigEndian.Uint64(b), 1<<31-1))
}

// next takes one item from the front of in. A message is valid until room is
// called.
func (f *frames) next(in *inbox) (item, []byte, error) {
	for {
		h, payload, err := in.frame()
		if err != nil || h.size == 0 {
			return nothing, nil, err
		}
		it, message, err := f.take(h, payload, in.limit)
		if err != nil || it != nothing {
			return it, message, err
		}
	}
}

// frame takes a frame from the front, if it is whole.
func (in *inbox) frame() (header, []byte, error) {
	rest := in.pending()
	h, err := readHeader(rest)
	switch {
	case err != nil:
		return h, nil, err
	case h.length > in.limit:
		return h, nil, &frameError{closeTooBig, "a frame that is too long"}
	case h.size == 0 || len(rest) < h.size+h.length:
		return header{}, nil, nil
	}
	payload := rest[h.size : h.size+h.length]
	unmask(payload, h.mask)
	in.take(h.size + h.length)
	return h, payload, nil
}

// take acts on one frame. It is nothing when no message ends with it.
func (f *frames) take(h header, payload []byte, limit int) (item, []byte, error) {
	switch {
	case h.op == opPing:
		f.pinged = true
		f.payload = append(f.payload[:0], payload...)
		return ping, nil, nil
	case h.op == opPong:
		return nothing, nil, nil
	case h.op == opClose:
		return nothing, nil, &frameError{closeNormal, "by the peer"}
	case h.op > opBinary:
		return nothing, nil, broken("a frame of an unknown kind")
	case (h.op == opMore) != f.open:
		return nothing, nil, broken("messages in one another")
	case h.fin && !f.open:
		return f.message(payload)
	case len(f.part)+len(payload) > limit:
		return nothing, nil, &frameError{closeTooBig, "a message that is too long"}
	}
	f.part = append(f.part, payload...)
	if f.open = !h.fin; f.open {
		return nothing, nil, nil
	}
	whole := f.part
	f.part = nil
	return f.message(whole)
}

// message tells a SIP message from a keep-alive (RFC 5626 section 4.4.1) and
// its answer.
func (f *frames) message(b []byte) (item, []byte, error) {
	switch string(b) {
	case "", "\r\n":
		return nothing, nil, nil
	case "\r\n\r\n":
		f.blank = true
		return ping, nil, nil
	}
	return whole, b, nil
}

// pongs returns the answers to what came since the last call.
func (f *frames) pongs() []byte {
	var b []byte
	if f.pinged {
		b = appendFrame(b, opPong, f.payload)
	}
	if f.blank {
		b = appendFrame(b, opText, []byte(crlf))
	}
	f.pinged, f.blank, f.payload = false, false, nil
	return b
}

// half reports whether a message has begun and not ended.
func (f *frames) half() bool { return f.open }

// kept is what waits for the rest of a message.
func (f *frames) kept() int { return cap(f.part) }

// appendMessage appends a SIP message as a frame: of text if it is that, for a
// browser ends a connection that calls other things text.
func appendMessage(dst, m []byte) []byte {
	op := byte(opText)
	if !utf8.Valid(m) {
		op = opBinary
	}
	return appendFrame(dst, op, m)
}

// appendFrame appends a whole, unmasked frame, as a server sends it.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, finBit|op)
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, byte(n))
	case n <= 0xffff:
		dst = append(dst, 126, byte(n>>8), byte(n)) //nolint:gosec // two bytes of it
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

// unmask undoes the mask of a frame (RFC 6455 section 5.3).
func unmask(b []byte, mask [4]byte) {
	word := uint64(binary.LittleEndian.Uint32(mask[:]))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}
