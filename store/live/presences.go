package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// mostPublished bounds what is published of one user at one node: what ends first
// makes room.
const mostPublished = 16

// deriveAllEvery is how often Run looks at the dialogs and registrations of every
// user, whether or not it was told of a change: nodes fall silent, and nothing may
// stick.
const deriveAllEvery = 10 * time.Second

// askedFor is how long who asked for a user is told of changes. A subscription asks
// more often.
const askedFor = 30 * time.Minute

// settleAfter is how long Run waits for more to look at.
const settleAfter = 50 * time.Millisecond

// ErrPresence refuses a statement that is too long or makes no sense.
var ErrPresence = errors.New("the presence makes no sense")

// Presences is what is known of the presence of every user, in the whole system:
// what was published, here or at other nodes, and what this node makes of the
// user's dialogs and registrations, which travel by themselves. Make one with
// NewPresences. It is safe for concurrent use, and nothing in it waits.
//
// What Of returns has a version, and the functions of Watch are called after it
// has risen: who routes by it reads what was notified.
type Presences struct {
	node    string
	journal Journal
	derived derivation

	mu       sync.RWMutex
	settings Settings
	people   map[string]*person
	soonest  time.Time // before it nothing ends that was published here; zero: nothing does
	watchers []func(user string)
	silent   map[string]time.Time // the nodes of which nothing is heard, since when
}

// NewPresences returns an empty table of the node named node. What is published at
// it goes to journal, which may be nil.
func NewPresences(node string, journal Journal) *Presences {
	if journal == nil {
		journal = nobody{}
	}
	return &Presences{
		node: node, journal: journal, settings: DefaultSettings(), derived: derivation{wake: make(chan struct{}, 1), known: make(map[string]struct{}), dirty: make(map[string]struct{})},
		people: make(map[string]*person), silent: make(map[string]time.Time),
	}
}

// Node returns whose table it is.
func (p *Presences) Node() string { return p.node }

// Watch has f called with each user of whom something else is to be told, after
// it can be read: no lock is held. Two changes at the same moment may call f in
// either order; what it reads is the newer. Set it before the table is used.
func (p *Presences) Watch(f func(user string)) { p.watchers = append(p.watchers, f) }

// Published returns what the source id says of user, whichever node it told; false
// if nothing.
func (p *Presences) Published(user, id string, now time.Time) (best Presence, found bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	x := p.people[user]
	if x == nil {
		return Presence{}, false
	}
	for i := range x.said {
		s := &x.said[i]
		if s.ID == id && !s.ended(now) && p.isHeard(s, now) && (!found || best.compare(&s.Presence) < 0) {
			best, found = s.Presence, true
		}
	}
	return best, found && !best.Gone
}

// Put takes what is published at this node, or refreshes it; it returns it with
// its stamp, which rises unless it says what was said before. A source that was at
// another node comes here with it. A refresh costs no other node a byte.
func (p *Presences) Put(x Presence, now time.Time) (Presence, error) {
	x.Kind, x.Node, x.Since = FromPublish, p.node, now
	if !x.isSound() {
		return Presence{}, ErrPresence
	}
	p.mu.Lock()
	x, told := p.putLocked(x, now)
	p.mu.Unlock()
	p.tell(told, x.User)
	return x, nil
}

func (p *Presences) putLocked(x Presence, now time.Time) (Presence, bool) {
	who := p.personLocked(x.User)
	own := who.find(x.ID, p.node)
	if own != nil && !x.Fixed && own.repeats(&x) && !who.isOutdone(own) {
		p.refreshLocked(own, x.Expires, now)
		return own.Presence, false
	}
	x.Turn = 0
	x.Stamp = max(who.latest()+1, now.UnixMilli())
	who.put(statement{x, now.Add(x.Expires)})
	p.expectLocked(now.Add(x.Expires))
	p.journal.Set(presenceKey(&x), x.shared())
	p.makeRoomLocked(who)
	return x, p.mergeLocked(who, now)
}

// refreshLocked has what was published here last longer. Other nodes care how long that
// is, not that it was.
func (p *Presences) refreshLocked(s *statement, lasts time.Duration, now time.Time) {
	s.ends = now.Add(lasts)
	s.Turn++
	if s.Expires != lasts {
		s.Expires = lasts
		p.expectLocked(s.ends)
		p.journal.Set(presenceKey(&s.Presence), s.shared())
	}
}

// makeRoomLocked removes what ends first if more is published here than fits.
func (p *Presences) makeRoomLocked(who *person) {
	first, n := -1, 0
	for i := range who.said {
		if s := &who.said[i]; s.Node == p.node {
			n++
			if first < 0 || s.ends.Before(who.said[first].ends) {
				first = i
			}
		}
	}
	if n > mostPublished {
		p.removeLocked(who, first)
	}
}

// removeLocked forgets one statement, and tells others if it was ours.
func (p *Presences) removeLocked(who *person, i int) {
	x := who.said[i].Presence
	who.said = slices.Delete(who.said, i, i+1)
	if x.Node == p.node {
		p.journal.Delete(presenceKey(&x))
	}
}

// Delete forgets what the source id has published of user. If another node has it,
// that one hears that it is over: this node says so for as long as that one may
// believe otherwise.
func (p *Presences) Delete(user, id string, now time.Time) {
	x, found := p.Published(user, id, now)
	if !found {
		return
	}
	p.mu.Lock()
	who := p.personLocked(user)
	if i := who.index(id, p.node); i >= 0 {
		p.removeLocked(who, i)
	}
	told := false
	if x.Node == p.node {
		told = p.mergeLocked(who, now)
	} else {
		_, told = p.putLocked(Presence{User: user, ID: id, Node: p.node, Kind: FromPublish, Gone: true, Expires: x.Expires + afterlife}, now)
	}
	p.mu.Unlock()
	p.tell(told, user)
}

