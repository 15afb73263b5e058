package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
)

// The kinds of Token.
const (
	RecordRoute = 'R'
	Path        = 'P'
	Pickup      = 'U' // the phone that picks a call up
)

// A Token says what a node needs to find a phone again, in a URI that the node
// itself wrote. User and Device lead to the phone wherever it is now; Flow is
// where it was.
type Token struct {
	Kind   byte // RecordRoute, Path or Pickup
	User   string
	Device string
	Flow   uint64
	Remote netip.AddrPort // the phone's address if the flow is UDP; else zero
	Dialog uint64         // DialogHash of the dialog it was made for; 0 = none
}

// DialogHash is what a Token keeps of a call: its Call-ID and the tag of who
// began it (RFC 3261 section 12). It is the same on every node.
func DialogHash(callID, tag string) uint64 {
	var buf [192]byte
	text := append(append(buf[:0], callID...), 0) // neither can hold it
	sum := sha256.Sum256(append(text, tag...))
	return binary.BigEndian.Uint64(sum[:8]) | 1
}

// maxToken bounds what Open looks at.
const maxToken = 1024

// What follows the kind, in the order of the flags.
const (
	hasFlow   = 1 << iota // 8 bytes
	hasDialog             // 8 bytes
	hasRemote             // length and address
	hasUUID               // 16 bytes: Device begins with a urn:uuid
)

// Seal returns t as text that can stand in the user part of a SIP URI: about 70
// characters. Who is not a node of the system can neither read nor make nor
// change it.
func (s *Sealer) Seal(t Token) string {
	var buf [128]byte
	return string(s.AppendSeal(buf[:0], t))
}

// AppendSeal appends what Seal returns to dst.
//
// A Path and a Pickup go from node to node alone, and are believed because of who brings
// them: they are sealed with the earliest key, for the other node may not have heard of
// the one in force yet.
func (s *Sealer) AppendSeal(dst []byte, t Token) []byte {
	k := s.inForce()
	if t.Kind == Path || t.Kind == Pickup {
		k = (*s.keys.Load())[0]
	}
	w := k.tokens.scratch.Get().(*scratch)
	defer k.tokens.scratch.Put(w)
	var room [tagSize]byte
	w.text = t.append(append(w.text[:0], room[:]...))
	k.tokens.seal(w)
	return w.encoding.AppendEncode(dst, w.text)
}

// Open returns the Token that was sealed as text with the key in force, and false
// when text is not what Seal made, to the letter.
func (s *Sealer) Open(text string) (Token, bool) { return s.inForce().open(text) }

// OpenEarlier opens what was sealed with a key that was in force before. Somebody
// who is no node any more may have that one: believe it only where something else
// speaks for the Token.
func (s *Sealer) OpenEarlier(text string) (Token, bool) {
	for _, k := range slices.Backward(s.earlier()) {
		if t, ok := k.open(text); ok {
			return t, true
		}
	}
	return Token{}, false
}

func (k *keyed) open(text string) (Token, bool) {
	if len(text) > maxToken {
		return Token{}, false
	}
	w := k.tokens.scratch.Get().(*scratch)
	defer k.tokens.scratch.Put(w)
	if !w.decode(text) {
		return Token{}, false
	}
	plain, ok := k.tokens.open(w)
	if !ok {
		return Token{}, false
	}
	return parseToken(plain)
}

// append writes: kind, flags, what the flags say, the length of User, User, and
// the rest of Device.
func (t *Token) append(dst []byte) []byte {
	dst = append(dst, t.Kind, 0)
	at := len(dst) - 1
	if t.Flow != 0 {
		dst[at] |= hasFlow
		dst = binary.BigEndian.AppendUint64(dst, t.Flow)
	}
	if t.Dialog != 0 {
		dst[at] |= hasDialog
		dst = binary.BigEndian.AppendUint64(dst, t.Dialog)
	}
	if t.Remote.IsValid() {
		dst[at] |= hasRemote
		dst = appendAddr(dst, t.Remote)
	}
	rest := t.Device
	if id, after, ok := cutUUID(t.Device); ok {
		dst[at] |= hasUUID
		dst, rest = append(dst, id[:]...), after
	}
	dst = binary.AppendUvarint(dst, uint64(len(t.User)))
	dst = append(dst, t.User...)
	return append(dst, rest...)
}

func appendAddr(dst []byte, a netip.AddrPort) []byte {
	at := len(dst)
	dst = append(dst, 0)
	dst, _ = a.AppendBinary(dst)      // its error is always nil
	dst[at] = byte(len(dst) - at - 1) //nolint:gosec // an address with a zone of ours is short
	return dst
}

func parseToken(b []byte) (t Token, ok bool) {
	if len(b) < 2 {
		return Token{}, false
	}
	t.Kind, ok = b[0], true
	flags := b[1]
	b = b[2:]
	if flags&hasFlow != 0 {
		t.Flow, b, ok = cutUint64(b, ok)
	}
	if flags&hasDialog != 0 {
		t.Dialog, b, ok = cutUint64(b, ok)
	}
	if flags&hasRemote != 0 {
		t.Remote, b, ok = cutAddr(b, ok)
	}
	var id []byte
	if flags&hasUUID != 0 {
		id, b, ok = cut(b, 16, ok)
	}
	n, size := binary.Uvarint(b)
	if !ok || size <= 0 || n > uint64(len(b[size:])) {
		return Token{}, false
	}
	user, device := b[size:][:n], b[size:][n:]
	var buf [128]byte
	names := append(buf[:0], user...)
	if id != nil {
		names = appendUUID(names, [16]byte(id))
	}
	both := string(append(names, device...)) // one allocation for two
	t.User, t.Device = both[:n], both[n:]
	return t, true
}

func cut(b []byte, n int, ok bool) (field, rest []byte, still bool) {
	if !ok || len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func cutUint64(b []byte, ok bool) (n uint64, rest []byte, still bool) {
	field, rest, ok := cut(b, 8, ok)
	if !ok {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(field), rest, true
}

func cutAddr(b []byte, ok bool) (a netip.AddrPort, rest []byte, still bool) {
	size, rest, ok := cut(b, 1, ok)
	if !ok {
		return a, nil, false
	}
	field, rest, ok := cut(rest, int(size[0]), ok)
	return a, rest, ok && a.UnmarshalBinary(field) == nil && a.IsValid()
}

const uuidPrefix = "urn:uuid:"

// cutUUID takes a urn:uuid in its usual spelling off the front of a device: 16
// bytes instead of 45. Any other spelling is left alone, because a device must
// come back to the letter.
func cutUUID(device string) (id [16]byte, rest string, ok bool) {
	const size = len(uuidPrefix) + 36
	if len(device) < size || !strings.HasPrefix(device, uuidPrefix) {
		return id, device, false
	}
	text := device[len(uuidPrefix):size]
	var digits [32]byte
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return id, device, false
			}
		case 'A' <= c && c <= 'F':
			return id, device, false
		default:
			digits[n] = c
			n++
		}
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return id, device, false
	}
	return id, device[size:], true
}

func appendUUID(dst []byte, id [16]byte) []byte {
	dst = append(dst, uuidPrefix...)
	dst = append(hex.AppendEncode(dst, id[:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:])
}
