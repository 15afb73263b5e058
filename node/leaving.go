package node

import (
	"context"
	"fmt"
	"time"

	"carillon/node/admin"
	"carillon/node/mode"
	"carillon/sipcore"
	"carillon/store"
	"carillon/store/live"
)

// leaving has the phones of this node go to others: all of them while it is drained,
// and those that are to prefer the mains when a LifeGUARD hears mains again. It
// decides each second; who is asked when, and how often, decides sipcore.
type leaving struct {
	self   func() store.Node
	view   func() *store.View
	mode   func() string
	alive  func(node string) bool
	phones mover
	events *admin.Events

	was   string    // the mode, a second ago
	back  time.Time // until when phones go back to the mains
	doing string    // why phones go, or nothing
}

// A mover is the SIP server.
type mover interface {
	SendAway(among func(live.Binding) bool, all bool) (phones int, spread time.Duration)
	KeepPhones() sipcore.Away
	Recheck()
}

// Why phones go.
const (
	drained   = "drained"
	returning = "return"
)

// goingBackFor is for how long phones are asked to go back to the mains: each comes by
// within a minute of its turn.
const goingBackFor = 5 * time.Minute

// Run decides until ctx ends, once the registrations of before are loaded.
func (l *leaving) Run(ctx context.Context, loaded <-chan struct{}) error {
	select {
	case <-loaded:
	case <-ctx.Done():
		return nil
	}
	l.phones.Recheck()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		l.decide(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *leaving) decide(now time.Time) {
	is := l.mode()
	if is == mode.Cluster && l.was != is && l.self().Role == store.Lifeguard {
		l.back = now.Add(goingBackFor)
	}
	l.was = is
	why := l.why(now)
	if why == l.doing {
		return
	}
	if l.doing != "" {
		l.ends(why)
	}
	if l.doing = why; why != "" {
		l.begins(why)
	}
}

// why returns for what reason phones are to go now; nothing when they have nowhere
// else to go.
func (l *leaving) why(now time.Time) string {
	switch n, _ := l.view().Node(l.self().Name); {
	case !l.hasElsewhere():
		return ""
	case n.Drained:
		return drained
	case now.Before(l.back):
		return returning
	}
	return ""
}

// hasElsewhere reports whether another main is there to take phones. A site that is
// cut off has none.
func (l *leaving) hasElsewhere() bool {
	return l.mode() == mode.Cluster && takesPhones(l.view(), l.self().Name, l.alive)
}

// takesPhones reports whether a main that is alive and not drained takes the phones
// of a node.
func takesPhones(v *store.View, of string, alive func(node string) bool) bool {
	for _, n := range v.Nodes() {
		if n.Name != of && n.Role == store.Main && !n.Drained && alive(n.Name) {
			return true
		}
	}
	return false
}

func (l *leaving) begins(why string) {
	if why == drained {
		n, spread := l.phones.SendAway(func(live.Binding) bool { return true }, true)
		l.events.Add("drain", "this node is drained: %s asked to register elsewhere, over %s; calls go on", phonesAre(n), spread.Round(time.Second))
		return
	}
	if n, spread := l.phones.SendAway(l.prefersMains, false); n > 0 {
		l.events.Add("return", "mains are heard: %s asked to go back to them, over %s; calls go on", phonesAre(n), spread.Round(time.Second))
	}
}

func (l *leaving) prefersMains(x live.Binding) bool {
	at := x.Site
	if at == "" {
		at = l.view().SiteOf(l.self())
	}
	s, _ := l.view().Site(at)
	return s.Homing == store.MainFirst
}

// ends tells what came of it.
func (l *leaving) ends(next string) {
	did := l.phones.KeepPhones()
	kind := "return"
	switch {
	case l.doing == drained && next == "" && !l.hasElsewhere():
		l.events.Add("drain", "no other main is heard: the phones of this node are kept, although it is drained")
		return
	case l.doing == drained:
		kind = "drain"
		l.events.Add(kind, "this node is drained no more: phones may stay")
	}
	if did.Asked > 0 {
		l.events.Add(kind, "%s asked to go; %d of them came back each time and stayed: they know no other node", phonesWere(did.Asked), did.Stayed)
	}
}

func phonesAre(n int) string {
	if n == 1 {
		return "1 phone is"
	}
	return fmt.Sprintf("%d phones are", n)
}

func phonesWere(n int) string {
	if n == 1 {
		return "1 phone was"
	}
	return fmt.Sprintf("%d phones were", n)
}

// isDrained reports whether no phone is to be sent to a node: it is drained, and
// others can take its phones. A site that is cut off needs every node it has.
func (n *Node) isDrained(name string) bool {
	v := n.config.View()
	other, _ := v.Node(name)
	return other.Drained && n.standing.Mode() == mode.Cluster && takesPhones(v, name, n.system.isAlive)
}

// Drain implements [admin.Nodes].
func (s *system) Drain(ctx context.Context, who, name string, undo bool) (admin.Drained, error) {
	change := store.Drain{By: store.Author{Who: who, At: time.Now()}, Name: name, Off: undo}
	if _, err := change.On(s.config.View()); err != nil {
		return admin.Drained{}, err
	}
	if !undo && !takesPhones(s.config.View(), name, s.isAlive) {
		return admin.Drained{}, &store.Error{
			Kind: store.Conflict, Field: "node", Message: name + " cannot be drained: no other main answers now that could take its phones",
		}
	}
	if err := s.config.Propose(ctx, change); err != nil {
		return admin.Drained{}, err
	}
	n, _ := s.config.View().Node(name)
	return admin.Drained{Name: name, Role: n.Role, Drained: n.Drained}, nil
}
