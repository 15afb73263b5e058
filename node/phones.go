package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"carillon/node/admin"
	"carillon/store/live"
)

// phones tells the operator of phones that came, went or lost their connection.
// Many that come at once, as when a line is back, are told as a number: they must
// neither drive all else out of the events nor wake Run for each.
type phones struct {
	events *admin.Events
	wake   chan struct{} // has one element when there is something to tell

	mu     sync.Mutex
	news   []string
	untold int // beyond mostNews
}

const (
	newsEvery = 250 * time.Millisecond
	mostNews  = 20 // each time
)

func newPhones(events *admin.Events) *phones {
	return &phones{events: events, wake: make(chan struct{}, 1)}
}

// note takes note of what a binding was and has become. It is called with a lock
// of their table held.
func (p *phones) note(was, is *live.Binding) {
	if was != nil && is != nil && was.Contact == is.Contact && (was.Flow != 0) == (is.Flow != 0) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch len(p.news) {
	case 0:
		p.wake <- struct{}{} // does not wait: Run has taken the last one before the news
		fallthrough
	default:
		p.news = append(p.news, newsOf(was, is))
	case mostNews:
		p.untold++
	}
}

func newsOf(was, is *live.Binding) string {
	switch {
	case was == nil:
		return fmt.Sprintf("%s registered a phone at %s over %s", is.User, is.Contact, is.Transport)
	case is == nil:
		return fmt.Sprintf("%s: the phone at %s is no longer registered", was.User, was.Contact)
	case is.Flow == 0:
		return fmt.Sprintf("%s: the phone at %s lost its connection", is.User, is.Contact)
	case was.Contact != is.Contact:
		return fmt.Sprintf("%s: the phone at %s is now at %s over %s", is.User, was.Contact, is.Contact, is.Transport)
	default:
		return fmt.Sprintf("%s: the phone at %s is back over %s", is.User, is.Contact, is.Transport)
	}
}

// Run tells the news until ctx ends: at once, then every newsEvery as long as
// there are any.
func (p *phones) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		p.tell()
		select {
		case <-ctx.Done():
		case <-time.After(newsEvery):
		}
	}
}

func (p *phones) tell() {
	all, untold := p.take()
	for _, text := range all {
		p.events.Add("registration", "%s", text)
	}
	if untold > 0 {
		p.events.Add("registration", "%d more phones came, moved or went: see `carillon registrations`", untold)
	}
}

func (p *phones) take() (all []string, untold int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, untold = p.news, p.untold
	p.news, p.untold = nil, 0
	return all, untold
}
