package presence

import (
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"carillon/sipcore/message"
	"carillon/sipcore/presence/document"
	"carillon/sipcore/transaction"
	"carillon/store"
)

// An Entry is one of those who are watched as a list (RFC 4662): the user whom a URI
// names, "" if it is nobody here.
type Entry struct{ URI, User string }

// A List is who is watched by one subscription.
type List struct {
	Configured bool // it is the watcher's own of the configuration, and follows that
	Entries    []Entry
}

// ListType is the type of the lists that phones bring (RFC 4826).
const ListType = document.TypeResourceLists

// BringsList reports whether a SUBSCRIBE has a list of whom to watch (RFC 5367).
func BringsList(m *message.Message) bool {
	kind, _ := m.Header(message.ContentType)
	kind, _, _ = strings.Cut(kind, ";")
	return m.Body() != "" && strings.EqualFold(strings.TrimSpace(kind), ListType)
}

// ListIn returns the URIs in the list that a SUBSCRIBE brings; ErrEncoding if it is
// packed in another way than in ListEncoding.
func ListIn(m *message.Message) ([]string, error) {
	body, err := unpacked(m)
	if err != nil {
		return nil, err
	}
	return document.ParseList(body)
}

// ListEncoding is how a phone may pack the list that it brings, as Linphone does.
const ListEncoding = "deflate"

// ErrEncoding refuses a list that is packed as nobody here can read it.
var ErrEncoding = errors.New("the encoding is not known")

