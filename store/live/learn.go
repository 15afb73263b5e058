package live

import (
	"fmt"
	"time"
)

// Learn takes over what another node's journal says about one of that node's
// bindings: a value, or nothing when it is gone. The order in which things are
// learned from several nodes does not matter. When two nodes claim one device,
// the one that has its flow wins, then the one to which the device moved last,
// by count and then by the clocks of the two, then the larger name; this node
// withdraws its own claim if it lost. No clock but the two is asked: nodes whose
// clocks differ would judge differently, for ever. A clock that is ahead wins a
// last tie and no more, for nobody takes it over: a phone that comes back to the
// other node counts as moved. A value that makes no sense changes nothing and is an
// error; one that is too large is an error too, and takes what was there with it.
func (b *Bindings) Learn(node, key string, value []byte) error {
	return b.LearnText(node, key+string(value), len(key))
}

// LearnText is Learn for a key and a value in one text, of which key bytes are the
// key. The table keeps the text.
func (b *Bindings) LearnText(node, text string, key int) error {
	user, device, ok := splitKey(text[:key])
	if !ok || node == b.node {
		return fmt.Errorf("learning a binding from %q: bad key", node)
	}
	s := b.shard(user)
	if len(text) == key {
		b.unlearn(s, func() *entry { return s.findAt(user, device, node) })
		return nil
	}
	x, contactEnd, err := parseShared(text[key:])
	if err != nil {
		return fmt.Errorf("learning a binding from %q: %w", node, err)
	}
	x.User, x.Device, x.Node = user, device, node
	if len(text) > maxText { // what it had before is not so any more
		b.unlearn(s, func() *entry { return s.findAt(user, device, node) })
		return fmt.Errorf("learning a binding from %q: %w", node, ErrTooLarge)
	}
	b.learn(s, &x, wording{text, placesOf(&x, contactEnd, len(text))}, func() *entry { return s.findAt(user, device, node) })
	return nil
}

// unlearn removes what find finds, if anything, with the lock held.
func (b *Bindings) unlearn(s *shard, find func() *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := find(); e != nil {
		b.watch(e.user())
		s.remove(e)
	}
}

// learn takes x, in the words w, for what find finds, if anything, with the lock held.
func (b *Bindings) learn(s *shard, x *Binding, w wording, find func() *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.watch(x.User)
	if x.Since.IsZero() {
		x.Since = time.Unix(0, 0)
	}
	if e := find(); e != nil {
		s.change(e, x, w, b.base, false)
	} else {
		s.add(x, w, b.base, false)
	}
	if own := s.findOwn(x.User, x.Device, b.node); own != nil && own.lost {
		b.removeLocked(s, own)
	}
}
