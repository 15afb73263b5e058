package replica

// A past remembers what the keys that changed last had before, so that their
// change can be told as a difference. It is bounded, and nothing depends on it:
// what it has forgotten is told whole. The zero past is empty.
type past struct {
	byKey map[string]former
	ring  []string // the keys, in the order in which they came
	next  int      // where the next one comes once ring is full
}

// A former is what a key had.
type former struct {
	version uint64
	value   []byte
}

// mostPast is how many keys a past has: about as many phones as come back at
// once at one node.
const mostPast = 512

// note takes what e has, which is about to change.
func (p *past) note(e *entry) {
	if e.deleted {
		delete(p.byKey, e.key)
		return
	}
	if _, known := p.byKey[e.key]; !known {
		p.makeRoom(e.key)
	}
	p.byKey[e.key] = former{e.version, e.value}
}

func (p *past) makeRoom(key string) {
	if p.byKey == nil {
		p.byKey = map[string]former{}
	}
	if len(p.ring) < mostPast {
		p.ring = append(p.ring, key)
		return
	}
	delete(p.byKey, p.ring[p.next])
	p.ring[p.next] = key
	p.next = (p.next + 1) % mostPast
}
