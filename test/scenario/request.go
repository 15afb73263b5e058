package scenario

import (
	"crypto/rand"
	"fmt"
	"strings"

	"carillon/test/house/wire"
)

// request builds what a line's start says: "INVITE bob" outside a dialog,
// "INVITE" inside the phone's own; ACK and CANCEL belong to its last INVITE.
func (p *phone) request(start string) (wire.Message, error) {
	method, user, outside := strings.Cut(start, " ")
	invite, invited := p.sent["INVITE"]
	switch {
	case method == "REGISTER":
		return p.register(), nil
	case strings.Contains(user, ":"):
		return p.outside(method, user, "<"+user+">"), nil
	case outside:
		return p.outside(method, "sip:"+user+"@"+p.domain, p.aor(user)), nil
	case method == "SUBSCRIBE" && p.watch.id != "":
		return p.inside(method, &p.watch), nil
	case method == "OPTIONS" && p.dialog.id == "":
		return p.outside(method, "sip:"+p.domain, "<sip:"+p.domain+">"), nil
	case method == "CANCEL" && invited:
		return ofInvite(invite, method, invite.Get("To")), nil
	case method == "ACK" && invited && p.dialog.final >= 300:
		return ofInvite(invite, method, p.dialog.finalTo), nil
	case p.dialog.id == "":
		return wire.Message{}, fmt.Errorf("%s is in no dialog: %q needs to say whom it is for", p.name, method)
	}
	return p.inside(method, &p.dialog), nil
}

func (p *phone) register() wire.Message {
	p.sequence++
	m := wire.Message{Start: "REGISTER sip:" + p.domain + " SIP/2.0"}
	m.Add("Via", p.via())
	m.Add("Max-Forwards", "70")
	m.Add("From", p.aor(p.user)+";tag="+rand.Text())
	m.Add("To", p.aor(p.user))
	m.Add("Call-ID", p.registerID)
	m.Add("CSeq", fmt.Sprintf("%d REGISTER", p.sequence))
	m.Add("Contact", p.contact())
	m.Add("Expires", "3600")
	return m
}

func (p *phone) outside(method, uri, to string) wire.Message {
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", p.via())
	m.Add("Max-Forwards", "70")
	m.Add("From", p.aor(p.user)+";tag="+rand.Text())
	m.Add("To", to)
	m.Add("Call-ID", rand.Text())
	m.Add("CSeq", "1 "+method)
	m.Add("Contact", p.contact())
	return m
}

func (p *phone) inside(method string, d *dialog) wire.Message {
	if method != "ACK" {
		d.cseq++
	}
	m := wire.Message{Start: method + " " + d.target + " SIP/2.0"}
	m.Add("Via", p.via())
	for _, r := range d.routes {
		m.Add("Route", r)
	}
	m.Add("Max-Forwards", "70")
	m.Add("From", d.local)
	m.Add("To", d.remote)
	m.Add("Call-ID", d.id)
	m.Add("CSeq", fmt.Sprintf("%d %s", d.cseq, method))
	if method == "INVITE" || method == "SUBSCRIBE" {
		m.Add("Contact", p.contact())
	}
	return m
}

// ofInvite builds the requests that share the transaction of an INVITE: CANCEL
// (RFC 3261 section 9.1) and the ACK of a refusal (section 17.1.1.3).
func ofInvite(invite wire.Message, method, to string) wire.Message {
	m := wire.Message{Start: method + " " + invite.URI() + " SIP/2.0"}
	m.Add("Via", invite.Get("Via"))
	for _, r := range invite.All("Route") {
		m.Add("Route", r)
	}
	m.Add("Max-Forwards", "70")
	m.Add("From", invite.Get("From"))
	m.Add("To", to)
	m.Add("Call-ID", invite.Get("Call-ID"))
	m.Add("CSeq", fmt.Sprintf("%d %s", invite.CSeq(), method))
	return m
}
