package transaction

import "sync/atomic"

// Counters are counts since the start, but for what is said to be live.
type Counters struct {
	InviteServers, OtherServers Population
	InviteClients, OtherClients Population

	Absorbed      uint64 // retransmissions received and not passed on
	Retransmitted uint64 // messages sent again, by a timer or because one was absorbed
	Timeouts      uint64 // transactions that ended by timer B, F or H
	Strays        uint64 // responses without a transaction
	Unmatched     uint64 // CANCELs without a transaction
	Overloads     uint64 // requests refused because there were too many transactions
	SendErrors    uint64
	Panics        uint64 // of the owners of timers, on the whole wheel
}

// A Population counts the transactions of one kind.
type Population struct{ Created, Live uint64 }

// tally is what is counted outside the tables: none of it is frequent.
type tally struct {
	absorbed, retransmitted, timeouts, strays, unmatched, overloads, sendErrors atomic.Uint64
}

// Counters returns the counts. It needs no lock, and the counts need not be of
// one instant.
func (l *Layer) Counters() Counters {
	c := Counters{
		Absorbed:      l.count.absorbed.Load(),
		Retransmitted: l.count.retransmitted.Load(),
		Timeouts:      l.count.timeouts.Load(),
		Strays:        l.count.strays.Load(),
		Unmatched:     l.count.unmatched.Load(),
		Overloads:     l.count.overloads.Load(),
		SendErrors:    l.count.sendErrors.Load(),
		Panics:        l.o.Wheel.panics.count.Load(),
	}
	c.InviteServers, c.OtherServers = l.servers.populations()
	c.InviteClients, c.OtherClients = l.clients.populations()
	return c
}

func (t *table[T]) populations() (invites, others Population) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		invites.add(s.made[invite], s.here[invite])
		others.add(s.made[other], s.here[other])
		s.mu.Unlock()
	}
	return invites, others
}

func (p *Population) add(made uint64, here uint32) {
	p.Created += made
	p.Live += uint64(here)
}
