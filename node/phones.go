package node

import (
	"context"
	"sync"

	"carillon/node/admin"
	"carillon/store/live"
)

// phones tells the operator of phones that came, went or lost their connection.
// It is the Journal of this node's bindings, so that it hears of each change and
// of no refresh. The table calls it with a lock held, hence it only notes which
// keys there is news of; Run looks what became of them.
type phones struct {
	bindings *live.Bindings
	events   *admin.Events
	known    map[string]phone // by key; Run's own

	mu   sync.Mutex
	news map[string]struct{} // keys; at most one for each binding
	wake chan struct{}
}

// A phone is what has been told about one.
type phone struct {
	user, contact string
	up            bool
}

func newPhones(events *admin.Events) *phones {
	return &phones{
		events: events,
		known:  make(map[string]phone),
		news:   make(map[string]struct{}),
		wake:   make(chan struct{}, 1),
	}
}

// Set implements [live.Journal].
func (p *phones) Set(key string, _ []byte) { p.note(key) }

// Delete implements [live.Journal].
func (p *phones) Delete(key string) { p.note(key) }

func (p *phones) note(key string) {
	p.mu.Lock()
	p.news[key] = struct{}{}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// restored takes note of the phones that came back from disk without telling of
// each.
func (p *phones) restored() {
	for _, b := range p.bindings.All() {
		p.known[b.Key()] = p.phoneOf(b)
	}
	p.take()
}

// Run tells the news until ctx ends.
func (p *phones) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for key := range p.take() {
			p.tell(key)
		}
	}
}

// take returns the keys there is news of, and forgets them.
func (p *phones) take() map[string]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.news
	p.news = make(map[string]struct{})
	return news
}

// tell says what became of one binding.
func (p *phones) tell(key string) {
	old, known := p.known[key]
	b, exists := p.find(key)
	if !exists {
		delete(p.known, key)
		if known {
			p.events.Add("registration", "%s: the phone at %s is no longer registered", old.user, old.contact)
		}
		return
	}
	next := p.phoneOf(b)
	p.known[key] = next
	switch {
	case !known:
		p.events.Add("registration", "%s registered a phone at %s over %s", b.User, b.Contact, b.Transport)
	case old.up && !next.up:
		p.events.Add("registration", "%s: the phone at %s lost its connection", b.User, b.Contact)
	case old.contact != next.contact:
		p.events.Add("registration", "%s: the phone at %s is now at %s over %s", b.User, old.contact, b.Contact, b.Transport)
	case !old.up && next.up:
		p.events.Add("registration", "%s: the phone at %s is back over %s", b.User, b.Contact, b.Transport)
	}
}

func (p *phones) find(key string) (live.Binding, bool) {
	record, ok := p.bindings.Record(key)
	if !ok {
		return live.Binding{}, false
	}
	b, err := live.ParseRecord(key, record)
	return b, err == nil
}

func (*phones) phoneOf(b live.Binding) phone {
	return phone{user: b.User, contact: b.Contact, up: b.Flow != 0}
}
