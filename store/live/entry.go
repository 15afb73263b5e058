package live

import (
	"math"
	"net/netip"
	"time"
	"unique"
)

// An entry is a Binding as the table keeps it. There are hundreds of thousands
// of them, so: all text in one string, which those share who pass it on; what
// many phones have in common in one place; and links in the entry instead of lists
// beside it. An entry belongs to one shard and is guarded by its lock.
type entry struct {
	next *entry // in its chain of users; what is looked at to pass an entry over comes first
	text string // see wording
	mark uint16 // in its chain of users
	at   places // in text

	routed  bool // has a Path
	refused bool
	lost    bool // another node has the better claim to the device
	gone    bool // a claim that the device is registered nowhere
	counted bool // in shard.count
	onConn  bool // in shard.flows

	cseq uint32
	move uint32
	came uint32 // since, in Unix seconds as its owner tells it

	common     unique.Handle[common]
	flow       uint64
	nextOnFlow *entry // in its chain of flows
	ends       int64  // ns since the table's base; 0 = its owner decides
	since      int64  // ns since the table's base
}

// common is what many bindings share.
type common struct {
	node, site, transport, userAgent string
	local                            netip.AddrPort
	granted                          time.Duration // in whole seconds
	regID                            int
	q                                uint16 // thousandths
}

func (e *entry) user() string    { return e.text[:e.at.userEnd] }
func (e *entry) key() string     { return e.text[:e.at.keyEnd] }
func (e *entry) device() string  { return e.text[int(e.at.userEnd)+len(separator) : e.at.keyEnd] }
func (e *entry) contact() string { return e.text[e.at.contact:e.at.contactEnd] }
func (e *entry) callID() string  { return e.text[e.at.toldEnd:e.at.callIDEnd] }
func (e *entry) node() string    { return e.common.Value().node }

// source returns where e, whose transport is given, came from.
func (e *entry) source(transport string) netip.AddrPort {
	r := reader{data: e.text[e.at.callIDEnd:]}
	switch {
	case !isStream(transport):
		r.data = e.text[e.at.contactEnd:e.at.toldEnd]
		r.text() // the User-Agent
	case r.data == "": // only its owner knows it
		return netip.AddrPort{}
	}
	return r.addr()
}

func (e *entry) path() (list []string) {
	if !e.routed {
		return nil
	}
	r := reader{data: e.text[e.at.contactEnd:e.at.toldEnd]}
	r.text() // the User-Agent
	r.text() // the source
	return r.path()
}

func (e *entry) wording() wording { return wording{e.text, e.at} }

// binding unpacks e. Only a Path costs an allocation.
func (e *entry) binding(base time.Time) Binding {
	shared := e.common.Value()
	x := Binding{
		User: e.user(), Device: e.device(), Contact: e.contact(), CallID: e.callID(), Path: e.path(),
		Node: shared.node, Site: shared.site, Transport: shared.transport, UserAgent: shared.userAgent, Local: shared.local,
		Source: e.source(shared.transport), Flow: e.flow,
		Q: float32(shared.q) / 1000, CSeq: e.cseq, RegID: shared.regID, Move: e.move, Refused: e.refused, Gone: e.gone,
		Granted: shared.granted, Since: base.Add(time.Duration(e.since)),
	}
	if e.ends != 0 {
		x.Expires = base.Add(time.Duration(e.ends))
	}
	return x
}

// pack writes x, whose words are w, into e, which keeps its links.
func (e *entry) pack(x *Binding, w wording, base time.Time) {
	e.text, e.at = w.text, w.at
	shared := common{
		node: x.Node, site: x.Site, transport: x.Transport, userAgent: x.UserAgent, local: x.Local,
		granted: x.Granted.Truncate(time.Second), regID: x.RegID, q: uint16(math.Round(x.q() * 1000)),
	}
	if e.common == (unique.Handle[common]{}) || e.common.Value() != shared {
		e.common = unique.Make(shared)
	}
	e.flow, e.cseq, e.move, e.refused, e.gone = x.Flow, x.CSeq, x.Move, x.Refused, x.Gone
	e.routed = len(x.Path) > 0
	e.came = uint32(x.came()) //nolint:gosec // bounded
	e.since, e.ends = int64(x.Since.Sub(base)), 0
	if !x.Expires.IsZero() {
		e.ends = max(int64(x.Expires.Sub(base)), 1)
	}
}

// came is when the device came to its owner, by that one's clock.
func (x *Binding) came() int64 { return min(max(x.Since.Unix(), 0), math.MaxUint32) }

func (x *Binding) q() float64 { return min(max(float64(x.Q), 0), 1) }
