// Package store holds what a Carillon system knows: its domain, users, sites,
// networks and trunks, as plain Go values.
//
// A [View] is one consistent picture of that knowledge and never changes once
// published. A [Change] is one validated edit; applying it publishes the next
// View. Nothing here knows about SIP, HTTP, files or the cluster: package
// store/disk keeps Views, package store/file reads and writes what people
// write, and package node carries a Change to every node in the same order.
package store

import (
	"sync"
	"sync/atomic"
)

// A Store publishes Views. Reading is lock-free; the zero Store is not usable.
type Store struct {
	view atomic.Pointer[View]

	mu       sync.Mutex // serialises Apply, Publish and calls of watchers
	watchers map[*watcher]struct{}
}

type watcher struct{ f func(*View) }

// New returns a Store whose first View is v.
func New(v *View) *Store {
	s := &Store{watchers: make(map[*watcher]struct{})}
	s.view.Store(v)
	return s
}

// View returns the current View. A SIP request takes one View when it arrives
// and decides everything with it, so that one call never sees half a change.
func (s *Store) View() *View { return s.view.Load() }

// Apply publishes the View that results from c, with the given index, or leaves
// the current View in place and says why c is not possible. An index that the
// View already contains is skipped without an error.
func (s *Store) Apply(index uint64, c Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.view.Load()
	if index <= now.Index() {
		return nil
	}
	next, err := c.On(now)
	if err != nil {
		return err
	}
	s.publishLocked(next.At(index))
	return nil
}

// Publish makes v the current View. It is for whoever decides Changes itself
// because it saves before it publishes (store/disk); others use Apply.
func (s *Store) Publish(v *View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publishLocked(v)
}

func (s *Store) publishLocked(v *View) {
	s.view.Store(v)
	for w := range s.watchers {
		w.f(v)
	}
}

// Watch has f called with every View that is published from now on, in order,
// until stop is called. f must be quick and must not call Apply or Publish: the
// next Change waits for it. f may still run once when stop returns.
func (s *Store) Watch(f func(*View)) (stop func()) {
	w := &watcher{f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}
}
