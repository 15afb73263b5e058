package transaction

import "time"

// A backoff says when to send again: after T1, then each time after twice as
// long but no longer than a limit, until 64*T1 are over (RFC 3261 sections
// 17.1.1.2, 17.1.2.2 and 17.2.1).
type backoff struct {
	interval time.Duration // to the next retransmission; 0: none, over a reliable transport
	end      int64         // tick of the wheel
}

// start arms t for the first retransmission, or for the end.
func (b *backoff) start(l *Layer, t *Timer, reliable bool, owner Expirer) {
	b.interval = l.o.T1
	if reliable {
		b.interval = 0
	}
	b.end = l.o.Wheel.after(64 * l.o.T1)
	b.arm(l, t, owner)
}

// over reports whether 64*T1 have passed.
func (b *backoff) over(l *Layer) bool { return l.o.Wheel.now() >= b.end }

// again arms t for the next retransmission after one that was just due.
func (b *backoff) again(l *Layer, t *Timer, limit time.Duration, owner Expirer) {
	b.interval *= 2
	if limit > 0 {
		b.interval = min(b.interval, limit)
	}
	b.arm(l, t, owner)
}

func (b *backoff) arm(l *Layer, t *Timer, owner Expirer) {
	left := l.o.Wheel.until(b.end)
	if b.interval > 0 {
		left = min(left, b.interval)
	}
	t.Set(l.o.Wheel, left, owner)
}
