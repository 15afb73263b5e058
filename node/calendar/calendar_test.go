package calendar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carillon/node/calendar/ical"
	"carillon/store"
	"carillon/store/live"
)

// A house of mains that ask one calendar server, which is a map, and tell each other
// what they know of presence.
type house struct {
	t     *testing.T
	view  *store.View
	mains map[string]*main
	way   []func()
	rows  int // told from node to node

	mu     sync.Mutex
	server map[string][]ical.Span // by address; nil: it is down
	asked  int
	log    strings.Builder
}

type main struct {
	*Service

	table *live.Presences
	turn  bool
	dead  bool
	h     *house
	name  string
}

func newHouse(t *testing.T, users []store.User, names ...string) *house {
	t.Helper()
	h := &house{t: t, view: store.NewView(store.Config{Domain: "tel.example.org", Users: users}), mains: map[string]*main{}, server: map[string][]ical.Span{}}
	for _, name := range names {
		m := &main{h: h, name: name}
		m.table = live.NewPresences(name, m)
		m.Service = New(Options{
			View: func() *store.View { return h.view }, Presences: m.table, Turn: func() bool { return m.turn }, Zone: time.UTC,
			Logger: slog.New(slog.NewTextHandler(h, nil)),
		})
		m.fetch = h.fetch
		h.mains[name] = m
	}
	return h
}

// fetch is the server.
func (h *house) fetch(_ context.Context, q question) answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	line, up := h.server[q.at.Address]
	if !up {
		return answer{user: q.user, at: q.at, err: errors.New("connection refused")}
	}
	return answer{user: q.user, at: q.at, line: line, changed: true}
}

func (h *house) says(address string, line ...ical.Span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server[address] = line
}

func (h *house) isDown(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.server, address)
}

// Write implements [io.Writer]: the log.
func (h *house) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(b)
}

func (h *house) warnings() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Count(h.log.String(), "level=WARN")
}

// Set implements [live.Journal].
func (m *main) Set(key string, value []byte) {
	value = append([]byte(nil), value...)
	m.tells(key, value)
}

// Delete implements [live.Journal].
func (m *main) Delete(key string) { m.tells(key, nil) }

func (m *main) tells(key string, value []byte) {
	if m.dead {
		return
	}
	m.h.rows++
	m.h.way = append(m.h.way, func() {
		for _, other := range m.h.mains {
			if other != m {
				if err := other.table.Learn(m.name, key, value, time.Now()); err != nil {
					m.h.t.Error(err)
				}
			}
		}
	})
}

// pass lets time pass in the whole house, second by second.
func (h *house) pass(d time.Duration) {
	for range d / time.Second {
		time.Sleep(time.Second)
		for _, m := range h.mains {
			if !m.dead {
				m.step(h.t.Context(), time.Now())
				m.drain()
				m.table.Expire(time.Now())
			}
		}
		for len(h.way) > 0 {
			next := h.way[0]
			h.way = h.way[1:]
			next()
		}
	}
}

// drain takes in the answers to what has been asked.
func (m *main) drain() {
	for synctest.Wait(); m.total > 0; synctest.Wait() {
		m.take(<-m.done, time.Now())
	}
}

func (h *house) want(when, user, activity string) {
	h.t.Helper()
	for name, m := range h.mains {
		if got := m.table.Of(user).First().Activity; got != activity && !m.dead {
			h.t.Errorf("%s: %s is told of %s %q, want %q", when, name, user, got, activity)
		}
	}
}

func alice() []store.User {
	return []store.User{{Number: "201", Calendar: store.Calendar{Address: "http://cal/alice"}}, {Number: "202"}}
}

func meets(from, to time.Duration) ical.Span {
	now := time.Now()
	return ical.Span{Start: now.Add(from), End: now.Add(to), State: ical.Meeting}
}

