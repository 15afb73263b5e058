package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"carillon/cluster"
	"carillon/cluster/session"
	"carillon/sipcore"
	"carillon/store"
)

// sited hands what this node says under keys that begin with a site to the channel of
// that site. It implements [live.Journal].
type sited struct {
	class string
	open  func(channel string) cluster.Namespace

	mu    sync.Mutex
	sites map[string]cluster.Namespace
}

// Set implements [live.Journal].
func (s *sited) Set(key string, value []byte) {
	site, rest, _ := strings.Cut(key, "/")
	s.at(site).Set(rest, value)
}

// Delete implements [live.Journal].
func (s *sited) Delete(key string) {
	site, rest, _ := strings.Cut(key, "/")
	s.at(site).Delete(rest)
}

func (s *sited) at(site string) cluster.Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.sites[site]
	if n == nil {
		n = s.open(s.class + "/" + site)
		s.sites[site] = n
	}
	return n
}

// onThePhone is the activity of who talks, as calls have it.
const onThePhone = "on-the-phone"

const (
	lookAtWatched = time.Second      // how often it is looked whose lamps are watched here
	hearsWithin   = 2 * time.Second  // of a site after it became of interest
	keepWatching  = 10 * time.Minute // how long the calls of a site are heard of after nobody watches it
)

// A following is of the calls of which sites a LifeGUARD wants to hear: its own, and
// those of the users that somebody watches here. To mains all are told, to witnesses none.
type following struct {
	view    func() *store.View
	site    func() string
	watched func() []string // users
	narrow  func(class string, channels ...string)

	mu    sync.Mutex
	until map[string]time.Time // by site, when it is of no interest any more
	since map[string]time.Time // by site, when it became of interest
	ruled []string             // the sites of users whose calls go by presence, as of seen
	seen  *store.View
}

// follow has this node, unless it is a main, hear of no more calls than it needs, and a
// witness of no presence either.
func (n *Node) follow(sessions *session.Sessions, sip *sipcore.Server) {
	switch n.identity.Role {
	case RoleWitness:
		sessions.Narrow(dialogs)
		sessions.Narrow(published)
	case RoleLifeguard:
		f := &following{view: n.config.View, site: n.site, watched: sip.Watched, narrow: sessions.Narrow}
		f.look(time.Now()) // before others tell it of all
		n.following.Store(f)
		n.run("the calls that are of interest here", f.Run)
	}
}

// Run follows who is watched until ctx ends.
func (f *following) Run(ctx context.Context) error {
	tick := time.NewTicker(lookAtWatched)
	defer tick.Stop()
	for {
		f.look(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look has all be told that is of interest now.
func (f *following) look(now time.Time) {
	watched := f.watched()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until, f.since = make(map[string]time.Time), make(map[string]time.Time)
	}
	view := f.view()
	if view != f.seen {
		f.seen, f.ruled = view, sitesWithRules(view)
	}
	f.wantLocked(now, f.site())
	f.wantLocked(now, f.ruled...)
	for _, user := range watched {
		f.wantLocked(now, siteOf(view, user))
	}
	for site, until := range f.until {
		if !now.Before(until) {
			delete(f.until, site)
			delete(f.since, site)
		}
	}
	f.tellLocked()
}

// hear has this node told of the calls of a user's site from now on; false if it was told
// of them already.
func (f *following) hear(user string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	site, now := siteOf(f.view(), user), time.Now()
	_, wanted := f.until[site]
	f.wantLocked(now, site)
	if !wanted {
		f.tellLocked()
	}
	return now.Sub(f.since[site]) < hearsWithin
}

func (f *following) wantLocked(now time.Time, sites ...string) {
	for _, site := range sites {
		if f.until[site].IsZero() {
			f.since[site] = now
		}
		f.until[site] = now.Add(keepWatching)
	}
}

func (f *following) tellLocked() {
	var channels []string
	for site := range f.until {
		channels = append(channels, dialogs+"/"+site)
	}
	slices.Sort(channels)
	f.narrow(dialogs, channels...)
}

// sitesWithRules returns the sites of users whose calls go elsewhere while they are on the
// phone.
func sitesWithRules(view *store.View) (sites []string) {
	for u := range view.Users() {
		if u.RuleFor(onThePhone) != "" && !slices.Contains(sites, u.Site) {
			sites = append(sites, u.Site)
		}
	}
	return sites
}

// hear is [following.hear] for SIP; a node that is told of all hears already.
func (n *Node) hear(user string) bool {
	f := n.following.Load()
	return f != nil && f.hear(user)
}

// siteOf returns the site of a user, nothing of one that has none or is none.
func siteOf(view *store.View, user string) string {
	u, _ := view.User(user)
	return u.Site
}
