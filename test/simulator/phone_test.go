package simulator

import (
	"fmt"
	"slices"
	"time"

	"carillon/store/live"
)

// A phone registers with one node after another.
type phone struct {
	user, device, transport string
	at                      int // the node; -1: none
	flow                    uint64
}

// act is anything that a phone does.
func (p *phone) act(w *world) {
	switch w.random.IntN(8) {
	case 0:
		p.unregister(w, w.random.IntN(len(w.nodes)))
	case 1:
		p.unregister(w, p.at)
	case 2:
		if p.at >= 0 && p.transport == "tcp" {
			w.nodes[p.at].table.FlowClosed(p.flow)
			w.nodes[p.at].flush()
		}
	case 3, 4:
		p.register(w, w.random.IntN(len(w.nodes)))
	default:
		p.register(w, p.at)
	}
}

func (p *phone) register(w *world, at int) {
	if at < 0 {
		return
	}
	if at != p.at || w.one(4) {
		w.flows++
		p.flow = w.flows
	}
	p.at = at
	n := w.nodes[at]
	x := live.Binding{
		User: p.user, Device: p.device, Contact: fmt.Sprintf("sip:%s@192.0.2.%d:%d", p.user, 1+at, 1024+p.flow),
		Transport: p.transport, Flow: p.flow, Granted: time.Minute, Since: time.Now().Add(n.skew),
	}
	p.update(w, at, func(have []live.Binding) []live.Binding { return append(have, x) })
}

func (p *phone) unregister(w *world, at int) {
	if at < 0 {
		return
	}
	p.at = -1
	p.update(w, at, func(have []live.Binding) []live.Binding { return have })
}

// update has a registrar do what f does to all but the phone's own binding.
func (p *phone) update(w *world, at int, f func([]live.Binding) []live.Binding) {
	n := w.nodes[at]
	err := n.table.Update(p.user, func(have []live.Binding) ([]live.Binding, error) {
		return f(slices.DeleteFunc(have, func(x live.Binding) bool { return x.Device == p.device })), nil
	})
	if err != nil {
		w.fails("%s: %v", n.name, err)
	}
	n.flush()
}

// place checks that all nodes show the phone where it registered last.
func (p *phone) place(w *world) {
	for _, n := range w.nodes {
		x, ok := n.table.Device(p.user, p.device)
		if p.at >= 0 && (!ok || x.Node != w.nodes[p.at].name || x.Flow == 0) {
			w.fails("%s shows %s at %q (%v), want %s, where it registered last", n.name, p.device, x.Node, ok, w.nodes[p.at].name)
		}
	}
}
