package transport

import (
	"bytes"
	"sync"

	"carillon/sipcore/message"
)

// startBuffer is what a connection reads into at first. One that waits between
// messages has no buffer at all, and one that waits inside a message not much
// more than the part it has.
const startBuffer = 8 << 10

// inbox cuts what a stream brings into messages and keep-alives. It does no I/O:
// bytes are put in by way of room and filled, and taken out with next.
type inbox struct {
	limit   int // of one message
	buffers *buffers
	frames  *frames // cuts instead, where WebSocket frames come; or nil
	buf     []byte
	from    int // buf[from:to] is not yet taken
	to      int
	scanned int  // of it, what Frame need not look at again
	odd     bool // the last bytes taken were a CRLF that may be half a ping
}

// item is what next found.
type item int

const (
	nothing item = iota // more bytes are needed
	whole               // a message
	ping                // CRLFCRLF, to be answered (RFC 5626 section 4.4.1), or a WebSocket's ping
)

// next takes one item from the front. A message is valid until room is called.
// An error means that the framing is lost and nothing after it can be read.
func (in *inbox) next() (item, []byte, error) {
	if in.frames != nil {
		return in.frames.next(in)
	}
	for {
		rest := in.pending()
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			break
		}
		in.take(2)
		if in.odd = !in.odd; !in.odd {
			return ping, nil, nil
		}
	}
	return in.nextMessage()
}

// nextMessage takes a message from the front, if it is whole.
func (in *inbox) nextMessage() (item, []byte, error) {
	rest := in.pending()
	if len(rest) == 0 || len(rest) == 1 && rest[0] == '\r' {
		return nothing, nil, nil
	}
	in.odd = false
	n, scanned, err := message.Frame(rest, in.scanned)
	switch {
	case err != nil:
		return nothing, nil, err //nolint:wrapcheck // it names what the peer did wrong
	case n == 0 && len(rest) < in.limit:
		in.scanned = scanned
		return nothing, nil, nil
	case n == 0 || n > in.limit:
		return nothing, nil, &message.SyntaxError{Status: 513, Reason: "Message Too Large"}
	}
	in.take(n)
	return whole, rest[:n], nil
}

// pending returns what is not yet taken.
func (in *inbox) pending() []byte { return in.buf[in.from:in.to] }

func (in *inbox) take(n int) {
	in.from += n
	in.scanned = 0
}

// room returns space to read into, never none. What is pending is moved to the
// front of the buffer, or, when it fills it, into one of double size.
func (in *inbox) room() []byte {
	switch {
	case in.buf == nil:
		in.buf = in.buffers.get()
	case in.from > 0:
		in.to, in.from = copy(in.buf, in.pending()), 0
	case in.to == len(in.buf):
		in.move(2 * len(in.buf))
	}
	if in.to == len(in.buf) {
		in.move(2 * len(in.buf))
	}
	return in.buf[in.to:]
}

// filled says that n bytes were read into room.
func (in *inbox) filled(n int) { in.to += n }

// shrink is called before a wait, which may be long: what is pending moves into
// a buffer of its own size, and an empty inbox keeps none. It returns how many
// bytes stay in use.
func (in *inbox) shrink() int {
	n := len(in.pending())
	switch size := bufferFor(n); {
	case n == 0:
		in.buffers.put(in.buf)
		in.buf, in.from, in.to = nil, 0, 0
	case size < len(in.buf):
		in.move(size)
	}
	return len(in.buf)
}

// move brings what is pending into a buffer of n bytes.
func (in *inbox) move(n int) {
	old, next := in.buf, make([]byte, n)
	in.to, in.from = copy(next, in.pending()), 0
	in.buf = next
	in.buffers.put(old)
}

// bufferFor returns a size for n bytes and some more to come.
func bufferFor(n int) int {
	size := 512
	for size < n+n/2 {
		size *= 2
	}
	return size
}

// buffers keeps those of startBuffer bytes for the next reader that wakes.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() []byte {
	if p, ok := b.pool.Get().(*[startBuffer]byte); ok {
		return p[:]
	}
	return make([]byte, startBuffer)
}

func (b *buffers) put(buf []byte) {
	if len(buf) == startBuffer {
		b.pool.Put((*[startBuffer]byte)(buf))
	}
}
