package live

import (
	"math"
	"net/netip"
	"strings"
	"time"
	"unique"
)

// An entry is a Binding as the table keeps it. There are hundreds of thousands
// of them, so: all text in one string, what many phones have in common in one
// place, and links in the entry instead of lists beside it. An entry belongs to
// one shard and is guarded by its lock.
type entry struct {
	text   string // user, separator, device, contact, Call-ID, path
	common unique.Handle[common]
	source netip.Addr
	flow   uint64
	ends   int64 // ns since the table's base; 0 = its owner decides
	since  int64 // ns since the table's base

	sibling            *entry // the next binding of the user
	flowPrev, flowNext *entry // the others on the same connection
	duePrev, dueNext   *entry // the others in the same bucket of the wheel

	cseq    uint32
	granted uint32 // seconds
	move    uint32
	regID   uint32
	came    uint32 // since, in Unix seconds as its owner tells it

	sourcePort uint16
	userEnd    uint16 // where each part of text ends
	keyEnd     uint16
	contactEnd uint16
	callIDEnd  uint16
	q          uint16 // thousandths
	bucket     uint8
	refused    bool
	lost       bool // another node has the better claim to the device
	gone       bool // a claim that the device is registered nowhere
	counted    bool // in shard.count
	onWheel    bool
	onConn     bool
}

// common is what many bindings share.
type common struct {
	node, site, transport, userAgent string
	local                            netip.AddrPort
}

// maxText bounds the text of an entry: its parts are found by 16 bits.
const maxText = math.MaxUint16

// pathSeparator stands between the values of Path: a line break cannot be part
// of one.
const pathSeparator = "\n"

func (e *entry) user() string    { return e.text[:e.userEnd] }
func (e *entry) key() string     { return e.text[:e.keyEnd] }
func (e *entry) device() string  { return e.text[int(e.userEnd)+len(separator) : e.keyEnd] }
func (e *entry) contact() string { return e.text[e.keyEnd:e.contactEnd] }
func (e *entry) node() string    { return e.common.Value().node }

// binding unpacks e. Only a Path costs an allocation.
func (e *entry) binding(base time.Time) Binding {
	shared := e.common.Value()
	x := Binding{
		User: e.user(), Device: e.device(), Contact: e.text[e.keyEnd:e.contactEnd],
		CallID: e.text[e.contactEnd:e.callIDEnd],
		Node:   shared.node, Site: shared.site, Transport: shared.transport, UserAgent: shared.userAgent, Local: shared.local,
		Source: netip.AddrPortFrom(e.source, e.sourcePort), Flow: e.flow,
		Q: float32(e.q) / 1000, CSeq: e.cseq, RegID: int(e.regID), Move: e.move, Refused: e.refused, Gone: e.gone,
		Granted: time.Duration(e.granted) * time.Second, Since: base.Add(time.Duration(e.since)),
	}
	if e.ends != 0 {
		x.Expires = base.Add(time.Duration(e.ends))
	}
	if path := e.text[e.callIDEnd:]; path != "" {
		x.Path = strings.Split(path, pathSeparator)
	}
	return x
}

// pack writes x into e, which keeps its links. Text that did not change is not
// built again: a refresh allocates nothing.
func (e *entry) pack(x *Binding, base time.Time) (newText bool) {
	if !e.hasText(x) {
		e.setText(x)
		newText = true
	}
	shared := common{node: x.Node, site: x.Site, transport: x.Transport, userAgent: x.UserAgent, local: x.Local}
	if e.common == (unique.Handle[common]{}) || e.common.Value() != shared {
		e.common = unique.Make(shared)
	}
	e.source, e.sourcePort, e.flow = x.Source.Addr(), x.Source.Port(), x.Flow
	e.cseq, e.move, e.refused, e.gone = x.CSeq, x.Move, x.Refused, x.Gone
	e.regID = uint32(x.RegID) //nolint:gosec // RFC 5626: below 2^31
	e.granted = uint32(x.Granted.Seconds())
	e.q = uint16(math.Round(x.q() * 1000))
	e.came = uint32(x.came()) //nolint:gosec // bounded
	e.since, e.ends = int64(x.Since.Sub(base)), 0
	if !x.Expires.IsZero() {
		e.ends = max(int64(x.Expires.Sub(base)), 1)
	}
	return newText
}

// came is when the device came to its owner, by that one's clock.
func (x *Binding) came() int64 { return min(max(x.Since.Unix(), 0), math.MaxUint32) }

func (x *Binding) q() float64 { return min(max(float64(x.Q), 0), 1) }

func (x *Binding) textSize() int {
	n := len(x.User) + len(separator) + len(x.Device) + len(x.Contact) + len(x.CallID)
	for _, p := range x.Path {
		n += len(p) + len(pathSeparator)
	}
	return n
}

func (e *entry) hasText(x *Binding) bool {
	return e.text != "" && e.user() == x.User && e.device() == x.Device &&
		e.text[e.keyEnd:e.contactEnd] == x.Contact && e.text[e.contactEnd:e.callIDEnd] == x.CallID &&
		e.hasPath(x.Path)
}

func (e *entry) hasPath(path []string) bool {
	have := e.text[e.callIDEnd:]
	if len(path) == 0 || have == "" {
		return len(path) == 0 && have == ""
	}
	return have == strings.Join(path, pathSeparator)
}

//nolint:gosec // the caller made sure that the text is not longer than maxText
func (e *entry) setText(x *Binding) {
	var b strings.Builder
	b.Grow(x.textSize())
	b.WriteString(x.User)
	e.userEnd = uint16(b.Len())
	b.WriteString(separator)
	b.WriteString(x.Device)
	e.keyEnd = uint16(b.Len())
	b.WriteString(x.Contact)
	e.contactEnd = uint16(b.Len())
	b.WriteString(x.CallID)
	e.callIDEnd = uint16(b.Len())
	for i, p := range x.Path {
		if i > 0 {
			b.WriteString(pathSeparator)
		}
		b.WriteString(p)
	}
	e.text = b.String()
}
