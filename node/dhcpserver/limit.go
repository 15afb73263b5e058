package dhcpserver

import (
	"sync"
	"time"
)

// How many packets a second are looked at. A device sends a handful in minutes;
// after a power cut all devices of a site come at once.
const (
	mostPackets   = 1000
	mostPerDevice = 10
	mostTries     = 8192 // devices whose tries are counted
	tryLife       = 30 * time.Second
)

// A limiter counts the packets of this second, and how often devices tried in vain.
type limiter struct {
	mu     sync.Mutex
	second int64
	all    int
	each   map[string]int
	tries  map[string]try
}

type try struct {
	count int
	last  time.Time
}

// take counts a packet and reports whether it may be looked at.
func (l *limiter) take(device string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second || l.each == nil {
		l.second, l.all, l.each = second, 0, map[string]int{}
	}
	l.all++
	if l.all > mostPackets { // before it takes room
		return false
	}
	l.each[device]++
	return l.each[device] <= mostPerDevice
}

// tried counts a question of a device that another server should answer, and
// returns how many there were lately.
func (l *limiter) tried(device string, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tries == nil || len(l.tries) >= mostTries {
		l.tries = map[string]try{}
	}
	t := l.tries[device]
	if now.Sub(t.last) > tryLife {
		t.count = 0
	}
	t.count, t.last = t.count+1, now
	l.tries[device] = t
	return t.count
}
