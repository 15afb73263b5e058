package live

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"
)

// A pointer says at which node a device is, and nothing that only this node
// needs: who calls asks it. It names the device by its slot, a number made of its
// name, so that it is known for the same one that another node has by name. In
// the table it is a Binding without a Contact, whose Device is the slot; of a
// phone with several flows the phone's slot stands before it.

const (
	pointed        = "p." // begins such a Device; no phone's name does
	pointerVersion = 1
	slotSize       = 4
)

// IsPointer reports whether x only says at which node the device is.
func (x *Binding) IsPointer() bool { return isPointed(x.Device) }

// Names reports whether device is that of x, where either may be a slot.
func (x *Binding) Names(device string) bool { return sameDevice(x.Device, device) }

// Phone names the phone of which x is one flow, the same for a pointer and for
// what it points to; "" when the phone has but one.
func (x *Binding) Phone() string {
	switch {
	case x.RegID == 0:
		return ""
	case x.IsPointer():
		return x.Instance()
	}
	return pointed + hexSlot(slotOf(x.Instance()))
}

func isPointed(device string) bool { return strings.HasPrefix(device, pointed) }

func sameDevice(a, b string) bool {
	return a == b || (isPointed(a) || isPointed(b)) && slotOf(a) == slotOf(b)
}

// slotOf returns the slot of a device, which may be given by it.
func slotOf(device string) uint32 {
	if text, ok := strings.CutPrefix(device, pointed); ok {
		slot, _ := strconv.ParseUint(text[strings.LastIndexByte(text, '#')+1:], 16, 32)
		return uint32(slot)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(device))
	return h.Sum32()
}

func hexSlot(slot uint32) string { return fmt.Sprintf("%08x", slot) }

// PointerKey names the pointer to the binding that key names.
func PointerKey(key string) string {
	user, device, _ := splitKey(key)
	return string(binary.BigEndian.AppendUint32([]byte(user), slotOf(device)))
}

// AppendPointer appends what those are told about x who only need to know where
// it is.
func (x *Binding) AppendPointer(dst []byte) []byte {
	dst = append(dst, pointerVersion, x.sharedFlags())
	dst = binary.AppendUvarint(dst, uint64(x.Granted/time.Second)) //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(x.Move))
	dst = binary.AppendUvarint(dst, uint64(math.Round(x.q()*1000)))
	dst = binary.AppendUvarint(dst, uint64(x.RegID)) //nolint:gosec // not negative
	if x.RegID != 0 {
		dst = binary.BigEndian.AppendUint32(dst, slotOf(x.Instance()))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(x.came())) //nolint:gosec // bounded
}

// parsePointer reads what AppendPointer has written under key. What follows the
// fields is for later versions.
func parsePointer(key string, value []byte) (Binding, error) {
	user, slot, ok := splitPointer(key)
	r := reader{data: string(value), bad: !ok}
	r.bad = r.byte() != pointerVersion || r.bad
	flags := r.byte()
	x := Binding{
		User: user, Device: pointed + hexSlot(slot),
		Granted: time.Duration(r.number(math.MaxInt32)) * time.Second, //nolint:gosec // bounded
		Move:    uint32(r.number(math.MaxUint32)),                     //nolint:gosec // bounded
		Q:       float32(r.number(1000)) / 1000,
		RegID:   int(r.number(math.MaxInt32)), //nolint:gosec // bounded
	}
	if x.RegID != 0 {
		x.Device = pointed + hexSlot(r.slot()) + "#" + hexSlot(slot)
	}
	x.setSharedFlags(flags)
	x.Since = time.Unix(int64(r.slot()), 0)
	return x, r.err()
}

func splitPointer(key string) (user string, slot uint32, ok bool) {
	at := len(key) - slotSize
	if at < 0 {
		return "", 0, false
	}
	user = key[:at]
	return user, binary.BigEndian.Uint32([]byte(key[at:])), !strings.Contains(user, separator)
}

func (r *reader) slot() uint32 {
	if r.bad || len(r.data) < slotSize {
		r.data, r.bad = "", true
		return 0
	}
	slot := binary.BigEndian.Uint32([]byte(r.data[:slotSize]))
	r.data = r.data[slotSize:]
	return slot
}

// LearnPointer is Learn for what another node says to those who need not know
// more than where a device is.
func (b *Bindings) LearnPointer(node, key string, value []byte) error {
	user, slot, ok := splitPointer(key)
	if !ok || node == b.node {
		return fmt.Errorf("learning a pointer from %q: bad key", node)
	}
	s := b.shard(user)
	if len(value) == 0 {
		b.unlearn(s, func() *entry { return s.findPointer(user, slot, node) })
		return nil
	}
	x, err := parsePointer(key, value)
	if err != nil {
		return fmt.Errorf("learning a pointer from %q: %w", node, err)
	}
	if x.Node = node; x.textSize() > maxText {
		return fmt.Errorf("learning a pointer from %q: %w", node, ErrTooLarge)
	}
	b.learn(s, &x, pointerWording(&x), func() *entry { return s.findPointer(user, slot, node) })
	return nil
}

// findPointer returns what a node says of a slot of user.
func (s *shard) findPointer(user string, slot uint32, node string) *entry {
	for e := s.users.first(user); e != nil; e = e.another() {
		if isPointed(e.device()) && slotOf(e.device()) == slot && e.node() == node {
			return e
		}
	}
	return nil
}
