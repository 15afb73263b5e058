package live

// Audit compares what was learned of the calls of other nodes with the table, makes it
// right, and returns how many rows were wrong. Sides of this node are not looked at: see
// Own.
func (d *Dialogs) Audit() (wrong int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	for node, talks := range d.theirs {
		silent := d.IsSilent(node)
		for _, x := range talks {
			x.shown = !x.hidden && (x.shown || !silent) // the time of a silent one may be over
			for i := range x.sides {
				wrong += d.healLocked(&x.sides[i], x.shown)
			}
		}
	}
	for _, s := range d.straysLocked() {
		wrong += d.healLocked(s, false)
	}
	return wrong
}

// healLocked has a side of another node listed or not, and returns 1 if it was not
// so.
func (d *Dialogs) healLocked(s *Side, listed bool) int {
	if listed {
		s.looked = d.looks
	}
	if !d.shard(s.User).list(s, listed) {
		return 0
	}
	d.changed(s.User)
	return 1
}

// straysLocked returns the sides of other nodes in the table that this look did not find
// to be of any call.
func (d *Dialogs) straysLocked() (strays []*Side) {
	for i := range d.users {
		d.users[i].each(func(s *Side) {
			if s.Node != d.node && s.looked != d.looks {
				strays = append(strays, s)
			}
		})
	}
	return strays
}