// PRS-11: an event that begins is told within a minute, also one that was made just
// before, and is over to the second, though the server be gone; that it is gone is
// said once, and once that it is back.
func TestAMeetingBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy")
		h.mains["laurel"].turn = true
		h.says("http://cal/alice", meets(10*time.Minute, 40*time.Minute))
		h.pass(10*time.Minute - time.Second)
		h.want("before", "201", "")
		h.pass(2 * time.Second)
		h.want("begun", "201", "meeting")
		h.isDown("http://cal/alice")
		h.pass(30*time.Minute - 3*time.Second)
		h.want("the server is gone", "201", "meeting")
		if h.warnings() != 1 {
			t.Errorf("told %d times that the server is gone, want once:\n%s", h.warnings(), h.log.String())
		}
		h.pass(2 * time.Second)
		h.want("ended", "201", "")

		h.says("http://cal/alice", meets(-time.Minute, time.Hour))
		h.pass(time.Minute)
		h.want("a new one", "201", "meeting")
		h.says("http://cal/alice")
		h.pass(time.Minute)
		h.want("taken out of the calendar", "201", "")
		if h.warnings() != 2 || strings.Contains(h.log.String(), "http://") {
			t.Errorf("told %d times of the server, want twice, and no address:\n%s", h.warnings(), h.log.String())
		}
		if h.asked > 45 {
			t.Errorf("asked %d times in 43 minutes", h.asked)
		}
	})
}

// The node that asks dies in a meeting: the next one goes on, and what the dead one
// has said does not come back when the meeting is cut short.
func TestTheNextMainTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy")
		laurel, hardy := h.mains["laurel"], h.mains["hardy"]
		laurel.turn = true
		h.says("http://cal/alice", meets(0, time.Hour))
		h.pass(time.Minute)
		h.want("begun", "201", "meeting")
		laurel.dead, hardy.turn = true, true
		hardy.table.SetNodeAlive("laurel", false)
		h.isDown("http://cal/alice")
		h.pass(10 * time.Minute)
		h.want("the server is down too", "201", "meeting")
		h.says("http://cal/alice", meets(-time.Minute, 20*time.Minute))
		h.pass(time.Minute)
		h.want("the server is back", "201", "meeting")
		h.pass(19 * time.Minute)
		h.want("cut short", "201", "")
		h.pass(10 * time.Minute)
		h.want("what the dead one said", "201", "")
	})
}

// A calendar that is taken away while nobody asks says nothing any more.
func TestACalendarIsTakenAwayMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy")
		laurel, hardy := h.mains["laurel"], h.mains["hardy"]
		laurel.turn = true
		h.says("http://cal/alice", meets(0, 5*time.Hour))
		h.pass(time.Minute)
		h.want("begun", "201", "meeting")
		laurel.dead = true
		hardy.table.SetNodeAlive("laurel", false)
		h.view = store.NewView(store.Config{Domain: "tel.example.org", Users: []store.User{{Number: "201"}}})
		hardy.turn = true
		h.pass(time.Minute)
		h.want("it is not his any more", "201", "")
	})
}

// Nobody is left to ask, and nothing comes from the node that did: it is over when it
// was to be over.
func TestItEndsWithoutAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "mons")
		laurel, mons := h.mains["laurel"], h.mains["mons"]
		laurel.turn = true
		h.says("http://cal/alice", meets(0, 5*time.Hour))
		h.pass(time.Minute)
		laurel.dead = true
		mons.table.SetNodeAlive("laurel", false)
		h.pass(4 * time.Hour)
		h.want("cut off", "201", "meeting")
		h.pass(time.Hour - 62*time.Second)
		h.want("a moment before", "201", "meeting")
		h.pass(4 * time.Second)
		h.want("over", "201", "")
	})
}

// Two that ask at the same time say the same: nothing is told twice.
func TestTwoThatAskDoNotQuarrel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy")
		h.mains["laurel"].turn, h.mains["hardy"].turn = true, true
		told := 0
		h.mains["hardy"].table.Watch(func(string) { told++ })
		h.says("http://cal/alice", meets(5*time.Minute, time.Hour))
		h.pass(30 * time.Minute)
		h.want("in it", "201", "meeting")
		if told != 1 {
			t.Errorf("told %d times, want once", told)
		}
	})
}

