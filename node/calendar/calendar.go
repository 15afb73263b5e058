// Package calendar asks the calendars of users what they do, and has it told as
// presence: in a meeting, away, on vacation. Never a title. One node of the system
// asks (Options.Turn); what it says ends at every node when the event does, whatever
// has become of the server, or of the node.
package calendar

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"carillon/node/calendar/ical"
	"carillon/store"
	"carillon/store/live"
)

// Source is what calendars are called among the sources of presence, for
// merge_primary_source.
const Source = live.FromCalendar

const (
	every    = time.Minute      // a calendar is asked
	catchUp  = 20 * time.Second // in which all are asked by a node that takes its turn
	ahead    = 48 * time.Hour   // is known when the server falls silent
	readAnew = 24 * time.Hour   // before the end of what is known, though nothing has changed
	longest  = 6 * 24 * time.Hour
	newsWait = 2 * time.Second // for more to be told at once
)

// Options are what a Service needs.
type Options struct {
	View      func() *store.View
	Presences *live.Presences
	Turn      func() bool    // whether it is this node that asks; called each second
	Zone      *time.Location // of times for which a calendar has none
	Logger    *slog.Logger
}

// A Service asks the calendars of the View. Make one with New.
type Service struct {
	o     Options
	fetch func(ctx context.Context, q question) answer
	done  chan answer
	work  sync.WaitGroup

	// These belong to Run.
	view    *store.View
	mine    bool
	users   map[string]*calendar
	running map[string]int // questions on their way, by server
	total   int
	news    news
}

// A calendar is what is known of a user's.
type calendar struct {
	user    string
	at      store.Calendar
	due     time.Time
	asking  bool
	asked   bool // it has been read since this node took its turn
	memory  memory
	line    []ical.Span
	next    time.Time // before it the line says the same
	said    said
	failing bool
}

// said is what was last told of a calendar at this node.
type said struct {
	stamp int64
	until time.Time
}

// New returns a Service. It does nothing before Run.
func New(o Options) *Service {
	return &Service{
		o: o, fetch: newClient(o.Zone).ask, done: make(chan answer), users: map[string]*calendar{}, running: map[string]int{},
	}
}

// Run asks until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	defer s.work.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-s.done:
			s.take(a, time.Now())
		case <-tick.C:
			s.step(ctx, time.Now())
		}
	}
}

// step does what is due.
func (s *Service) step(ctx context.Context, now time.Time) {
	s.turn()
	if !s.mine {
		return
	}
	s.follow(now)
	for _, c := range s.users {
		if !c.asking && !now.Before(c.due) && s.hasRoom(c.at.Server()) {
			s.start(ctx, c, now)
		}
		if c.asked && !now.Before(c.next) {
			s.say(c, now)
		}
	}
	s.news.tell(s.o.Logger, now)
}

// turn follows whose turn it is. What was said at this node stays: it ends when its
// event does, or the next node says something later.
func (s *Service) turn() {
	mine := s.o.Turn()
	if s.mine && !mine {
		s.users, s.view, s.news = map[string]*calendar{}, nil, news{}
	}
	s.mine = mine
}

// follow takes over what the configuration has.
func (s *Service) follow(now time.Time) {
	view := s.o.View()
	if view == s.view {
		return
	}
	first := s.view == nil
	s.view = view
	for u := range view.Users() {
		c := s.users[u.Number]
		if first && u.Calendar.Address == "" {
			s.silence(u.Number, now) // whoever asked before may not have lived to see it taken away
		}
		if u.Calendar.Address == "" || c != nil && c.at == u.Calendar {
			continue
		}
		fresh := &calendar{user: u.Number, at: u.Calendar, due: now}
		if first {
			fresh.due = now.Add(share(u.Number, catchUp))
		}
		s.users[u.Number] = fresh
	}
	for user, c := range s.users {
		if u, _ := view.User(user); u.Calendar != c.at {
			delete(s.users, user)
			s.silence(user, now)
		}
	}
}

// share returns a part of a time that is the same for the same user, so that not all
// are asked at once.
func share(user string, of time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(user))
	return time.Duration(h.Sum64() % uint64(of)) //nolint:gosec // less than of, which is positive
}

// What is asked at a time: of one server, so that one that hangs does not hold up the
// others, and of all, for each may send four million bytes.
const (
	mostOfServer = 8
	mostAtOnce   = 24
)

func (s *Service) hasRoom(server string) bool {
	return s.running[server] < mostOfServer && s.total < mostAtOnce
}

// start asks a calendar.
func (s *Service) start(ctx context.Context, c *calendar, now time.Time) {
	server := c.at.Server()
	s.running[server]++
	s.total++
	c.asking, c.due = true, c.nextDue(now)
	q := question{user: c.user, at: c.at, memory: c.memory}
	s.work.Go(func() {
		a := s.fetch(ctx, q)
		select {
		case s.done <- a:
		case <-ctx.Done():
		}
	})
}

// nextDue returns when a calendar is asked again: at its own second of the minute.
func (c *calendar) nextDue(now time.Time) time.Time {
	next := now.Truncate(every).Add(share(c.user, every))
	for !next.After(now) {
		next = next.Add(every)
	}
	return next
}

// take takes an answer in.
func (s *Service) take(a answer, now time.Time) {
	server := a.at.Server()
	if s.running[server]--; s.running[server] <= 0 {
		delete(s.running, server)
	}
	s.total--
	c := s.users[a.user]
	if c == nil || c.at != a.at {
		return // it was changed meanwhile
	}
	c.asking = false
	if errors.Is(a.err, context.Canceled) {
		return
	}
	if failing := a.err != nil; failing != c.failing {
		c.failing = failing
		s.news.add(c.user, server, a.err, now)
	}
	if a.err != nil {
		return
	}
	c.memory, c.asked = a.memory, true
	if a.changed {
		c.line = a.line
	}
	s.say(c, now)
}

// say has told what a calendar says of now.
func (s *Service) say(c *calendar, now time.Time) {
	state, until := ical.At(c.line, now)
	c.next = until
	if state == ical.Free {
		s.silence(c.user, now)
		if until.IsZero() {
			c.next = now.Add(every)
		}
		return
	}
	if until.Sub(now) > longest { // further ahead than a statement reaches: once a day anew
		until = now.Truncate(24 * time.Hour).Add(longest)
		c.next = now.Add(time.Hour)
	}
	if is, found := s.o.Presences.Published(c.user, Source, now); found && is.Activity == state.String() && c.isSaid(is, until) {
		return
	}
	is, err := s.o.Presences.Put(live.Presence{
		User: c.user, ID: Source, Source: Source, Open: true, Activity: state.String(),
		Fixed: true, Expires: (until.Sub(now) + time.Second - 1).Truncate(time.Second),
	}, now)
	if err != nil {
		s.o.Logger.Error("what a calendar says cannot be told", "user", c.user, "error", err)
	}
	c.said = said{is.Stamp, until}
}

// isSaid reports whether what is told ends at a time: this node has said so, or
// another that asks too.
func (c *calendar) isSaid(is live.Presence, until time.Time) bool {
	if is.Stamp == c.said.stamp {
		return until.Equal(c.said.until)
	}
	return time.UnixMilli(is.Stamp).Add(is.Expires).Sub(until).Abs() <= 2*time.Second
}

// silence takes back what was said of a user, at whatever node.
func (s *Service) silence(user string, now time.Time) {
	const mostNodes = 5 // that have said something of late
	for range mostNodes {
		if _, found := s.o.Presences.Published(user, Source, now); !found {
			return
		}
		s.o.Presences.Delete(user, Source, now)
	}
}
