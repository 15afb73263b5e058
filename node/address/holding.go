package address

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// holding does what the rule says about one address on one LAN.
type holding struct {
	*Holder

	lan    *lan
	wanted netip.Prefix
	rule   rule
}

// run follows the rule until ctx ends, another address is wanted, or something
// fails, and has given the address up then.
func (g *holding) run(ctx context.Context, heard <-chan sighting) error {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for g.o.Wanted() == g.wanted {
		select {
		case <-ctx.Done():
			g.give(g.rule.drop(), "the node stops")
			return nil
		case s := <-heard:
			if err := g.do(g.rule.heard(time.Now(), s), fmt.Sprintf("%s holds it too, and goes first", net.HardwareAddr(s.from[:]))); err != nil {
				return err
			}
		case <-beats.C:
			if err := g.beat(); err != nil {
				return err
			}
		}
	}
	g.give(g.rule.drop(), "the configuration has another one, or none")
	return nil
}

// beat looks at the line and at the time.
func (g *holding) beat() error {
	plugged, err := g.lan.plugged()
	if err != nil {
		g.give(g.rule.drop(), "its interface is gone")
		return err
	}
	now, why := time.Now(), "the node stood still"
	g.rule.modest = g.o.Modest != nil && g.o.Modest()
	switch {
	case !plugged:
		why = g.lan.name + " is unplugged"
	case !g.rule.late(now):
		why = "it is drained, and another node can hold it"
	}
	return g.do(g.rule.tick(now, plugged), why)
}

// do acts; why is for giving up.
func (g *holding) do(what acts, why string) (err error) {
	g.give(what, why)
	if what&(take|renew) != 0 {
		err = g.have(what)
	}
	if err != nil {
		return err
	}
	if what&announce != 0 {
		g.lan.tell()
	}
	if what&probe != 0 {
		g.lan.ask(g.rule.ask())
	}
	g.update(func(s *State) {
		s.Held, s.Holder, s.Trouble = g.rule.held, "", ""
		if g.rule.holder != (mac{}) {
			s.Holder = net.HardwareAddr(g.rule.holder[:]).String()
		}
	})
	return nil
}

// have sets the address, or keeps it.
func (g *holding) have(what acts) error {
	now := time.Now()
	err := g.lan.set()
	if err == nil && what&take != 0 {
		err = g.o.Taken(g.wanted.Addr())
	}
	switch {
	case err == nil:
		g.rule.kept(now)
	case what&take != 0: // it was never ours
		g.rule.drop()
		g.lan.unset()
		return err
	default:
		g.give(g.rule.drop(), err.Error())
		return err
	}
	if what&take != 0 {
		g.o.Say("this node holds the service address %s now, on %s", g.wanted.Addr(), g.lan.name)
	}
	return nil
}

// give gives up what was held. While the address is still there, connections to
// it can be reset.
func (g *holding) give(what acts, why string) {
	if what&give == 0 {
		return
	}
	g.o.Given(g.wanted.Addr())
	g.lan.unset()
	g.update(func(s *State) { s.Held = false })
	g.o.Say("this node has given up the service address %s: %s", g.wanted.Addr(), why)
}
