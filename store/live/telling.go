package live

import "slices"

// This file says what other nodes are told of this one's calls.

// Divide has other nodes be told of each side of a call apart, by the site of its user:
// the keys for the journal begin with that and a slash. Set it before the table is used.
func (d *Dialogs) Divide(siteOf func(user string) string) { d.siteOf = siteOf }

// Tell tells other nodes what c, a call of this one, is now.
func (d *Dialogs) Tell(c *Call) {
	if d.journal == nil {
		return
	}
	room := d.room.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in it
	defer d.room.Put(room)
	if d.siteOf == nil {
		*room = c.appendTalk((*room)[:0], func(string) bool { return true })
		d.journal.Set(c.Key, *room)
		return
	}
	sites := d.sitesOf(c)
	for _, site := range sites {
		*room = c.appendTalk((*room)[:0], func(user string) bool { return d.siteOf(user) == site })
		d.journal.Set(site+"/"+c.Key, *room)
	}
	for _, site := range c.told { // after that: who watches sees no gap
		if !slices.Contains(sites, site) {
			d.journal.Delete(site + "/" + c.Key)
		}
	}
	c.told = sites
}

// sitesOf returns the sites of the users who are in a call.
func (d *Dialogs) sitesOf(c *Call) (sites []string) {
	for _, s := range c.Sides {
		if !s.IsShown() {
			continue
		}
		if site := d.siteOf(s.User); !slices.Contains(sites, site) {
			sites = append(sites, site)
		}
	}
	return sites
}

// TellOver tells other nodes that c is over.
func (d *Dialogs) TellOver(c *Call) {
	switch {
	case d.journal == nil:
	case d.siteOf == nil:
		d.journal.Delete(c.Key)
	}
	for _, site := range c.told {
		d.journal.Delete(site + "/" + c.Key)
	}
	c.told = nil
}
