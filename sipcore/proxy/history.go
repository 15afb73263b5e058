package proxy

import (
	"fmt"
	"strconv"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/store"
)

// This file says in a request why it comes to somebody who was not called: by
// History-Info (RFC 7044), and by Diversion (RFC 5806) for the many that read only
// that. Users of ours read the inside numbers; a carrier reads the one by which it
// knows who sends the call on, and no more.

// sentOn notes that the features have sent the call on.
func (f *fork) sentOn(c *route.Call) {
	f.call = c
	if c.Number.Kind == route.Outside {
		f.p.o.Calls.SentOut(f.dialog, c.Path[len(c.Path)-1].Number)
	}
	f.p.o.Logger.Info("a call is sent on", "call_id", f.m.CallID(), "why", wordsOf(c))
}

// wordsOf says why a call went on, and to whom.
func wordsOf(c *route.Call) string {
	var all []string
	for _, d := range c.Path {
		switch {
		case d.State != "":
			all = append(all, fmt.Sprintf("%s is %s (presence version %d)", d.Number, d.State, d.Version))
		default:
			all = append(all, "nobody has the number")
		}
	}
	to := c.Callee.Number
	if to == "" {
		to = c.Number.Dial
	}
	return strings.Join(all, ", ") + ", so it goes to " + to
}

// why is a state in the words of RFC 5806, and as the cause that RFC 7544 has for them.
func why(state string) (reason, cause string) {
	switch state {
	case "busy", "on-the-phone":
		return "user-busy", "486"
	case store.Offline:
		return "unavailable", "503"
	}
	return "away", "302"
}

// sayWhy adds what tells the target why the call comes to it.
func (f *fork) sayWhy(e *message.Edit, m *message.Message, t *route.Target) {
	if f.call == nil || len(f.call.Path) == 0 {
		return
	}
	if t.IsTrunk() {
		f.sayOutside(e, t)
		return
	}
	index := nextIndex(m)
	cause, parent := "", ""
	for _, d := range f.call.Path {
		if d.State == "" {
			continue
		}
		reason, next := why(d.State)
		e.Prepend(message.Diversion, fmt.Sprintf("<sip:%s@%s>;reason=%s", escaped(d.Number), f.realm, reason))
		e.Append(message.HistoryInfo, entry(d.Number, f.realm, cause, index, parent, fmt.Sprintf("?Reason=SIP%%3Bcause%%3D%s%%3Btext%%3D%%22%s%%22", next, d.State)))
		cause, parent, index = next, index, index+".1"
	}
	if cause != "" {
		e.Append(message.HistoryInfo, entry(f.call.Callee.Number, f.realm, cause, index, parent, ""))
	}
}

// sayOutside tells a carrier, which has to know whose call it is that goes out.
func (f *fork) sayOutside(e *message.Edit, t *route.Target) {
	e.DropAll(message.HistoryInfo) // it has inside numbers
	if _, ok := route.TrunkOf(f.origin.User); !ok {
		e.DropAll(message.Diversion) // of a phone, which may have them too
	}
	d := f.call.Path[len(f.call.Path)-1]
	number := f.call.View.NumberOf(f.siteOf(t))
	if u, ok := f.call.View.User(d.Number); ok && len(u.Direct) > 0 {
		number = u.Direct[0]
	}
	if d.State == "" || number == "" {
		return
	}
	reason, _ := why(d.State)
	e.Prepend(message.Diversion, fmt.Sprintf("<sip:%s@%s;user=phone>;reason=%s", number, f.realm, reason))
}

// siteOf returns where a trunk leads from.
func (f *fork) siteOf(t *route.Target) string {
	name, _ := route.TrunkOf(t.User)
	trunk, _ := f.call.View.Trunk(name)
	return trunk.Site
}

// entry is one value of History-Info. cause says why it was called, and parent which
// entry led to it (RFC 7044 section 5); header is why it was left.
func entry(number, domain, cause, index, parent, header string) string {
	uri := "sip:" + escaped(number) + "@" + domain
	if cause != "" {
		uri += ";cause=" + cause // RFC 4458
	}
	mp := ""
	if parent != "" {
		mp = ";mp=" + parent
	}
	return "<" + uri + header + ">;index=" + index + mp
}

// escaped returns a number as it can stand in a URI: '#' alone cannot.
func escaped(number string) string { return strings.ReplaceAll(number, "#", "%23") }

// longestIndex bounds what is read of others' entries.
const longestIndex = 32

// nextIndex is the index of what comes after the entries that a request has.
func nextIndex(m *message.Message) string {
	last := ""
	for v := range m.Values(message.HistoryInfo) {
		last = v
	}
	at := strings.LastIndex(strings.ToLower(last), ";index=")
	if at < 0 {
		return "1"
	}
	index, _, _ := strings.Cut(last[at+len(";index="):], ";")
	index = strings.TrimSpace(index)
	if len(index) > longestIndex || !isIndex(index) {
		return "1"
	}
	return index + ".1"
}

func isIndex(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if _, err := strconv.ParseUint(part, 10, 16); err != nil {
			return false
		}
	}
	return true
}
