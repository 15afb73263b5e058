package session

import "carillon/cluster/replica"

// takeDelta takes a delta that says itself where it begins.
func (c *conn) takeDelta(body []byte) error {
	id, d, err := parseDelta(body)
	if err != nil {
		return err
	}
	r, ok := c.named[id]
	if !ok {
		return errFrame
	}
	c.heardTo[id] = d.Next()
	return c.learn(id, r, len(body)+frameCost, func() (*replica.Delta, bool, error) { return &d, true, nil })
}

// takeNext takes one that begins where the last one of its namespace ended.
func (c *conn) takeNext(body []byte) error {
	f := fields{data: body}
	id := f.number()
	r, ok := c.named[id]
	from, known := c.heardTo[id]
	if f.bad || !ok || !known {
		return errFrame
	}
	return c.learnNext(id, r, len(body)+frameCost, from, 0, f.data)
}

// takeSince takes one that begins where we have said that we are.
func (c *conn) takeSince(body []byte) error {
	f := fields{data: body}
	id, from, check := f.number(), f.cursor(), f.number()
	r, ok := c.named[id]
	if f.check(ok && check < 1<<32); f.bad {
		return errFrame
	}
	return c.learnNext(id, r, len(body)+frameCost, from, replica.Check(check), f.data) //nolint:gosec // bounded
}

func (c *conn) learnNext(id uint64, r *replica.Replica, size int, from replica.Cursor, check replica.Check, next []byte) error {
	return c.learn(id, r, size, func() (*replica.Delta, bool, error) {
		d, known, err := r.ReadNext(next, from)
		d.Check = check
		c.heardTo[id] = d.Next()
		return &d, known, err
	})
}

// learn has a delta of r, which read returns with the lock of Sessions held,
// applied, and others told of it.
func (c *conn) learn(id uint64, r *replica.Replica, size int, read func() (d *replica.Delta, known bool, err error)) error {
	s := c.s
	s.learning.Lock()
	defer s.learning.Unlock()
	changes, err := c.apply(id, r, size, read)
	for _, x := range changes {
		if s.o.Learned != nil {
			s.o.Learned(r.Owner(), r.Channel(), x)
		}
	}
	return err
}

func (c *conn) apply(id uint64, r *replica.Replica, size int, read func() (*replica.Delta, bool, error)) ([]replica.Change, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	d, known, err := read()
	if err != nil || r == nil || !c.s.set.Has(r) { // nobody may speak so, or of a node that is forgotten
		return nil, err
	}
	c.peer.count(&c.peer.in, r.Channel(), size)
	switch {
	case !known && r.Cursor().Compare(d.Next()) >= 0:
		return nil, nil
	case !known:
		c.askLocked(id, r.Awaits())
		return nil, nil
	}
	c.fitted(r, d)
	changes, result, at := r.Apply(*d)
	switch result {
	case replica.Applied:
		delete(c.asked, id)
		c.s.touchedLocked(r)
	case replica.Gap, replica.NeedSnapshot, replica.Spoilt:
		if d.From == d.To { // an offer: what was asked for before may have been passed over by it
			delete(c.asked, id)
		}
		c.askLocked(id, at)
	case replica.Old:
	}
	return changes, nil
}

// complainLocked tells those who send us r that its incarnation is spoilt, until its
// owner hears of it.
func (s *Sessions) complainLocked(r *replica.Replica) {
	for _, p := range s.order {
		if p.conn == nil {
			continue
		}
		for id, x := range p.conn.named {
			if x == r {
				p.conn.askLocked(id, r.Awaits())
			}
		}
	}
}

// askLocked tells the far end where a stream is to go on, once.
func (c *conn) askLocked(id uint64, at replica.Cursor) {
	if last, ok := c.asked[id]; ok && last == at {
		return
	}
	c.asked[id] = at
	c.asks = append(c.asks, id)
	c.hurry()
}
