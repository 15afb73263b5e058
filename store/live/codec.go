package live

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"
)

// A binding is written in two forms, both led by a version. The shared form is
// what other nodes learn: nothing in it changes at a refresh, and durations are
// sent, not instants. The record is what this node needs after a restart: the
// shared form and what is this node's own business. A reader ignores what
// follows the fields that it knows, so that later versions can add some.

const codecVersion = 1

// The flags of the shared form.
const (
	flagUp   = 1 << iota // the owner has the flow
	flagGone             // the device is registered nowhere
)

var errCodec = errors.New("malformed binding")

// remoteFlow stands for the flow that another node has.
const remoteFlow = 1

// AppendShared appends what other nodes are told about x.
func (x *Binding) AppendShared(dst []byte) []byte {
	dst, _ = x.appendShared(dst)
	return dst
}

// appendShared is AppendShared, and tells where in it the Contact ends.
func (x *Binding) appendShared(dst []byte) (_ []byte, contactEnd int) {
	start := len(dst)
	dst = append(dst, codecVersion, x.sharedFlags())
	dst = binary.AppendUvarint(dst, uint64(x.Granted/time.Second)) //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(x.Move))
	dst = binary.AppendUvarint(dst, uint64(x.RegID)) //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(math.Round(x.q()*1000)))
	dst = appendText(dst, x.Transport)
	dst = appendText(dst, x.Contact)
	contactEnd = len(dst) - start
	dst = appendText(dst, x.UserAgent)
	dst = appendAddr(dst, x.sharedSource())
	dst = binary.AppendUvarint(dst, uint64(len(x.Path)))
	for _, p := range x.Path {
		dst = appendText(dst, p)
	}
	dst = binary.AppendUvarint(dst, uint64(x.came())) //nolint:gosec // not negative
	return appendText(dst, x.Site), contactEnd
}

func (x *Binding) sharedFlags() (flags byte) {
	if x.Flow != 0 {
		flags |= flagUp
	}
	if x.Gone {
		flags |= flagGone
	}
	return flags
}

func (x *Binding) setSharedFlags(flags byte) {
	if flags&flagUp != 0 {
		x.Flow = remoteFlow
	}
	x.Gone = flags&flagGone != 0
}

// sharedSource is the source as far as others can use it: the far end of a
// connection is no address to send to.
func (x *Binding) sharedSource() netip.AddrPort {
	if x.isStream() {
		return netip.AddrPort{}
	}
	return x.Source
}

// sharesAllOf reports whether x tells others just what y did.
func (x *Binding) sharesAllOf(y *Binding) bool {
	return x.Contact == y.Contact && x.Transport == y.Transport && x.UserAgent == y.UserAgent &&
		(x.Flow != 0) == (y.Flow != 0) && x.Granted/time.Second == y.Granted/time.Second && x.Move == y.Move && x.RegID == y.RegID && x.Gone == y.Gone &&
		x.came() == y.came() && x.Site == y.Site &&
		math.Round(x.q()*1000) == math.Round(y.q()*1000) &&
		x.sharedSource() == y.sharedSource() && slices.Equal(x.Path, y.Path)
}

// refreshes reports whether x, which tells others just what y did, has nothing
// new at this node either but the time and the number of the request.
func (x *Binding) refreshes(y *Binding) bool {
	return x.Flow == y.Flow && x.Source == y.Source && x.Local == y.Local && x.CallID == y.CallID
}

// AppendRecord appends all of x but User, Device and Node.
func (x *Binding) AppendRecord(dst []byte) []byte {
	var room [384]byte
	dst = append(dst, codecVersion)
	dst = appendBytes(dst, x.AppendShared(room[:0]))
	dst = binary.AppendUvarint(dst, x.Flow)
	dst = appendAddr(dst, x.Source)
	dst = appendAddr(dst, x.Local)
	dst = appendText(dst, x.CallID)
	dst = binary.AppendUvarint(dst, uint64(x.CSeq))
	dst = binary.AppendVarint(dst, x.Expires.UnixMilli())
	return binary.AppendVarint(dst, x.Since.UnixMilli())
}

// Own returns the binding of this node that key names, and false when there is
// none any more.
func (b *Bindings) Own(key string) (Binding, bool) {
	user, device, ok := splitKey(key)
	if !ok {
		return Binding{}, false
	}
	x, ok := b.Device(user, device)
	return x, ok && x.Node == b.node
}

// AppendRecord appends to dst what is to be kept on disk under key: a record, or
// nothing and false when this node has no such binding any more.
func (b *Bindings) AppendRecord(dst []byte, key string) (record []byte, ok bool) {
	x, ok := b.Own(key)
	if !ok {
		return dst, false
	}
	return x.AppendRecord(dst), true
}

