package registrar

import (
	"net/netip"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

// A request is what a REGISTER asks for, in values.
type request struct {
	contacts []contact
	star     bool // Contact: *
	callID   string
	cseq     uint32
	direct   bool // nothing stands between the phone and us
	outbound bool // the phone speaks RFC 5626, and so does what stands in between
	learns   bool // the phone understands a Path in the answer

	now       time.Time
	transport string
	flow      uint64
	source    netip.AddrPort
	local     netip.AddrPort
	path      []string
	userAgent string
	site      string // where it came from; may be empty
}

const (
	maxPath      = 8
	maxUserAgent = 128
)

// read reads a REGISTER that came on flow. It uses the memory of r.
func (r *request) read(m *message.Message, flow transport.Flow, now time.Time, p policy) *refusal {
	*r = request{contacts: r.contacts[:0], callID: m.CallID(), now: now}
	r.cseq, _ = m.CSeq()
	r.transport, r.flow = flow.Kind().String(), flow.ID()
	r.source, r.local = flow.Remote(), flow.Local()
	r.userAgent, _ = m.Header(message.UserAgent)
	r.userAgent = r.userAgent[:min(len(r.userAgent), maxUserAgent)]
	if len(r.callID) > maxCallID {
		return &refusal{status: 400, reason: "Call-ID Too Long"}
	}
	if refused := r.readPath(m); refused != nil {
		return refused
	}
	asks := m.HasToken(message.Supported, "outbound")
	r.direct = len(r.path) == 0 && hasOneVia(m)
	r.outbound = asks && (r.direct || r.edgeKeepsFlow())
	if refused := r.readContacts(m, p); refused != nil {
		return refused
	}
	return r.checkOutbound(asks)
}

// readPath takes over the Path, whether or not the phone knows of it: the proxies
// that wrote it want to be on the way (RFC 3327 section 5.3).
func (r *request) readPath(m *message.Message) *refusal {
	if !m.Has(message.Path) {
		return nil
	}
	r.learns = m.HasToken(message.Supported, "path")
	for v := range m.Values(message.Path) {
		if len(r.path) == maxPath || len(v) > maxURI {
			return &refusal{status: 400, reason: "Path Too Long"}
		}
		r.path = append(r.path, v)
	}
	return nil
}

func hasOneVia(m *message.Message) bool {
	vias := 0
	for range m.Values(message.Via) {
		vias++
	}
	return vias == 1
}

// edgeKeepsFlow reports whether the proxy nearest to the phone keeps its flow and
// says so (RFC 5626 section 6).
func (r *request) edgeKeepsFlow() bool {
	if len(r.path) == 0 {
		return false
	}
	a, err := message.ParseNameAddr(r.path[len(r.path)-1])
	if err != nil {
		return false
	}
	uri, err := message.ParseURI(a.URI)
	if err != nil {
		return false
	}
	_, ob := uri.Param("ob")
	return ob
}

func (r *request) readContacts(m *message.Message, p policy) *refusal {
	asked := p.expiry.Default
	expires, hasExpires := m.Header(message.Expires)
	if hasExpires {
		asked = seconds(expires)
	}
	for v := range m.Values(message.Contact) {
		if v == "*" {
			r.star = true
			continue
		}
		if len(r.contacts) == p.maxContacts {
			return errTooMany()
		}
		c, refused := parseContact(v, asked)
		if refused != nil {
			return refused
		}
		r.contacts = append(r.contacts, c)
	}
	if r.star && (len(r.contacts) > 0 || !hasExpires || asked != 0) {
		return &refusal{status: 400, reason: "Contact Asterisk Needs Expires Zero"}
	}
	return nil
}

// checkOutbound drops reg-ids that mean nothing, refuses several in one request,
// and tells a phone that asks for outbound when a proxy in between knows nothing
// of it (RFC 5626 sections 4.2 and 6).
func (r *request) checkOutbound(asks bool) *refusal {
	flows := 0
	for i := range r.contacts {
		c := &r.contacts[i]
		if c.regID != 0 && c.instance != "" && asks && !r.outbound {
			return &refusal{status: 439}
		}
		if !r.outbound || c.instance == "" {
			c.regID = 0
		}
		if c.regID != 0 && c.asked != 0 {
			flows++
		}
	}
	if flows > 1 {
		return &refusal{status: 400, reason: "One Reg-ID At A Time"}
	}
	return nil
}

// takesBack reports whether the phone unregisters something.
func (r *request) takesBack() bool {
	for i := range r.contacts {
		if r.contacts[i].asked == 0 {
			return true
		}
	}
	return r.star
}

// usesOutbound reports whether a contact is registered by RFC 5626.
func (r *request) usesOutbound() bool {
	for i := range r.contacts {
		if r.contacts[i].regID != 0 {
			return true
		}
	}
	return false
}
