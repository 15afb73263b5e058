package proxy

import (
	"carillon/sipcore/auth"
	"carillon/sipcore/message"
)

// This file keeps between a phone and us what is: credentials of our realm, the
// question for them, and who somebody says he is in a header field that only we
// may write.

// dropClaims takes out of a request what was meant for us (RFC 3261 section
// 22.3): who it goes to could call with it. A phone may answer a 401 of ours
// with either header field.
func (f *fork) dropClaims(e *message.Edit, m *message.Message) {
	if f.guest() {
		return // the node that admitted the request has done it
	}
	dropIdentities(e)
	dropOfRealm(e, m, message.Authorization, f.realm)
	dropOfRealm(e, m, message.ProxyAuthorization, f.realm)
}

// dropIdentities takes out what only we, or another node, may assert (RFC 3325
// section 5) and what older phones show instead of From.
func dropIdentities(e *message.Edit) {
	e.DropAll(message.PAssertedIdentity)
	e.DropAll(message.PPreferredIdentity)
	e.DropAll(message.RemotePartyID)
}

// dropOfRealm drops the header lines of one name that are for realm.
func dropOfRealm(e *message.Edit, m *message.Message, header message.Name, realm string) {
	if !m.Has(header) {
		return
	}
	for i := range m.Lines() {
		if name, _, value := m.Line(i); name == header && auth.NamesRealm(value, realm) {
			e.Drop(i)
		}
	}
}

// asksFor reports whether a response asks for a password of realm.
func asksFor(m *message.Message, realm string) bool {
	for i := range m.Lines() {
		name, _, value := m.Line(i)
		if (name == message.WWWAuthenticate || name == message.ProxyAuthenticate) && auth.NamesRealm(value, realm) {
			return true
		}
	}
	return false
}

// isOnlyOurs reports whether a response has no Via but the one that we wrote.
func isOnlyOurs(m *message.Message) bool {
	n := 0
	for range m.Values(message.Via) {
		if n++; n > 1 {
			return false
		}
	}
	return true
}

// relay passes a response on, without our own Via. A clean one has passed
// another node, which has done the rest.
func (f *fork) relay(m *message.Message, clean bool) {
	e := m.Edit()
	f.strip(&e, m, clean)
	f.send(m, &e)
}

// strip takes out of a response what ends here.
func (f *fork) strip(e *message.Edit, m *message.Message, clean bool) {
	e.DropFirstValue(message.Via)
	if f.from != "" {
		e.SetFirst(message.From, f.from)
	}
	if clean {
		return
	}
	dropIdentities(e)
	dropOfRealm(e, m, message.WWWAuthenticate, f.realm)
	dropOfRealm(e, m, message.ProxyAuthenticate, f.realm)
}

func (f *fork) send(m *message.Message, e *message.Edit) {
	raw := e.AppendTo(f.p.o.Transactions.Room())
	f.tx.Respond(m.Status(), raw)
	f.p.o.Transactions.Free(raw)
}
