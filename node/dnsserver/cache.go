package dnsserver

import (
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	mostCached     = 2048
	mostCachedSize = 4096 // bytes of an answer that is kept
	leastLife      = 5 * time.Second
	mostLife       = time.Hour
	mostNoLife     = 5 * time.Minute // of the answer that there is nothing (RFC 2308)
)

// A cache keeps what others answered. The zero value is ready.
type cache struct {
	mu sync.Mutex
	of map[subject]cached
}

type cached struct {
	answer      *dns.Msg // is not changed
	came, until time.Time
}

// get returns an answer with the lifetimes that it has left; nil if there is none.
func (c *cache) get(about subject, now time.Time) *dns.Msg {
	c.mu.Lock()
	kept, found := c.of[about]
	c.mu.Unlock()
	if !found || !now.Before(kept.until) {
		return nil
	}
	answer := kept.answer.Copy()
	age := uint32(now.Sub(kept.came) / time.Second) //nolint:gosec // mostLife at most
	for _, rr := range slices.Concat(answer.Answer, answer.Ns, answer.Extra) {
		rr.Header().Ttl -= min(rr.Header().Ttl, age)
	}
	return answer
}

// put keeps an answer as long as it says, within bounds.
func (c *cache) put(about subject, answer *dns.Msg, now time.Time) {
	if answer.Len() > mostCachedSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[subject]cached{}
	}
	if _, known := c.of[about]; !known && len(c.of) >= mostCached {
		c.makeRoomLocked(now)
	}
	c.of[about] = cached{answer, now, now.Add(lifeOf(answer))}
}

// makeRoomLocked forgets what is over, and if nothing is, any one.
func (c *cache) makeRoomLocked(now time.Time) {
	var last subject
	for about, kept := range c.of {
		if !now.Before(kept.until) {
			delete(c.of, about)
		}
		last = about
	}
	if len(c.of) >= mostCached {
		delete(c.of, last)
	}
}

// lifeOf returns how long an answer is good for.
func lifeOf(answer *dns.Msg) time.Duration {
	if len(answer.Answer) == 0 || answer.Rcode != dns.RcodeSuccess {
		for _, rr := range answer.Ns {
			if soa, is := rr.(*dns.SOA); is {
				return min(max(seconds(min(soa.Minttl, soa.Hdr.Ttl)), leastLife), mostNoLife)
			}
		}
		return leastLife
	}
	life := mostLife
	for _, rr := range slices.Concat(answer.Answer, answer.Ns) {
		life = min(life, seconds(rr.Header().Ttl))
	}
	return max(life, leastLife)
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
