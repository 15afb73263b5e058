package session

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"carillon/cluster/replica"
)

// A frame is its length, its kind and a body. The first from either side is a
// hello, which says the version that the sender speaks; the lower one counts.
const (
	frameHello     = 1 + iota // version, what the sender has of the configuration; what follows is for later
	frameSubscribe            // what the sender wants and has
	frameName                 // a number for a namespace of the sender
	frameDelta                // number, delta
	frameCursor               // number of a namespace of the receiver, where to go on
	frameFeed                 // a piece of the configuration
	frameNext                 // number, a delta that goes on where the last one ended; since version 2
	frameSince                // number, cursor, check, a delta that goes on there; since version 2
	// 16 is frameHeld, 17 frameInterest, 18 frameClaim, 19 frameAmend, and 20 frameIndex.
)

const (
	protocolVersion = 5
	maxFrame        = 4 << 20
	maxName         = 255
	frameCost       = 2 // length and kind, of the usual frame
)

var errFrame = errors.New("malformed frame")

func appendFrame(dst []byte, kind byte, body []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(body))+1)
	dst = append(dst, kind)
	return append(dst, body...)
}

type frameReader struct {
	r   *bufio.Reader
	buf []byte
}

// next returns the next frame, whose body is valid until the one after it.
func (f *frameReader) next() (kind byte, body []byte, err error) {
	n, err := binary.ReadUvarint(f.r)
	if err != nil {
		return 0, nil, err
	}
	if n == 0 || n > maxFrame {
		return 0, nil, errFrame
	}
	if n > uint64(cap(f.buf)) || cap(f.buf) > 4*fullBatch && n <= fullBatch {
		f.buf = make([]byte, n)
	}
	f.buf = f.buf[:n]
	if _, err = io.ReadFull(f.r, f.buf); err != nil {
		return 0, nil, err
	}
	return f.buf[0], f.buf[1:], nil
}

// A subscription says what the sender wants, and what it has.
type subscription struct {
	scope  scope
	feed   bool // the configuration too, from after index
	index  uint64
	checks bool // haves are told in full
	haves  []have
}

// The flags of a subscription, below its scope.
const (
	subscribeFeed = 1 << iota
	subscribeScope
	subscribeChecks = 1 << 3
	scopeBits       = 3
)

func appendSubscription(dst []byte, s subscription) []byte {
	flags := byte(s.scope) * subscribeScope
	if s.feed {
		flags |= subscribeFeed
	}
	if s.checks {
		flags |= subscribeChecks
	}
	body := binary.AppendUvarint([]byte{flags}, s.index)
	owner := ""
	for _, h := range s.haves {
		if h.owner == owner { // an empty name stands for the one before
			h.owner = ""
		} else {
			owner = h.owner
		}
		body = appendText(appendText(body, h.owner), h.channel)
		body = appendCursorText(body, h.cursor)
		if s.checks {
			body = binary.AppendUvarint(body, h.heard-h.cursor.Max)
			body = binary.AppendUvarint(body, uint64(h.check))
		}
	}
	return appendFrame(dst, frameSubscribe, body)
}

func parseSubscription(body []byte) (subscription, error) {
	r := fields{data: body}
	flags := r.byte()
	s := subscription{
		scope: scope(flags / subscribeScope & scopeBits), feed: flags&subscribeFeed != 0, checks: flags&subscribeChecks != 0, index: r.number(),
	}
	r.check(s.scope <= scopeAll)
	owner := ""
	for len(r.data) > 0 && !r.bad {
		h := have{owner: r.text(), channel: r.text(), cursor: r.cursor()}
		h.heard = h.cursor.Max
		if s.checks {
			h.heard += r.number()
			check := r.number()
			r.check(h.heard >= h.cursor.Max && check < 1<<32)
			h.check = replica.Check(check) //nolint:gosec // bounded
		}
		if h.owner == "" {
			h.owner = owner
		}
		owner = h.owner
		s.haves = append(s.haves, h)
	}
	return s, r.err()
}

func appendName(dst []byte, id uint64, owner, channel string) []byte {
	body := binary.AppendUvarint(nil, id)
	return appendFrame(dst, frameName, appendText(appendText(body, owner), channel))
}

func parseName(body []byte) (id uint64, owner, channel string, err error) {
	r := fields{data: body}
	id, owner, channel = r.number(), r.text(), r.text()
	return id, owner, channel, r.err()
}

func appendDelta(dst []byte, id uint64, d *replica.Delta) []byte {
	body, _ := d.AppendBinary(binary.AppendUvarint(nil, id)) // it never fails
	return appendFrame(dst, frameDelta, body)
}

func parseDelta(body []byte) (id uint64, d replica.Delta, err error) {
	r := fields{data: body}
	id = r.number()
	if r.bad {
		return 0, d, errFrame
	}
	return id, d, d.UnmarshalBinary(r.data)
}

// appendNext writes a delta that was written by [replica.Replica.AppendNext].
func appendNext(dst []byte, id uint64, delta []byte) []byte {
	return appendFrame(dst, frameNext, append(binary.AppendUvarint(nil, id), delta...))
}

// appendSince writes such a delta for who says that it is at from.
func appendSince(dst []byte, id uint64, from replica.Cursor, check replica.Check, delta []byte) []byte {
	body := appendCursorText(binary.AppendUvarint(nil, id), from)
	return appendFrame(dst, frameSince, append(binary.AppendUvarint(body, uint64(check)), delta...))
}

func appendCursor(dst []byte, id uint64, at replica.Cursor) []byte {
	return appendFrame(dst, frameCursor, appendCursorText(binary.AppendUvarint(nil, id), at))
}

func parseCursor(body []byte) (id uint64, at replica.Cursor, err error) {
	r := fields{data: body}
	id, at = r.number(), r.cursor()
	return id, at, r.err()
}

func appendCursorText(dst []byte, c replica.Cursor) []byte {
	dst = binary.AppendUvarint(dst, c.Inc)
	dst = binary.AppendUvarint(dst, c.Max)
	return binary.AppendUvarint(dst, c.Floor)
}

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// fields takes fields off the front of data. After the first that is malformed
// it returns zeros.
type fields struct {
	data []byte
	bad  bool
}

func (r *fields) check(ok bool) { r.bad = r.bad || !ok }

func (r *fields) err() error {
	if r.bad {
		return errFrame
	}
	return nil
}

func (r *fields) byte() byte {
	if r.check(len(r.data) > 0); r.bad {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *fields) number() uint64 {
	v, n := binary.Uvarint(r.data)
	if r.check(n > 0); r.bad {
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *fields) text() string {
	n := r.number()
	if r.check(n <= maxName && n <= uint64(len(r.data))); r.bad {
		return ""
	}
	s := string(r.data[:n])
	r.data = r.data[n:]
	return s
}

func (r *fields) cursor() replica.Cursor {
	return replica.Cursor{Inc: r.number(), Max: r.number(), Floor: r.number()}
}
