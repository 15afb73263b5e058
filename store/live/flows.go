package live

// A flows finds the entries by their connection to this node: chains of those
// whose flows have the same lower bits.
type flows struct {
	chains []*entry // as many as a power of two
	n      int
}

// onFlowsChain is how many entries a chain has on average before there are twice
// as many chains: a connection is seldom looked for.
const onFlowsChain = 2

// first returns an entry on a flow; entry.onSameFlow goes on from there.
func (f *flows) first(flow uint64) *entry {
	if f.n == 0 {
		return nil
	}
	return (*f.chain(flow)).orOnFlow(flow)
}

// onSameFlow returns the next entry on the flow of e.
func (e *entry) onSameFlow() *entry { return e.nextOnFlow.orOnFlow(e.flow) }

func (e *entry) orOnFlow(flow uint64) *entry {
	for e != nil && e.flow != flow {
		e = e.nextOnFlow
	}
	return e
}

func (f *flows) chain(flow uint64) **entry {
	return &f.chains[flow&uint64(len(f.chains)-1)] //nolint:gosec // not negative
}

// add puts e on its flow, unless it is there.
func (f *flows) add(e *entry) {
	if e.onConn {
		return
	}
	if f.n >= onFlowsChain*len(f.chains) {
		f.grow()
	}
	f.link(e)
	e.onConn = true
	f.n++
}

func (f *flows) link(e *entry) {
	at := f.chain(e.flow)
	e.nextOnFlow, *at = *at, e
}

func (f *flows) grow() {
	old := f.chains
	f.chains = make([]*entry, max(2*len(old), leastChains))
	for _, e := range old {
		for e != nil {
			next := e.nextOnFlow
			f.link(e)
			e = next
		}
	}
}

// remove takes e, whose flow must not have changed, off its flow, if it is on it.
func (f *flows) remove(e *entry) {
	if !e.onConn {
		return
	}
	at := f.chain(e.flow)
	for *at != e {
		at = &(*at).nextOnFlow
	}
	*at, e.nextOnFlow, e.onConn = e.nextOnFlow, nil, false
	f.n--
}
