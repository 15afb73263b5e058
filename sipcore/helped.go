package sipcore

import (
	"sync"
	"time"
)

const (
	// calledBack is how long after a call for help went out the service may call back,
	// though its carrier does not say that it is one (RFC 7090 section 4).
	calledBack = time.Hour
	// mostHelped bounds whom a node remembers.
	mostHelped = 1000
)

// helped remembers whose calls for help have gone out. It is safe for concurrent use.
type helped struct {
	mu   sync.Mutex
	when map[string]time.Time
}

// add notes that a call for help of a user, if he is one, has gone out.
func (h *helped) add(user string, now time.Time) {
	if user == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.when == nil {
		h.when = make(map[string]time.Time)
	}
	if len(h.when) >= mostHelped {
		h.tidyLocked(now)
	}
	h.when[user] = now
}

// tidyLocked forgets whom nobody calls back any more, and one more: who called first.
func (h *helped) tidyLocked(now time.Time) {
	first := ""
	for who, at := range h.when {
		if now.Sub(at) >= calledBack {
			delete(h.when, who)
		} else if first == "" || at.Before(h.when[first]) {
			first = who
		}
	}
	delete(h.when, first)
}

// has reports whether a user may be called back now.
func (h *helped) has(user string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, ok := h.when[user]
	return ok && now.Sub(at) < calledBack
}
