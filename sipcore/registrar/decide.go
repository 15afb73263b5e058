package registrar

import (
	"slices"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/store/live"
)

// This file decides, on values alone: no I/O, no clock, no lock. A request is
// carried out as a whole or not at all (RFC 3261 section 10.3).

// policy is what the operator decided.
type policy struct {
	expiry      Expiry
	maxContacts int
}

// decide returns what the bindings of a user become when r is carried out.
// have may be changed.
func decide(have []live.Binding, r *request, p policy) ([]live.Binding, error) {
	switch news, refused := r.check(have, p); {
	case refused != nil:
		return nil, refused
	case !news:
		return have, nil
	case r.star:
		return have[:0], nil
	}
	want := have
	for i := range r.contacts {
		want = r.apply(want, &r.contacts[i], p)
	}
	return shrink(want, p.maxContacts, r.now)
}

// check refuses r as a whole (RFC 3261 section 10.3 steps 6 and 7). It reports
// no news for a fetch, and for a request that was carried out before: a phone
// that lost the answer may ask again.
func (r *request) check(have []live.Binding, p policy) (news bool, refused *refusal) {
	if r.star {
		return r.checkOrder(have)
	}
	for i := range r.contacts {
		c := &r.contacts[i]
		if c.asked > 0 && c.asked < p.expiry.Min {
			return false, errTooBrief()
		}
		at := r.find(have, c)
		if at < 0 {
			news = true
			continue
		}
		fresh, old := r.checkOrder(have[at : at+1])
		if old != nil {
			return false, old
		}
		news = news || fresh
	}
	return news, nil
}

// checkOrder refuses a request that was overtaken by a later one for the same
// bindings, and reports no news if all of them come from this very request.
func (r *request) checkOrder(list []live.Binding) (news bool, refused *refusal) {
	for i := range list {
		x := &list[i]
		if x.CallID == r.callID && x.CSeq > r.cseq {
			return false, errOld()
		}
		news = news || x.CallID != r.callID || x.CSeq != r.cseq || x.Flow != r.flow
	}
	return news, nil
}

// apply carries out one contact.
func (r *request) apply(list []live.Binding, c *contact, p policy) []live.Binding {
	at := r.find(list, c)
	if c.asked == 0 {
		if at >= 0 {
			list = slices.Delete(list, at, at+1)
		}
		return list
	}
	x := r.binding(c, p)
	if at >= 0 && c.instance == "" && !list[at].IsPointer() { // an equal Contact, or the same Call-ID: the name stays
		x.Device, x.RegID = list[at].Device, list[at].RegID
	} else {
		x.Device = c.device(r.callID)
	}
	if at >= 0 {
		x.Since, x.Move = list[at].Since, list[at].Move
		list[at] = x
		return dropOtherFlows(list, x.Device, c)
	}
	x.Since = r.now
	if indexOfDevice(list, x.Device) >= 0 {
		x.Device = c.deviceOfURI(r.callID)
	}
	return dropOtherFlows(append(list, x), x.Device, c)
}

// binding is what c becomes, but for its Device.
func (r *request) binding(c *contact, p policy) live.Binding {
	granted := p.expiry.grant(c.asked, c.regID != 0)
	return live.Binding{
		Contact: c.text, Site: r.site, Transport: r.transport, Flow: r.flow, Source: r.source, Local: r.local, Path: r.path,
		Q: c.q, UserAgent: r.userAgent, CallID: r.callID, CSeq: r.cseq, RegID: c.regID,
		Granted: granted, Expires: r.now.Add(granted),
	}
}

// find returns the binding that c is about, or -1: the one of the same device,
// else of an equal Contact (RFC 3261 section 10.3 step 7), else, for a phone
// without an instance that has just one Contact, what it registered before: under
// the same Call-ID, or, before it was restarted, from the same place.
func (r *request) find(list []live.Binding, c *contact) int {
	if c.instance != "" || len(r.contacts) == 1 && slices.ContainsFunc(list, isPointer) {
		if at := indexOfDevice(list, c.device(r.callID)); at >= 0 {
			return at
		}
	}
	if at := indexOfContact(list, c); at >= 0 {
		return at
	}
	if c.instance == "" && len(r.contacts) == 1 && c.asked != 0 {
		return slices.IndexFunc(list, func(x live.Binding) bool {
			return isAnonymous(x.Device) && (x.CallID == r.callID || r.isFromWhere(&x, c))
		})
	}
	return -1
}

// isFromWhere reports whether c is that of a phone at the address and port from
// which the phone of x registered. What speaks for several phones, a proxy or a
// gateway, has their hosts in their Contacts.
func (r *request) isFromWhere(x *live.Binding, c *contact) bool {
	if !r.direct || len(x.Path) > 0 || !r.source.IsValid() || x.Source != r.source || x.Transport != r.transport {
		return false
	}
	uri, err := message.ParseURI(x.Contact)
	return err == nil && strings.EqualFold(uri.Host, c.uri.Host)
}

func isPointer(x live.Binding) bool { return x.IsPointer() }

func indexOfDevice(list []live.Binding, device string) int {
	return slices.IndexFunc(list, func(x live.Binding) bool { return x.Names(device) })
}

// indexOfContact does not find the phone of another instance: behind NATs, two
// phones may have the same Contact.
func indexOfContact(list []live.Binding, c *contact) int {
	return slices.IndexFunc(list, func(x live.Binding) bool {
		if c.instance != "" && !isAnonymous(x.Device) {
			return false
		}
		return sameContact(x.Contact, c)
	})
}

func sameContact(text string, c *contact) bool {
	if text == c.text {
		return true
	}
	uri, err := message.ParseURI(text)
	return err == nil && uri.Equal(c.uri)
}

func isAnonymous(device string) bool { return strings.HasPrefix(device, anonymous) }

// dropOtherFlows drops what a phone registered by the other rules: a phone that
// begins or ceases to use RFC 5626 is still one phone.
func dropOtherFlows(list []live.Binding, device string, c *contact) []live.Binding {
	if c.instance == "" {
		return list
	}
	return slices.DeleteFunc(list, func(x live.Binding) bool {
		return !x.Names(device) && x.Instance() == c.instance && (x.RegID == 0 || c.regID == 0)
	})
}

// shrink makes room by dropping phones that lost their flow, the oldest first.
func shrink(list []live.Binding, most int, now time.Time) ([]live.Binding, error) {
	for len(list) > most {
		oldest := -1
		for i := range list {
			if list[i].State(now) == live.BindingDown && (oldest < 0 || list[i].Expires.Before(list[oldest].Expires)) {
				oldest = i
			}
		}
		if oldest < 0 {
			return nil, errTooMany()
		}
		list = slices.Delete(list, oldest, oldest+1)
	}
	return list, nil
}
