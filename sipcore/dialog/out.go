package dialog

import (
	"slices"
	"sync"
)

// An out notes which calls users' rules have sent outside. A call that is over leaves it
// when its user is next asked for.
type out struct {
	mu sync.Mutex
	of map[string][]ID
}

// SentOut notes that a call has gone outside by a rule of a user.
func (t *Tracker) SentOut(id ID, user string) {
	if !isOwn(id) {
		return
	}
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	if all := t.goingOnLocked(user); !slices.Contains(all, id) {
		t.out.of[user] = append(all, id)
	}
}

// OutFor returns how many calls that go on have gone outside by the rules of a user, at
// this node.
func (t *Tracker) OutFor(user string) int {
	t.out.mu.Lock()
	defer t.out.mu.Unlock()
	return len(t.goingOnLocked(user))
}

func (t *Tracker) goingOnLocked(user string) []ID {
	all := slices.DeleteFunc(t.out.of[user], func(id ID) bool {
		key, cseq := id.parts()
		c, ok := t.calls.Get(key)
		return !ok || c.CSeq != cseq
	})
	if len(all) == 0 {
		delete(t.out.of, user)
		return nil
	}
	t.out.of[user] = all
	return all
}
