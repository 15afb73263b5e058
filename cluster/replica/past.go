package replica

// A past remembers what the keys that changed last had before, so that their
// change can be told as a difference. It is bounded, and nothing depends on it:
// what it has forgotten is told whole. The zero past is empty.
type past struct {
	byHash map[uint32]int // the places in ring
	ring   []item         // what the keys had, in the order in which these came
	next   int            // where the next one comes once ring is full
}

// mostPast is how many keys a past has: about as many phones as come back at
// once at one node.
const mostPast = 512

// note takes what a key has, which is about to change.
func (p *past) note(was *item) {
	if was.deleted {
		p.forget(was)
		return
	}
	place, known := p.byHash[was.hash]
	if !known {
		place = p.makeRoom()
		p.byHash[was.hash] = place
	}
	p.ring[place] = *was
}

// forget drops what the key of x had.
func (p *past) forget(x *item) {
	if was := p.of(x.key(), x.hash); was != nil {
		was.text, was.cut, was.stale = "", 0, true
	}
}

// of returns what a key had before it changed last; nil if that is not known.
func (p *past) of(key string, hash uint32) *item {
	place, known := p.byHash[hash]
	if !known || p.ring[place].stale || p.ring[place].key() != key {
		return nil
	}
	return &p.ring[place]
}

func (p *past) makeRoom() (place int) {
	if p.byHash == nil {
		p.byHash = map[uint32]int{}
	}
	if place = len(p.ring); place < mostPast {
		p.ring = append(p.ring, item{})
		return place
	}
	place = p.next
	delete(p.byHash, p.ring[place].hash)
	p.next = (p.next + 1) % mostPast
	return place
}
