package node

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/sipcore"
	"carillon/sipcore/route"
	"carillon/store"
)

const (
	drillLooks   = 50 * time.Millisecond // how often a node looks what has become of it
	drillReturns = 60 * time.Second      // how long a node is given to be with the others again
)

// Run rehearses what obey has begun, until ctx ends.
func (d *drill) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-d.begun:
			d.rehearse(ctx, r)
			d.note(func(n *admin.DrillNode) { n.State = admin.DrillDone })
			d.mu.Lock()
			d.now = nil
			d.mu.Unlock()
		}
	}
}

func (d *drill) note(f func(*admin.DrillNode)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.told)
}

// rehearse is one drill from its beginning to the return.
func (d *drill) rehearse(ctx context.Context, r *rehearsal) {
	if why, ended := d.wait(ctx, r.stop, r.In, nil); ended {
		d.passOn(ctx, r, why)
		return
	}
	d.deafen(r)
	defer d.hear()
	began := time.Now()
	t := d.counts(r)
	defer t.over()
	d.events.Add("drill", "the line of %s is as if cut from now on, for %v at most", r.Site, r.For)
	d.note(func(n *admin.DrillNode) { n.State = admin.DrillCuts })
	why, _ := d.wait(ctx, r.stop, r.For, func() string { return d.look(r, began) })
	t.phonesNow()
	d.hear()
	ended := time.Now()
	d.events.Add("drill", "the line of %s is as before: the drill is over%s", r.Site, because(why))
	d.note(func(n *admin.DrillNode) { n.State, n.Why, n.Cut = admin.DrillReturns, why, ended.Sub(began).Seconds() })
	d.passOn(ctx, r, why)
	if r.inside {
		d.returns(ctx, ended)
	}
}

// returns waits until the node is with the others again.
func (d *drill) returns(ctx context.Context, ended time.Time) {
	_, _ = d.wait(ctx, nil, drillReturns, func() string {
		if d.standing.Mode() == mode.Survivable {
			return ""
		}
		took := time.Since(ended).Seconds()
		d.note(func(n *admin.DrillNode) { n.Back = &took })
		return "it is back"
	})
}

// passOn ends the drill everywhere when somebody has called for help here.
func (d *drill) passOn(ctx context.Context, r *rehearsal, why string) {
	if r.cried.Load() {
		d.tellAll(ctx, drillOrder{What: drillStop, Site: r.Site, Why: why})
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ", for " + why
}

// wait waits for a time, or until somebody ends the drill, or look says why it is
// over; then ended is true.
func (d *drill) wait(ctx context.Context, stop <-chan string, most time.Duration, look func() string) (why string, ended bool) {
	over := time.NewTimer(most)
	defer over.Stop()
	tick := time.NewTicker(drillLooks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "the node stops", true
		case <-over.C:
			return "", false
		case why = <-stop:
			return why, true
		case <-tick.C:
			if look == nil {
				continue
			}
			if why = look(); why != "" {
				return why, true
			}
		}
	}
}

// look notes when the node is alone, and ends the drill when somebody calls for help,
// wherever: his line may be beyond that which is as if cut.
func (d *drill) look(r *rehearsal, began time.Time) (why string) {
	for _, c := range d.calls.All() {
		if d.config.View().IsEmergency(c.To) {
			r.cries(fmt.Sprintf("%s calls %s", c.From, c.To))
		}
	}
	if r.inside && d.standing.Mode() == mode.Survivable {
		took := time.Since(began).Seconds()
		d.note(func(n *admin.DrillNode) {
			if n.Alone == nil {
				n.Alone = &took
			}
		})
	}
	return ""
}

// deafen makes this node deaf to whom the line would part it from.
func (d *drill) deafen(r *rehearsal) {
	inside, outside := d.inside(r.Site)
	if !r.inside {
		outside = inside
	}
	parted := make(map[string]bool)
	for _, n := range outside {
		parted[n.Name] = true
	}
	d.port.Deafen(func(node string) bool { return parted[node] })
	if !r.inside {
		d.deafenToPhones(r)
	}
}

// deafenToPhones makes this node deaf to what comes from the networks of the site.
func (d *drill) deafenToPhones(r *rehearsal) {
	view := d.config.View()
	isThere := func(a netip.Addr) bool { return view.Network(a).Site == r.Site }
	d.sip.Deafen(func(a netip.Addr, came []byte) bool { return isThere(a) && !d.helps(r, view, a, came) })
	if names := d.names(); names != nil {
		names.Deafen(isThere)
	}
}

// helps reports whether among what has come from a phone of the site is a call for
// help, which is heard, and ends the drill.
func (d *drill) helps(r *rehearsal, view *store.View, from netip.Addr, came []byte) bool {
	for called := range invited(came) {
		if number, _ := route.Read(view, r.Site, called); number.Kind == route.Emergency || called == sos {
			r.cries(fmt.Sprintf("%s calls %s", from, called))
			return true
		}
	}
	return false
}

// sos is what invited says of a service for emergencies (RFC 5031).
const sos = "urn:service:sos"

// invited returns whom the INVITEs call that begin in what has come, whatever is
// before them.
func invited(came []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(came) {
			uri, invite := bytes.CutPrefix(line[:min(len(line), longestInvite)], []byte("INVITE "))
			if called := numberIn(uri); invite && called != "" && !yield(called) {
				return
			}
		}
	}
}

// numberIn returns whom a URI names that begins so; empty for one that is not whole.
func numberIn(uri []byte) string {
	if len(uri) >= len(sos) && bytes.EqualFold(uri[:len(sos)], []byte(sos)) {
		return sos
	}
	scheme, rest, found := bytes.Cut(uri, []byte(":"))
	if !found || len(scheme) > len("sips") {
		return ""
	}
	end := bytes.IndexAny(rest, "@;> ")
	return string(rest[:max(end, 0)])
}

// longestInvite is how much of a line is looked at to see whom it calls.
const longestInvite = 256

// help ends a drill, whatever becomes of the call: one that finds no way out while the
// line is as if cut is refused at once, and in no table of calls.
func (d *drill) help(words string) {
	d.mu.Lock()
	r := d.now
	d.mu.Unlock()
	if r != nil {
		r.cries(words)
	}
}

// tells takes the events of SIP.
func (n *Node) tells(kind, words string) {
	n.events.Add(kind, "%s", words)
	if kind == sipcore.EventHelp && n.drills != nil {
		n.drills.help(words)
	}
}

// cries ends the drill because somebody needs help.
func (r *rehearsal) cries(why string) {
	r.cried.Store(true)
	select {
	case r.stop <- why:
	default: // it ends already
	}
}

func (d *drill) hear() {
	d.port.Deafen(nil)
	d.sip.Deafen(nil)
	if names := d.names(); names != nil {
		names.Deafen(nil)
	}
}