// PRS-12: a calendar that is the primary source counts more than what a phone says
// later; a call counts as the order has it.
func TestTheCalendarIsPrimary(t *testing.T) {
	for _, c := range []struct {
		order []string
		want  string
	}{
		{[]string{"dialog", "primary", "publish"}, "on-the-phone"},
		{[]string{"primary", "dialog", "publish"}, "meeting"},
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, alice(), "laurel")
			laurel := h.mains["laurel"]
			laurel.turn = true
			calling := false
			laurel.table.From(func(string) (live.Presence, bool) {
				return live.Presence{Kind: live.FromDialog, Open: true, Activity: live.OnThePhone}, calling
			})
			settings := live.SettingsOf(store.Presence{PrimarySource: "calendar", Order: c.order})
			if err := laurel.table.Configure(settings, time.Now()); err != nil {
				t.Fatal(err)
			}
			h.says("http://cal/alice", meets(0, time.Hour))
			h.pass(time.Minute)
			if _, err := laurel.table.Put(live.Presence{User: "201", ID: "phone", Source: "calendar", Open: true, Expires: 2 * time.Hour}, time.Now()); err != nil {
				t.Fatal(err)
			}
			h.want("the phone says later that it is free", "201", "meeting")
			if first := laurel.table.Of("201").First(); first.Kind != live.FromPrimary || first.Source != "calendar" || first.Note != "" {
				t.Errorf("it is told as %+v", first)
			}
			calling = true
			laurel.table.Touch("201")
			laurel.table.Settle()
			h.want("in a call", "201", c.want)
			calling = false
			laurel.table.Touch("201")
			laurel.table.Settle()
			h.pass(time.Hour)
			h.want("the meeting is over", "201", "")
		})
	}
}

// A change of the configuration counts at once: another calendar, and none.
func TestAnotherCalendar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, alice(), "laurel", "hardy")
		h.mains["laurel"].turn = true
		h.says("http://cal/alice", meets(0, time.Hour))
		h.says("http://cal/bob", ical.Span{Start: time.Now(), End: time.Now().Add(20 * 24 * time.Hour), State: ical.Vacation})
		h.pass(time.Minute)
		h.want("the first", "201", "meeting")
		c := h.view.Config()
		c.Users[0].Calendar.Address, c.Users[1].Calendar.Address = "http://cal/bob", "http://cal/alice"
		h.view = store.NewView(c)
		h.pass(2 * time.Second)
		h.want("another", "201", "vacation")
		h.want("of somebody else", "202", "meeting")
		h.pass(10 * 24 * time.Hour)
		h.want("for long", "201", "vacation")
		c = h.view.Config()
		c.Users = c.Users[1:]
		h.view = store.NewView(c)
		h.pass(2 * time.Second)
		h.want("none", "201", "")
	})
}

// A thousand calendars are asked over the minute, a few at a time; a server that
// hangs holds nobody else up, and is one line of the log.
func TestAThousandCalendars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users []store.User
		for i := range 1000 {
			server := []string{"good", "hangs"}[i%2]
			users = append(users, store.User{Number: fmt.Sprint(1000 + i), Calendar: store.Calendar{Address: fmt.Sprintf("http://%s/%d", server, i)}})
		}
		h := newHouse(t, users, "laurel")
		var mu sync.Mutex
		now, most, good := 0, 0, 0
		h.mains["laurel"].turn = true
		h.mains["laurel"].fetch = func(_ context.Context, q question) answer {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			a := answer{user: q.user, at: q.at, changed: true}
			if q.at.Server() == "hangs" {
				time.Sleep(patience)
				a.err = errors.New("it does not answer within 10 s")
			}
			mu.Lock()
			defer mu.Unlock()
			now--
			if a.err == nil {
				good++
			}
			return a
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.mains["laurel"].Run(ctx) }()
		time.Sleep(5 * time.Minute)
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if most > mostAtOnce || good < 4*500 || good > 6*500 {
			t.Errorf("%d at once, want at most %d; the good server was asked %d times in five minutes for its 500", most, mostAtOnce, good)
		}
		if n := h.log.String(); strings.Count(n, "\n") > 60 {
			t.Errorf("%d lines of log", strings.Count(n, "\n"))
		}
	})
}
