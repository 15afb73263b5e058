package proxy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/route"
)

// This file is what is different about a carrier. To the rest of the package the
// carrier of a trunk is one more phone: that of a user who is called after the
// trunk, at the node that speaks to it. It is asked for a number instead of a
// Contact, is told who calls in its own way, and what it answers is the answer.

const (
	// carrierPatience is how long a carrier may take to say anything: over UDP it was
	// asked three times then.
	carrierPatience = 1600 * time.Millisecond
	// outPatience is how long a call out may take until some carrier has said anything,
	// and leastPatience what each has of it, who is asked twice then: within four
	// seconds the caller is to hear why not.
	outPatience   = 2 * carrierPatience
	leastPatience = 700 * time.Millisecond
	// helpPatience is how long a carrier that has taken a call for help may take to
	// say more than that, while there is another way.
	helpPatience = 12 * time.Second
)

// patienceOut is how long the next carrier may take to say anything. A call for help
// has the time for each.
func (f *fork) patienceOut() time.Duration {
	if f.began.IsZero() || f.isForHelp() {
		return carrierPatience
	}
	return min(max(outPatience-time.Since(f.began), leastPatience), carrierPatience)
}

// isForHelp reports whether the request calls for help, and begins here.
func (f *fork) isForHelp() bool { return f.call != nil && f.call.Number.Kind == route.Emergency }

// isStuck reports whether a carrier has taken a call for help and does not say what
// becomes of it.
func (b *branch) isStuck() bool { return b.target.Insist && b.rang && !b.rings }

// passBy tries the next way for a call for help that is stuck. When there is none it
// stays with this one.
func (b *branch) passBy() {
	if !b.fork.hasOtherWay() {
		b.timer.Set(b.fork.p.o.Wheel, timerC, b)
		b.rings = true
		return
	}
	b.client.Cancel("") // should it answer after all
	b.noLine("it has taken a call for help, and says no more")
	b.fork.settle()
}

// hasOtherWay reports whether the features know of anybody else to try.
func (f *fork) hasOtherWay() bool {
	if len(f.later) > 0 {
		return true
	}
	if f.call == nil || f.call.Outcome != route.None {
		return false
	}
	again := *f.call
	again.Outcome = route.Offline
	_, rings := f.p.o.Routing.Route(&again).(route.Ring)
	return rings
}

// introduce tells a carrier who calls, as carriers want to know it: by a number of
// the site, in From and in P-Asserted-Identity (RFC 3325 section 9.1). A From that
// a carrier does not know is what RFC 3261 would have us keep; most refuse the call
// then. Who does not want to be known stays unknown to who is called (RFC 3323),
// and is named to the carrier alone.
func (f *fork) introduce(e *message.Edit, m *message.Message, t *route.Target) {
	f.from, _ = m.Header(message.From)
	known := "<sip:" + t.Shown + "@" + f.realm + ";user=phone>"
	from := known
	if t.Withheld || t.Shown == "" {
		from = `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	e.SetFirst(message.From, from+";tag="+m.FromTag())
	if t.Shown != "" {
		e.Append(message.PAssertedIdentity, known)
	}
	e.DropAll(message.Privacy)
	e.DropAll(message.ProxyRequire) // of us
	if t.Withheld {
		e.Append(message.Privacy, "id")
	}
}

// WithholdsName reports whether a request asks that its sender is not named (RFC
// 3323 section 4.2, RFC 3325 section 9.3).
func WithholdsName(m *message.Message) bool {
	value, ok := m.Header(message.Privacy)
	if !ok {
		return false
	}
	for word := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ';' || c == ' ' || c == ',' }) {
		if strings.EqualFold(word, "id") || strings.EqualFold(word, "user") || strings.EqualFold(word, "header") {
			return true
		}
	}
	return false
}

// isFinal reports whether a status is the last word, so that nobody else is asked (RFC
// 3261 section 16.7 step 5): of a carrier, who is asked for help, it is not.
func (b *branch) isFinal(status int) bool { return status >= 600 && !b.target.Insist }

// isAnswered reports whether b went to a carrier and its refusal is one of who is
// called, so that no other carrier is to be asked.
func (b *branch) isAnswered(status int) bool {
	return b.target.IsTrunk() && !b.target.Insist && status >= 300 && status < 500
}

// noLine ends a branch to a carrier that is no way out.
func (b *branch) noLine(why string) {
	name, _ := route.TrunkOf(b.target.User)
	b.fork.p.o.Logger.Warn("a trunk does not work", "trunk", name, "why", why)
	b.end(0, nil)
}

// nowhere is the status of a branch that has no way left: that of a carrier, who
// has not been heard, is none.
func (b *branch) nowhere() int {
	if b.target.IsTrunk() {
		return 0
	}
	return 480
}

// wentOut reports whether a carrier was asked for a caller of ours.
func (f *fork) wentOut() bool {
	return !f.guest() && slices.ContainsFunc(f.branches, func(b *branch) bool { return b.target.IsTrunk() })
}

// noLine is what a caller hears when no carrier took the call.
func noLine() route.Reject {
	return route.Reject{Status: 480, Reason: "No Line Outside", Words: "no trunk has taken the call"}
}

// reject answers the request as the pipeline decided.
func (f *fork) reject(v route.Reject) {
	if v.Words == "" {
		f.finish(v.Status, v.Reason)
		return
	}
	f.finishSaying(v.Status, v.Reason, message.Warning, fmt.Sprintf("399 %s %q", f.p.o.Node, v.Words))
}

// outcome is how the attempt ended, in the words of the features.
func (f *fork) outcome() route.Outcome {
	o := f.best.outcome()
	if o == route.Offline && f.cut {
		return route.Cut
	}
	return o
}

// leadsToCarrier reports whether the request goes to the carrier of a trunk: by
// whatever Routes it has itself, it goes to its address.
func (l *Loose) leadsToCarrier() bool {
	_, ok := route.TrunkOf(l.token.User)
	return ok
}

// tellHelp says where a call for help goes.
func (f *fork) tellHelp(targets []route.Target) {
	if !f.isForHelp() || f.p.o.Helps == nil || len(targets) == 0 {
		return
	}
	if name, ok := route.TrunkOf(targets[0].User); ok {
		f.p.o.Helps(f.call, "goes out by trunk "+name)
		return
	}
	f.p.o.Helps(f.call, "rings the operator, for no trunk has taken it")
}

// tellHelpless says that a call for help has reached nobody.
func (f *fork) tellHelpless() {
	if !f.isForHelp() || f.p.o.Helps == nil || f.canceled {
		return
	}
	f.p.o.Helps(f.call, fmt.Sprintf("has reached nobody: %d", cmp.Or(f.best.status, 480)))
}
