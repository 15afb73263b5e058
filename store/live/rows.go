package live

import (
	"sync"
	"time"
)

// dialogShards is a power of two, large enough that set-ups on all cores seldom
// meet.
const dialogShards = 16

// rows are the dialogs of some of the users. Who has thousands of them, as a number
// that everybody calls, costs no more than others to write.
type rows struct {
	mu    sync.RWMutex
	first map[string]*row // by user
	named map[rowName]*row
}

// A row is a dialog in the list of those of its user.
type row struct {
	Dialog

	next, before *row
}

// A rowName is what makes two dialogs the same, whatever they say.
type rowName struct {
	user, call, node string
	direction        DialogDirection
}

func (d *Dialog) name() rowName { return rowName{d.User, d.Call, d.Node, d.Direction} }

// put adds x or replaces it; false if that is nothing new.
func (s *rows) put(x Dialog) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := x.name()
	if old := s.named[name]; old != nil {
		news = old.Dialog != x
		old.Dialog = x
		return news
	}
	if s.named == nil {
		s.first, s.named = make(map[string]*row), make(map[rowName]*row)
	}
	added := &row{Dialog: x, next: s.first[x.User]}
	if added.next != nil {
		added.next.before = added
	}
	s.first[x.User], s.named[name] = added, added
	return true
}

// delete removes x, whatever it says; false if it is not there.
func (s *rows) delete(x Dialog) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := x.name()
	old := s.named[name]
	if old == nil {
		return false
	}
	delete(s.named, name)
	if old.next != nil {
		old.next.before = old.before
	}
	switch {
	case old.before != nil:
		old.before.next = old.next
	case old.next != nil:
		s.first[old.next.User] = old.next
	default:
		delete(s.first, x.User)
	}
	return true
}

func (s *rows) has(x Dialog) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.named[x.name()]
	return found != nil && found.Dialog == x
}

func (s *rows) of(user string) (list []Dialog) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for x := s.first[user]; x != nil; x = x.next {
		list = append(list, x.Dialog)
	}
	return list
}

// talksSince returns the node and the beginning of the first call of user that was
// answered and lasts; no node if there is none.
func (s *rows) talksSince(user string) (node string, since time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for x := s.first[user]; x != nil; x = x.next {
		if x.State == Confirmed && (node == "" || x.Since.Before(since)) {
			node, since = x.Node, x.Since
		}
	}
	return node, since
}

func (s *rows) appendTo(all []Dialog) []Dialog {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, x := range s.named {
		all = append(all, x.Dialog)
	}
	return all
}
