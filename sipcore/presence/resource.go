package presence

import (
	"bytes"
	"strconv"
)

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
	watchers []watching
	queued   bool
}

// A watching is one subscription's interest in a resource.
type watching struct {
	s     *subscription
	place int32 // among the members, where s is that of a list
}

// resourceLocked returns what is to be watched, which is looked at if it is new.
func (n *Notifier) resourceLocked(pkg *Package, user, entity string) *resource {
	key := resourceKey{pkg.Name, user}
	r := n.resources[key]
	if r == nil {
		r = &resource{pkg: pkg, user: user, entity: entity}
		n.resources[key] = r
		n.lookLocked(r)
	}
	return r
}

// addLocked adds a watcher, and returns its place.
func (r *resource) addLocked(w watching) uint32 {
	r.watchers = append(r.watchers, w)
	return uint32(len(r.watchers) - 1) //nolint:gosec // not as many
}

// removeLocked takes a watcher away from its place.
func (n *Notifier) removeLocked(r *resource, at uint32) {
	last := len(r.watchers) - 1
	moved := r.watchers[last]
	r.watchers[at], r.watchers[last] = moved, watching{}
	r.watchers = r.watchers[:last]
	if int(at) < last {
		moved.s.movedLocked(moved.place, r, at)
	}
	if last == 0 {
		delete(n.resources, resourceKey{r.pkg.Name, r.user})
	}
}

// movedLocked says that s stands elsewhere among the watchers of r.
func (s *subscription) movedLocked(place int32, r *resource, at uint32) {
	switch {
	case s.list == nil:
		s.at = at
	case int(place) < len(s.list.members) && s.list.members[place].of == r:
		s.list.members[place].at = at
	}
}

// addLocked makes s a watcher of what it is for.
func (n *Notifier) addLocked(s *subscription, pkg *Package, users ...string) {
	if s.list != nil {
		s.list.watchLocked(s, users)
	} else {
		r := n.resourceLocked(pkg, users[0], s.entity)
		if s.entity == r.entity {
			s.entity = r.entity // one text will do
		}
		s.of, s.at = r, r.addLocked(watching{s: s})
	}
	n.subs[s.tag] = s
	n.watchers[s.watcher]++
	n.live[pkg]++
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
	n.live[s.pkg()]--
	if s.list != nil {
		s.list.watchLocked(s, nil)
	} else {
		n.removeLocked(s.of, s.at)
	}
}

// pkg returns the event package that s is of.
func (s *subscription) pkg() *Package {
	if s.list != nil {
		return s.list.pkg
	}
	return s.of.pkg
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
	for _, w := range r.watchers {
		n.dueLocked(w.s)
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

// appendTo appends the document with its version.
func (d *rendering) appendTo(b []byte, version uint32) []byte {
	b = append(b, d.head...)
	if d.versioned {
		b = strconv.AppendUint(b, uint64(version), 10)
	}
	return append(b, d.tail...)
}

// Watched returns the users whom somebody watches here, in no particular order; one may
// be there more than once.
func (n *Notifier) Watched() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	users := make([]string, 0, len(n.resources))
	for key := range n.resources {
		users = append(users, key.user)
	}
	return users
}
