package replica

// A past remembers what the keys that changed last had before, so that their
// change can be told as a difference. It is bounded, and nothing depends on it:
// what it has forgotten is told whole. The zero past is empty.
type past struct{ young, old years }

// A years is part of a past.
type years struct {
	byHash map[uint32]int // the places in ring
	ring   []item         // what the keys had, in the order in which these came
	next   int            // where the next one comes once ring is full
}

// age forgets what is not younger than the last age.
func (p *past) age() { p.young, p.old = years{}, p.young }

// mostPast is how many keys a past has: about as many phones as come back at
// once at one node.
const mostPast = 512

// note takes what a key has, which is about to change.
func (p *past) note(was *item) {
	if was.deleted {
		p.forget(was)
		return
	}
	y := &p.young
	place, known := y.byHash[was.hash]
	if !known {
		place = y.makeRoom()
		y.byHash[was.hash] = place
	}
	y.ring[place] = *was
}

// forget drops what the key of x had.
func (p *past) forget(x *item) {
	for was := p.of(x.key(), x.hash); was != nil; was = p.of(x.key(), x.hash) {
		*was = item{hash: was.hash, stale: true}
	}
}

// of returns what a key had before it changed last; nil if that is not known.
func (p *past) of(key string, hash uint32) *item {
	if was := p.young.of(key, hash); was != nil {
		return was
	}
	return p.old.of(key, hash)
}

func (y *years) of(key string, hash uint32) *item {
	place, known := y.byHash[hash]
	if !known || y.ring[place].stale || y.ring[place].key() != key {
		return nil
	}
	return &y.ring[place]
}

func (y *years) makeRoom() (place int) {
	if y.byHash == nil {
		y.byHash = map[uint32]int{}
	}
	if place = len(y.ring); place < mostPast {
		y.ring = append(y.ring, item{})
		return place
	}
	place = y.next
	delete(y.byHash, y.ring[place].hash)
	y.next = (y.next + 1) % mostPast
	return place
}
