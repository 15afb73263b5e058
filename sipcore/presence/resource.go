package presence

import "bytes"

// A Package is an event package (RFC 6665 section 7.2).
type Package struct {
	Name    string // as the Event header field has it
	Type    string // the media type of its documents
	Private bool   // nobody watches but the user himself

	// Look returns what can be seen of a user now. It must not wait; what it returns
	// never changes.
	Look func(user string) Sight
}

// A Sight is what can be seen of a user at one moment.
type Sight interface {
	// Same reports whether who was shown the other would see nothing new.
	Same(other Sight) bool
	// Document writes it down for who was shown before, nil for nobody yet. entity is
	// the URI that was asked for. Where the document has a version, it is "0".
	Document(entity string, before Sight) []byte
}

type resourceKey struct{ pkg, user string }

// A resource is one user as the watchers of one package see him.
type resource struct {
	pkg      *Package
	user     string
	entity   string // by which the first watcher asked
	sight    Sight  // nil: nobody has looked yet
	watchers []*subscription
	queued   bool
}

// addLocked makes s a watcher of what it is for.
func (n *Notifier) addLocked(s *subscription, pkg *Package, user string) {
	key := resourceKey{pkg.Name, user}
	r := n.resources[key]
	if r == nil {
		r = &resource{pkg: pkg, user: user, entity: s.entity}
		n.resources[key] = r
		n.lookLocked(r)
	}
	if s.entity == r.entity {
		s.entity = r.entity // one text will do
	}
	s.of, s.at = r, len(r.watchers)
	r.watchers = append(r.watchers, s)
	n.subs[s.tag] = s
	n.watchers[s.watcher]++
}

// dropLocked forgets s.
func (n *Notifier) dropLocked(s *subscription) {
	if s.gone {
		return
	}
	s.gone = true
	s.timer.Stop()
	delete(n.subs, s.tag)
	if n.watchers[s.watcher]--; n.watchers[s.watcher] == 0 {
		delete(n.watchers, s.watcher)
	}
	r := s.of
	last := len(r.watchers) - 1
	r.watchers[s.at], r.watchers[last].at = r.watchers[last], s.at
	r.watchers[last] = nil
	r.watchers = r.watchers[:last]
	if last == 0 {
		delete(n.resources, resourceKey{r.pkg.Name, r.user})
	}
}

// look sees what has become of a resource, and has its watchers told if they would see
// it.
func (n *Notifier) look(r *resource) {
	sight := r.pkg.Look(r.user)
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.sight != nil && sight.Same(r.sight) {
		return
	}
	r.sight = sight
	for _, s := range r.watchers {
		n.dueLocked(s)
	}
}

// A rendering is one document, in two parts with the version between: most watchers of
// a change were shown the same before, and get the same.
type rendering struct {
	now, before Sight
	entity      string
	head, tail  []byte
	versioned   bool
}

// render returns the document for s.
func (n *Notifier) render(entity string, now, before Sight) *rendering {
	if d := &n.last; d.now == now && d.before == before && d.entity == entity && d.head != nil {
		return d
	}
	d := rendering{now: now, before: before, entity: entity}
	const mark = ` version="0"`
	text := now.Document(entity, before)
	if i := bytes.Index(text, []byte(mark)); i >= 0 {
		d.versioned = true
		d.head, d.tail = text[:i+len(mark)-2], text[i+len(mark)-1:]
	} else {
		d.head = text
	}
	n.last = d
	return &n.last
}
