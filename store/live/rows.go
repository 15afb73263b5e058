package live

import (
	"sync"
	"time"
)

// dialogShards is a power of two, large enough that set-ups on all cores seldom
// meet.
const dialogShards = 16

// rows are the sides of calls that are shown of some of the users, in lists of each
// user. Who has thousands of them, as a number that everybody calls, costs no more than
// others to write.
type rows struct {
	mu    sync.RWMutex
	first map[string]*Side // by user
}

// set makes s what it is now and shows it if it is to be shown; false if nobody sees
// anything new.
func (r *rows) set(s *Side, to Dialog) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = s.listed && s.Dialog != to
	if s.User == "" {
		s.Dialog = to
	} else { // what names it stays, and may be read without the lock
		s.LocalTag, s.RemoteTag, s.Remote, s.State, s.Private, s.Since = to.LocalTag, to.RemoteTag, to.Remote, to.State, to.Private, to.Since
	}
	return r.listLocked(s, s.IsShown()) || news
}

// swap shows is where was, either of which may be nil, was shown; false if nobody sees
// anything new. Both are of one user.
func (r *rows) swap(was, is *Side) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	same := was != nil && is != nil && was.listed && was.Dialog == is.Dialog
	gone := was != nil && r.listLocked(was, false)
	came := is != nil && r.listLocked(is, is.IsShown())
	return (gone || came) && !same
}

// list has s listed or not; false if it is so already.
func (r *rows) list(s *Side, listed bool) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listLocked(s, listed)
}

// listLocked has s listed or not; false if it is so already.
func (r *rows) listLocked(s *Side, listed bool) (news bool) {
	switch {
	case s.listed == listed:
		return false
	case listed:
		if r.first == nil {
			r.first = make(map[string]*Side)
		}
		s.before, s.next = nil, r.first[s.User]
		if s.next != nil {
			s.next.before = s
		}
		r.first[s.User] = s
	case s.before != nil:
		s.before.next = s.next
	case s.next != nil:
		r.first[s.User] = s.next
	default:
		delete(r.first, s.User)
	}
	if !listed && s.next != nil {
		s.next.before = s.before
	}
	s.listed = listed
	return true
}

// find returns the listed side that says something of the same as x, or nil.
func (r *rows) find(x *Dialog) *Side {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for s := r.first[x.User]; s != nil; s = s.next {
		if s.isSame(x) {
			return s
		}
	}
	return nil
}

func (r *rows) isListed(s *Side) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return s.listed
}

func (r *rows) of(user string) (list []Dialog) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for s := r.first[user]; s != nil; s = s.next {
		list = append(list, s.Dialog)
	}
	return list
}

// talksSince returns the node and the beginning of the first call of user that was
// answered and lasts; no node if there is none.
func (r *rows) talksSince(user string) (node string, since time.Time) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for s := r.first[user]; s != nil; s = s.next {
		if s.State == Confirmed && (node == "" || s.Since.Before(since)) {
			node, since = s.Node, s.Since
		}
	}
	return node, since
}

// each calls f with every side that is listed.
func (r *rows) each(f func(*Side)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.first {
		for ; s != nil; s = s.next {
			f(s)
		}
	}
}
