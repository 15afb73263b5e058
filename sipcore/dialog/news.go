package dialog

import (
	"encoding/binary"
	"sync"
	"time"

	"carillon/store/live"
)

// tellAfter is for how long news of calls are gathered.
const tellAfter = 50 * time.Millisecond

// news are the calls of which other nodes are to be told. They are told beside the
// messages, not between them: a call that rings and is answered meanwhile costs once, and
// one that is over nothing.
type news struct {
	wake chan struct{} // has one element when there are some

	mu    sync.Mutex
	calls map[string]struct{}
}

func newNews() news { return news{wake: make(chan struct{}, 1), calls: make(map[string]struct{})} }

func (n *news) add(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls[id] = struct{}{}
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *news) take() map[string]struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.calls
	n.calls = make(map[string]struct{}, len(taken))
	return taken
}

// TellNews tells other nodes now what Run would tell them soon.
func (t *Tracker) TellNews() {
	for id := range t.news.take() {
		t.calls.Change(id, func(c *live.Call) {
			if !mayBeTold(c) {
				return
			}
			if c.Key == "" {
				c.Key = string(binary.AppendUvarint(nil, t.keys.Add(1)))
			}
			t.lamps.Tell(c)
		})
	}
}