// Learn takes over what another node's journal says was published there: a value,
// or nothing when it is over. The order in which nodes are learned from does not
// matter. What this node has from the same source is withdrawn if the other is
// later.
func (p *Presences) Learn(node, key string, value []byte, now time.Time) error {
	x, err := parsePresence(key, string(value))
	if err != nil || node == p.node {
		return fmt.Errorf("learning presence from %q: %w", node, ErrPresence)
	}
	x.Node, x.Since = node, now
	p.mu.Lock()
	told := p.learnLocked(x, len(value) == 0, now)
	p.mu.Unlock()
	p.tell(told, x.User)
	return nil
}

func (p *Presences) learnLocked(x Presence, over bool, now time.Time) bool {
	who := p.personLocked(x.User)
	switch at := who.index(x.ID, x.Node); {
	case over && at >= 0:
		who.said = slices.Delete(who.said, at, at+1)
	case !over && (at >= 0 || who.count(x.Node) < mostPublished+1):
		who.put(statement{x, p.endOfLocked(who, &x, now)})
	}
	if own := who.index(x.ID, p.node); own >= 0 && !over && who.said[own].compare(&x) < 0 {
		p.removeLocked(who, own)
	}
	return p.mergeLocked(who, now)
}

// Configure has the settings count from now on. Who is told something else by them
// is told so.
func (p *Presences) Configure(s Settings, now time.Time) error {
	s, err := s.Compiled()
	if err != nil {
		return fmt.Errorf("compiling the primary source: %w", err)
	}
	p.mu.Lock()
	p.settings = s
	p.mu.Unlock()
	p.mergeAll(now)
	return nil
}

// Expire removes what was published at this node and has ended by now. It looks
// only when something may have.
func (p *Presences) Expire(now time.Time) {
	p.mu.RLock()
	idle := p.soonest.IsZero() || now.Before(p.soonest)
	p.mu.RUnlock()
	if !idle {
		p.mergeAll(now)
	}
}

// mergeAll looks at everybody again.
func (p *Presences) mergeAll(now time.Time) {
	var changed []string
	p.mu.Lock()
	p.soonest = time.Time{}
	for user, who := range p.people {
		p.endLocked(who, now)
		if p.mergeLocked(who, now) {
			changed = append(changed, user)
		}
	}
	p.mu.Unlock()
	for _, user := range changed {
		p.tell(true, user)
	}
}

// endLocked removes what has ended of what was published here.
func (p *Presences) endLocked(who *person, now time.Time) {
	for i := len(who.said) - 1; i >= 0; i-- {
		switch s := &who.said[i]; {
		case s.ends.IsZero():
		case !s.ended(now):
			p.expectLocked(s.ends)
		case s.Node == p.node:
			p.removeLocked(who, i)
		}
	}
}

func (p *Presences) expectLocked(end time.Time) {
	if p.soonest.IsZero() || end.Before(p.soonest) {
		p.soonest = end
	}
}

// SetNodeAlive notes that nothing is heard of another node, or that it is back.
// What it has said counts for as long as it would without being said again.
func (p *Presences) SetNodeAlive(node string, alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, silent := p.silent[node]
	switch {
	case alive:
		delete(p.silent, node)
	case !silent && node != p.node:
		p.silent[node] = time.Now()
	}
}

// Forget drops all that was learned from a node, which will not come back.
func (p *Presences) Forget(node string) {
	if node == p.node {
		return
	}
	p.mu.Lock()
	for _, who := range p.people {
		who.said = slices.DeleteFunc(who.said, func(s statement) bool { return s.Node == node })
	}
	delete(p.silent, node)
	p.mu.Unlock()
	p.mergeAll(time.Now())
}

// Run removes what has ended and looks at dialogs and registrations, until ctx
// ends.
func (p *Presences) Run(ctx context.Context) error {
	sweep, all := time.NewTicker(sweepEvery), time.NewTicker(deriveAllEvery)
	defer sweep.Stop()
	defer all.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-sweep.C:
			p.Expire(now)
		case now := <-all.C:
			p.touchAll(now)
		case <-p.derived.wake:
			select { // a call set up says several things at once
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(settleAfter):
			}
		}
		p.Settle()
	}
}

// tell calls who watches.
func (p *Presences) tell(changed bool, user string) {
	if !changed {
		return
	}
	for _, f := range p.watchers {
		f(user)
	}
}

// mergeLocked sets what is told of a person, and reports whether that is something
// else than before.
func (p *Presences) mergeLocked(who *person, now time.Time) bool {
	was, is := who.state, p.settings.State(p.heardLocked(who, now))
	is.Version = was.Version
	changed := !was.tells(is)
	if changed {
		is.Version++
	}
	who.state = is
	return changed
}

// heardLocked returns what is said of a person and is not over.
func (p *Presences) heardLocked(who *person, now time.Time) []Presence {
	heard := slices.Clone(who.derived)
	for i := range who.said {
		if s := &who.said[i]; !s.ended(now) && p.isHeard(s, now) {
			heard = append(heard, s.Presence)
		}
	}
	return heard
}

func (p *Presences) personLocked(user string) *person {
	who := p.people[user]
	if who == nil {
		who, user = new(person), strings.Clone(user) // of what it may be a part
		who.asked.Store(time.Now().Unix())
		p.people[user] = who
		p.derived.knows(user)
	}
	return who
}

// isHeard reports whether a statement counts though its node may be silent.
func (p *Presences) isHeard(s *statement, now time.Time) bool {
	since, silent := p.silent[s.Node]
	return !silent || now.Sub(since) <= s.Expires
}
