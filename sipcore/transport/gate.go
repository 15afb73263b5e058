package transport

import (
	"net/netip"
	"time"
)

// A Gate decides who may come in, before anything of him is read. Readers ask
// it, many at once: it must not wait. Other nodes need not pass it.
type Gate interface {
	// Welcomes reports whether a connection from that address is taken.
	Welcomes(peer netip.Addr) bool
	// Admits reports whether one more message on f, which begins with raw, is read. A
	// stream that is not to be read any more ends.
	Admits(f Flow, raw []byte, now time.Time) bool
}

// Welcomes implements [Gate].
func (nobody) Welcomes(netip.Addr) bool { return true }

// Admits implements [Gate].
func (nobody) Admits(Flow, []byte, time.Time) bool { return true }

// admits asks the gate about one more message on f.
func (l *Layer) admits(f Flow, raw []byte, now time.Time) bool {
	if f.Kind() == Node || l.opts.Gate.Admits(f, raw, now) {
		return true
	}
	l.count.gate.Add(1)
	f.Abort()
	return false
}
