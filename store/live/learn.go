package live

import (
	"cmp"
	"fmt"
)

// Learn takes over what another node's journal says about one of that node's
// bindings: a value, or nothing when it is gone. When two nodes claim one
// device, the one that has its flow wins, then the one to which the device
// moved last, then the larger name; this node withdraws its own claim if it
// lost. A value that makes no sense changes nothing and is an error.
func (b *Bindings) Learn(node, key string, value []byte) error {
	user, device, ok := splitKey(key)
	if !ok || node == b.node {
		return fmt.Errorf("learning a binding from %q: bad key", node)
	}
	s := b.shard(user)
	if len(value) == 0 {
		b.unlearn(s, node, user, device)
		return nil
	}
	x, err := parseShared(value)
	if err != nil {
		return fmt.Errorf("learning a binding from %q: %w", node, err)
	}
	x.User, x.Device, x.Node = user, device, node
	if x.textSize() > maxText {
		return fmt.Errorf("learning a binding from %q: %w", node, ErrTooLarge)
	}
	b.learn(s, &x)
	return nil
}

func (b *Bindings) unlearn(s *shard, node, user, device string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(user, device); e != nil && e.node() == node {
		b.removeLocked(s, e)
	}
}

func (b *Bindings) learn(s *shard, x *Binding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(x.User, x.Device)
	if e == nil {
		s.add(x, b.base, false)
		return
	}
	old := e.binding(b.base)
	if old.Node != x.Node && x.claim(&old) < 0 {
		return
	}
	s.change(e, x, b.base, false)
	if old.Node == b.node {
		b.journal.Delete(e.key())
		b.changed(e.key())
	}
}

// claim compares the claims of two nodes to one device.
func (x *Binding) claim(y *Binding) int {
	return cmp.Or(
		cmp.Compare(toInt(x.Flow != 0), toInt(y.Flow != 0)),
		cmp.Compare(x.Move, y.Move),
		cmp.Compare(x.Node, y.Node),
	)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