// ParseRecord reads what AppendRecord has written under key. Node is left empty.
func ParseRecord(key string, record []byte) (Binding, error) {
	user, device, ok := splitKey(key)
	r := reader{data: string(record), bad: !ok}
	r.version()
	x, _, err := parseShared(r.text())
	if err != nil {
		return Binding{}, err
	}
	x.User, x.Device = user, device
	x.Flow = r.number(math.MaxUint64)
	x.Source, x.Local = r.addr(), r.addr()
	x.CallID = r.text()
	x.CSeq = uint32(r.number(math.MaxUint32)) //nolint:gosec // bounded
	x.Expires, x.Since = r.instant(), r.instant()
	return x, r.err()
}

// parseShared reads what AppendShared has written, and tells where in it the
// Contact ends. The texts of the Binding are parts of data.
func parseShared(data string) (_ Binding, contactEnd int, _ error) {
	r := reader{data: data}
	r.version()
	flags := r.byte()
	x := Binding{
		Granted: time.Duration(r.number(math.MaxInt32)) * time.Second, //nolint:gosec // bounded
		Move:    uint32(r.number(math.MaxUint32)),                     //nolint:gosec // bounded
		RegID:   int(r.number(math.MaxInt32)),                         //nolint:gosec // bounded
		Q:       float32(r.number(1000)) / 1000,
	}
	x.Transport, x.Contact = r.text(), r.text()
	contactEnd = len(data) - len(r.data)
	x.UserAgent = r.text()
	x.Source = r.addr()
	x.Source = x.sharedSource()
	x.Path = r.path()
	x.setSharedFlags(flags)
	if len(r.data) > 0 && !r.bad {
		x.Since = time.Unix(int64(r.number(math.MaxUint32)), 0) //nolint:gosec // bounded
	}
	if len(r.data) > 0 && !r.bad {
		x.Site = r.text()
	}
	return x, contactEnd, r.err()
}

// ParseShared reads what a Journal is told under key. Node is left empty, and
// texts are parts of key and value.
func ParseShared(key, value string) (Binding, error) {
	user, device, ok := splitKey(key)
	x, _, err := parseShared(value)
	if x.User, x.Device = user, device; !ok {
		err = errCodec
	}
	return x, err
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendAddr(dst []byte, a netip.AddrPort) []byte {
	var buf [32]byte
	b, _ := a.AppendBinary(buf[:0]) // its error is always nil
	return appendBytes(dst, b)
}

// A reader takes fields off data; once something is missing it is bad and
// yields zeros.
type reader struct {
	data string
	bad  bool
}

func (r *reader) err() error {
	if r.bad {
		return errCodec
	}
	return nil
}

func (r *reader) byte() byte {
	if r.data == "" {
		r.bad = true
		return 0
	}
	c := r.data[0]
	r.data = r.data[1:]
	return c
}

func (r *reader) version() { r.bad = r.byte() != codecVersion || r.bad }

func (r *reader) number(most uint64) uint64 {
	if len(r.data) > 0 && r.data[0] < 0x80 && uint64(r.data[0]) <= most { // as nearly all
		return uint64(r.byte())
	}
	n, size := binary.Uvarint(r.front())
	if size <= 0 || n > most {
		r.data, r.bad = "", true
		return 0
	}
	r.data = r.data[size:]
	return n
}

// front is as much of data as a number may take.
func (r *reader) front() []byte { return []byte(r.data[:min(len(r.data), binary.MaxVarintLen64)]) }

// path reads how many values a Path has, and these.
func (r *reader) path() (list []string) {
	for n := r.number(uint64(len(r.data))); n > 0 && !r.bad; n-- {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) instant() time.Time {
	ms, size := binary.Varint(r.front())
	if size <= 0 {
		r.data, r.bad = "", true
		return time.Time{}
	}
	r.data = r.data[size:]
	return time.UnixMilli(ms)
}

func (r *reader) text() string {
	n := r.number(uint64(len(r.data)))
	if n > uint64(len(r.data)) {
		r.data, r.bad = "", true
		return ""
	}
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}

// addr reads what appendAddr has written: the bytes of an address and of a port,
// or of a port alone, which is none.
func (r *reader) addr() (a netip.AddrPort) {
	switch text := r.text(); len(text) {
	case 0:
		r.bad = true
	case 2:
	case 4 + 2: // the usual two without an allocation
		a = netip.AddrPortFrom(netip.AddrFrom4([4]byte([]byte(text[:4]))), portAt(text[4:]))
	case 16 + 2:
		a = netip.AddrPortFrom(netip.AddrFrom16([16]byte([]byte(text[:16]))), portAt(text[16:]))
	default:
		r.bad = a.UnmarshalBinary([]byte(text)) != nil || r.bad
		if !a.IsValid() {
			return netip.AddrPort{}
		}
	}
	return a
}

func portAt(text string) uint16 { return uint16(text[0]) | uint16(text[1])<<8 }
