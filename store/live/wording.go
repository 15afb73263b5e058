package live

import "math"

// The text of an entry is its key, then what others are told of it, as they are
// told. One of this node goes on with what is its own business: the Call-ID, and
// the source when that is the far end of a connection. Of a pointer there is the
// key alone.
type wording struct {
	text string
	at   places
}

// places says where the parts of a text begin or end.
type places struct {
	userEnd, keyEnd, contact, contactEnd, toldEnd, callIDEnd uint16
}

// maxText bounds the text of an entry: its parts are found by 16 bits.
const maxText = math.MaxUint16

// What a text takes besides the texts in it, at most: numbers, addresses, how long
// each text is.
const (
	besides     = 160
	besidesPath = 3
)

// textSize is not less than the size of the text of x.
func (x *Binding) textSize() int {
	n := besides + len(x.User) + len(x.Device) + len(x.Contact) + len(x.CallID) + len(x.Transport) + len(x.UserAgent) + len(x.Site)
	for _, p := range x.Path {
		n += len(p) + besidesPath
	}
	return n
}

// placesOf returns where the parts of x are in a text of which others are told what is
// before toldEnd. contactEnd is counted from the end of the key.
//
//nolint:gosec // whoever makes a text sees to it that it is not longer than maxText
func placesOf(x *Binding, contactEnd, toldEnd int) places {
	keyEnd := len(x.User) + len(separator) + len(x.Device)
	contactEnd += keyEnd
	return places{
		userEnd: uint16(len(x.User)), keyEnd: uint16(keyEnd),
		contact: uint16(contactEnd - len(x.Contact)), contactEnd: uint16(contactEnd),
		toldEnd: uint16(toldEnd), callIDEnd: uint16(toldEnd),
	}
}

// wordingOf puts a binding of this node into words; room is kept for the next one.
func wordingOf(x *Binding, room *[]byte) wording {
	b := append(append(append((*room)[:0], x.User...), separator...), x.Device...)
	b, contactEnd := x.appendShared(b)
	w := wording{at: placesOf(x, contactEnd, len(b))}
	b = append(b, x.CallID...)
	w.at.callIDEnd = uint16(len(b)) //nolint:gosec // see placesOf
	if x.isStream() {
		b = appendAddr(b, x.Source)
	}
	*room, w.text = b, string(b)
	return w
}

// pointerWording puts a pointer into words.
func pointerWording(x *Binding) wording {
	text := x.Key()
	return wording{text, placesOf(x, 0, len(text))}
}
