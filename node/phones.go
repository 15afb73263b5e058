package node

import (
	"context"
	"sync"
	"time"

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
	wake     chan struct{} // has one element when news has become not empty

	left, untold int // Run's own: how much may still be told this time, and what was not

	mu    sync.Mutex
	known map[string]phone    // by key
	news  map[string]struct{} // keys; at most one for each binding
	spare map[string]struct{} // empty, or what Run has taken
}

const (
	// newsEvery keeps many registrations from waking Run for each.
	newsEvery = 250 * time.Millisecond
	// mostNews keeps them from driving all else out of the events when a whole
	// site comes back at once.
	mostNews = 20
)

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
		spare:  make(map[string]struct{}),
		wake:   make(chan struct{}, 1),
	}
}

// Set implements [live.Journal].
func (p *phones) Set(key string, _ []byte) { p.note(key) }

// Delete implements [live.Journal].
func (p *phones) Delete(key string) { p.note(key) }

func (p *phones) note(key string) {
	p.mu.Lock()
	first := len(p.news) == 0
	p.news[key] = struct{}{}
	p.mu.Unlock()
	if first {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// Restore implements [disk.Restorer]: who comes back from disk is no news.
func (p *phones) Restore(b live.Binding) bool {
	key := b.Key()
	p.mu.Lock()
	_, known := p.known[key]
	if !known {
		p.known[key] = phone{user: b.User, contact: b.Contact, up: b.Transport == "udp"}
	}
	p.mu.Unlock()
	back := p.bindings.Restore(b)
	if !back && !known {
		p.mu.Lock()
		delete(p.known, key)
		p.mu.Unlock()
	}
	return back
}

// Restored implements [disk.Restorer].
func (p *phones) Restored() { p.bindings.Restored() }

// Run tells the news until ctx ends: at once, then every newsEvery as long as
// there are any.
func (p *phones) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		p.tellAll()
		select {
		case <-ctx.Done():
		case <-time.After(newsEvery):
		}
	}
}

// tellAll tells what there is news of; of many phones at once only how many.
func (p *phones) tellAll() {
	news := p.take()
	p.left, p.untold = mostNews, 0
	for key := range news {
		p.tell(key)
	}
	clear(news)
	if p.untold > 0 {
		p.events.Add("registration", "%d more phones came, moved or went: see `carillon registrations`", p.untold)
	}
}

// take returns the keys there is news of, until the next time.
func (p *phones) take() map[string]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := p.news
	p.news, p.spare = p.spare, news
	return news
}

// tell says what became of one binding.
func (p *phones) tell(key string) {
	b, exists := p.bindings.Own(key)
	next := p.phoneOf(b)
	old, known := p.learn(key, next, exists)
	switch {
	case !exists && known:
		p.say("%s: the phone at %s is no longer registered", old.user, old.contact)
	case !exists:
	case !known:
		p.say("%s registered a phone at %s over %s", b.User, b.Contact, b.Transport)
	case old.up && !next.up:
		p.say("%s: the phone at %s lost its connection", b.User, b.Contact)
	case old.contact != next.contact:
		p.say("%s: the phone at %s is now at %s over %s", b.User, old.contact, b.Contact, b.Transport)
	case !old.up && next.up:
		p.say("%s: the phone at %s is back over %s", b.User, b.Contact, b.Transport)
	}
}

// learn takes note of what became of a phone and returns what was known of it.
func (p *phones) learn(key string, next phone, exists bool) (old phone, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old, known = p.known[key]
	if exists {
		p.known[key] = next
	} else {
		delete(p.known, key)
	}
	return old, known
}

func (p *phones) say(format string, args ...any) {
	if p.left == 0 {
		p.untold++
		return
	}
	p.left--
	p.events.Add("registration", format, args...)
}

func (*phones) phoneOf(b live.Binding) phone {
	return phone{user: b.User, contact: b.Contact, up: b.Flow != 0}
}