// unpacked returns the body of m, which is no larger than a message.
func unpacked(m *message.Message) ([]byte, error) {
	encoding, packed := m.Header(message.ContentEncoding)
	switch encoding = strings.TrimSpace(encoding); {
	case !packed || strings.EqualFold(encoding, "identity"):
		return []byte(m.Body()), nil
	case !strings.EqualFold(encoding, ListEncoding):
		return nil, ErrEncoding
	}
	r, err := zlib.NewReader(strings.NewReader(m.Body()))
	if err != nil {
		return nil, fmt.Errorf("unpacking a list: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(r, message.MaxMessage))
	if err != nil {
		return nil, fmt.Errorf("unpacking a list: %w", err)
	}
	return body, nil // one that was cut is no document
}

// EntriesOf are the entries of numbers of a domain.
func EntriesOf(numbers []string, domain string) []Entry {
	entries := make([]Entry, len(numbers))
	for i, number := range numbers {
		entries[i] = Entry{URI: uriOfUser(number, domain), User: number}
	}
	return entries
}

func uriOfUser(number, domain string) string {
	return "sip:" + url.User(number).String() + "@" + domain
}

// A list is what a subscription of a list watches. Its members are guarded by the lock
// of the Notifier, the rest but for shown never changes. A phone with twenty lamps has
// twenty members: they are kept small.
type list struct {
	pkg        *Package
	domain     string
	configured bool
	uris       []string // of the members, where they are not those of their users in domain
	nobody     []string // URIs that were asked for in vain
	members    []member
	first      uint32  // CSeq of the first NOTIFY: the version of the list begins at 0
	showing    []shown // what the NOTIFY under way shows; whoever has made the subscription busy may change it
}

// A member is one of those who are watched.
type member struct {
	of      *resource
	told    Sight  // what the phone was shown last; nil: nothing
	at      uint32 // among the watchers
	version uint32 // of the last document about it
}

// shown is what a NOTIFY says of a member.
type shown struct {
	place       int
	of          *resource
	now, before Sight
	version     uint32
}

// SubscribeList answers a SUBSCRIBE outside a dialog, by which watcher asks about all
// who are in l. tx is locked, and its event is one that Offers knows.
func (n *Notifier) SubscribeList(tx *transaction.Server, view *store.View, watcher string, l List) {
	a, refused := n.read(tx.Request(), view, true)
	if refused == nil && a.pkg.Private {
		refused = &refusal{status: 403, reason: "Not A Thing To Watch In A List"}
	}
	if refused == nil {
		refused = n.mayWatch(a, view, watcher, watcher)
	}
	if refused == nil {
		l.Entries = eachOnce(l.Entries)
		a.list = newList(a.pkg, view.Domain(), l)
		refused = n.begin(tx, a, watcher, usersOf(l)...)
	}
	if refused != nil {
		n.refuse(tx, refused)
	}
}

// eachOnce leaves out those who name a user again.
func eachOnce(entries []Entry) (once []Entry) {
	for _, e := range entries {
		if e.User == "" || !slices.ContainsFunc(once, func(o Entry) bool { return o.User == e.User }) {
			once = append(once, e)
		}
	}
	return once
}

func newList(pkg *Package, domain string, l List) *list {
	made := &list{pkg: pkg, domain: domain, configured: l.Configured}
	for _, e := range l.Entries {
		if e.User == "" {
			made.nobody = append(made.nobody, e.URI)
		}
	}
	if !l.Configured {
		for _, e := range l.Entries {
			if e.User != "" {
				made.uris = append(made.uris, e.URI)
			}
		}
	}
	return made
}

// usersOf returns who is watched.
func usersOf(l List) (users []string) {
	for _, e := range l.Entries {
		if e.User != "" {
			users = append(users, e.User)
		}
	}
	return users
}

// watchLocked has s watch these users, and nobody else any more.
func (l *list) watchLocked(s *subscription, users []string) {
	n, was := s.n, l.members
	l.members = make([]member, len(users))
	for i, user := range users {
		r := n.resourceLocked(l.pkg, user, "")
		l.members[i] = member{of: r, version: s.number}
		if j := slices.IndexFunc(was, func(m member) bool { return m.of == r }); j >= 0 {
			l.members[i].version = was[j].version
		}
		l.members[i].at = r.addLocked(watching{s, int32(i)})
	}
	for i := range was {
		n.removeLocked(was[i].of, was[i].at)
	}
}

// knownLocked reports whether somebody has looked at all members.
func (l *list) knownLocked() bool {
	return !slices.ContainsFunc(l.members, func(m member) bool { return m.of.sight == nil })
}

// newsLocked reports whether there is a member that the phone was shown otherwise.
func (l *list) newsLocked() bool { return slices.ContainsFunc(l.members, member.newsLocked) }

func (m member) newsLocked() bool {
	return m.told == nil || m.of.sight != m.told && !m.of.sight.Same(m.told)
}

// gatherLocked collects what the next NOTIFY shows: all members, or those that changed.
// What does not find room in it is shown by the next.
func (l *list) gatherLocked(full bool) {
	l.showing = nil
	for i := range l.members {
		if m := &l.members[i]; full || m.newsLocked() {
			m.version++
			l.showing = append(l.showing, shown{place: i, of: m.of, now: m.of.sight, before: m.told, version: m.version})
			m.told = nil
		}
	}
}

// shownLocked remembers what the phone has been shown.
func (l *list) shownLocked(showing []shown) {
	for _, x := range showing {
		if x.place < len(l.members) && l.members[x.place].of == x.of {
			l.members[x.place].told = x.now
		}
	}
}

// mostShownBytes bounds the documents of one NOTIFY.
const mostShownBytes = 40 << 10

// appendListed ends a NOTIFY of a list.
func (n *Notifier) appendListed(b []byte, x *notice) []byte {
	kind, body := n.listed(x)
	b = append(append(b, "\r\nContent-Type: "...), kind...)
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

// listed returns the body of a NOTIFY of a list, and its Content-Type.
func (n *Notifier) listed(x *notice) (contentType string, body []byte) {
	l, size, room := x.s.list, 0, len(x.s.list.showing)
	resources := make([]document.Resource, 0, room+len(l.nobody))
	for i, y := range l.showing {
		r := document.Resource{URI: l.uriOf(y), Name: n.nameOf(y.of.user), State: "active", Type: l.pkg.Type}
		if size <= mostShownBytes {
			r.Body = n.render(r.URI, y.now, y.before).appendTo(nil, y.version)
			size += len(r.Body)
		} else if room = min(room, i); !x.full {
			break
		}
		resources = append(resources, r)
	}
	l.showing = l.showing[:room]
	if x.full {
		for _, uri := range l.nobody {
			resources = append(resources, document.Resource{URI: uri, State: "terminated", Reason: "noresource"})
		}
	}
	return document.List(x.s.entity, x.number-l.first, x.full, resources)
}

func (l *list) uriOf(x shown) string {
	if l.uris != nil {
		return l.uris[x.place]
	}
	return uriOfUser(x.of.user, l.domain)
}

func (n *Notifier) nameOf(user string) string {
	if n.o.NameOf == nil {
		return ""
	}
	return n.o.NameOf(user)
}

// Configured says that there is a new configuration: lists that are of it follow.
func (n *Notifier) Configured(view *store.View) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.subs {
		if s.list != nil && s.list.configured {
			s.followLocked(view)
		}
	}
}

// followLocked has a subscription watch the lamps that its watcher has now.
func (s *subscription) followLocked(view *store.View) {
	u, _ := view.User(s.watcher)
	switch {
	case len(u.Lamps) == 0:
		s.endLocked("noresource")
	case !slices.EqualFunc(s.list.members, u.Lamps, func(m member, user string) bool { return m.of.user == user }):
		s.list.watchLocked(s, u.Lamps)
		s.owed = true
		s.n.dueLocked(s)
	}
}
