package house

import (
	"strings"
	"sync"
	"time"
)

// news is what happened in a call, in order, one word or line each: "180",
// "200", "ACK", "BYE", "CANCEL SIP;cause=200". Its zero value is ready.
type news struct {
	mu      sync.Mutex
	all     []string
	changed chan struct{}
}

func (n *news) tell(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, what)
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// find returns the first news that fits, or what to wait for.
func (n *news) find(fits func(string) bool) (string, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, what := range n.all {
		if fits(what) {
			return what, nil
		}
	}
	if n.changed == nil {
		n.changed = make(chan struct{})
	}
	return "", n.changed
}

// await returns the first news that fits, past or to come, and false when none
// comes for as long as a house has Patience.
func (n *news) await(fits func(string) bool) (string, bool) {
	timeout := time.After(Patience)
	for {
		what, changed := n.find(fits)
		if changed == nil {
			return what, true
		}
		select {
		case <-changed:
		case <-timeout:
			return "", false
		}
	}
}

func (n *news) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.all, ", ")
}

// begins fits news that begin so.
func begins(prefixes ...string) func(string) bool {
	return func(what string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(what, p) {
				return true
			}
		}
		return false
	}
}

// final fits the status of a final response.
func final(what string) bool { return begins("2", "3", "4", "5", "6")(what) }
