package presence

import "time"

// followEvery is how soon a subscription follows its phone to another node.
const followEvery = 5 * time.Second

// deactivated is why a subscription ends that is to be begun again at once, elsewhere
// (RFC 6665 section 4.1.3).
const deactivated = "deactivated"

// follow ends the subscriptions of users whose phones were registered here, and are now
// at other nodes: before this one is taken down, or when those are back that their
// phones prefer.
func (n *Notifier) follow() {
	left := n.whoLeft()
	if len(left) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.subs {
		if left[s.watcher] {
			s.endLocked(deactivated)
		}
	}
}

// whoLeft returns the watchers who have left since it was asked last.
func (n *Notifier) whoLeft() map[string]bool {
	n.mu.Lock()
	watchers := make([]string, 0, len(n.watchers))
	for w := range n.watchers {
		watchers = append(watchers, w)
	}
	n.mu.Unlock()
	left := make(map[string]bool)
	served := make(map[string]bool, len(watchers))
	for _, w := range watchers {
		here, elsewhere := n.o.Serves(w)
		left[w] = n.served[w] && !here && elsewhere
		if !left[w] {
			delete(left, w)
		}
		if here || n.served[w] && !elsewhere {
			served[w] = true
		}
	}
	n.served = served
	return left
}
