package scenario

import (
	"crypto/rand"
	"slices"

	"carillon/test/house/wire"
)

// A dialog is the one a phone is in or was in last (RFC 3261 section 12). A
// phone of a story has one at a time.
type dialog struct {
	id            string // Call-ID
	local, remote string // From and To of our requests
	target        string // remote target
	routes        []string
	cseq          int
	caller        bool
	confirmed     bool // by a 2xx
	localTag      string
	final         int    // status of the last final answer to our INVITE
	finalTo       string // To of that answer
}

// tag is our tag, made when first asked for.
func (d *dialog) tag() string {
	if d.localTag == "" {
		d.localTag = rand.Text()
	}
	return d.localTag
}

// asks notes an INVITE or a SUBSCRIBE of ours: one outside a dialog begins it.
func (d *dialog) asks(m wire.Message) {
	d.final = 0
	if m.Get("Call-ID") != d.id {
		*d = dialog{id: m.Get("Call-ID"), local: m.Get("From"), remote: m.Get("To"), caller: true, localTag: wire.Param(m.Get("From"), "tag")}
	}
	d.cseq = m.CSeq()
}

// answered notes a response to an INVITE or a SUBSCRIBE of ours.
func (d *dialog) answered(m wire.Message) {
	if m.Get("Call-ID") != d.id {
		return
	}
	if m.Status() >= 200 {
		d.final, d.finalTo = m.Status(), m.Get("To")
	}
	if m.Status() >= 300 || wire.Param(m.Get("To"), "tag") == "" {
		return
	}
	d.remote = m.Get("To")
	if m.Has("Contact") {
		d.target = wire.AddrURI(m.Get("Contact"))
	}
	if d.caller && !d.confirmed { // each phone that rings has its own early dialog
		d.confirmed = m.Status() >= 200
		d.routes = m.All("Record-Route")
		slices.Reverse(d.routes)
	}
}

// called notes a request to us: an INVITE outside a dialog begins one.
func (d *dialog) called(m wire.Message) {
	if m.Method() != "INVITE" {
		return
	}
	if wire.Param(m.Get("To"), "tag") == "" {
		*d = dialog{id: m.Get("Call-ID"), remote: m.Get("From"), routes: m.All("Record-Route")}
	}
	d.target = wire.AddrURI(m.Get("Contact"))
}

// answers notes a response of ours.
func (d *dialog) answers(request, response wire.Message) {
	if request.Method() == "INVITE" && request.Get("Call-ID") == d.id {
		d.local = response.Get("To")
	}
}
