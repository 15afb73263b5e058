package live

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Tables of several nodes, and the way between them: what one writes the others
// learn when it is carried.
type presenceHouse struct {
	t      *testing.T
	tables map[string]*Presences
	way    []func()
	bytes  int
	writes int
}

type presenceWay struct {
	house *presenceHouse
	node  string
}

func (w presenceWay) Set(key string, value []byte) {
	value = bytes.Clone(value)
	w.house.bytes += len(key) + len(value)
	w.house.writes++
	w.house.way = append(w.house.way, func() { w.house.learn(w.node, key, value) })
}

func (w presenceWay) Delete(key string) {
	w.house.way = append(w.house.way, func() { w.house.learn(w.node, key, nil) })
}

func (h *presenceHouse) learn(node, key string, value []byte) {
	for name, table := range h.tables {
		if name != node {
			if err := table.Learn(node, key, value, time.Now()); err != nil {
				h.t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func (h *presenceHouse) carry() {
	for len(h.way) > 0 {
		next := h.way[0]
		h.way = h.way[1:]
		next()
	}
}

func newPresenceHouse(t *testing.T, nodes ...string) *presenceHouse {
	t.Helper()
	h := &presenceHouse{t: t, tables: map[string]*Presences{}}
	for _, n := range nodes {
		h.tables[n] = NewPresences(n, presenceWay{h, n})
	}
	return h
}

func put(t *testing.T, p *Presences, x Presence) Presence {
	t.Helper()
	if x.Expires == 0 {
		x.Expires = time.Hour
	}
	x, err := p.Put(x, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A publication goes to another node with its source, which one node tells the
// other: there is one state everywhere, and it ends where it is.
func TestAPublicationMoves(t *testing.T) {
	h := newPresenceHouse(t, "laurel", "hardy", "mons")
	laurel, hardy, mons := h.tables["laurel"], h.tables["hardy"], h.tables["mons"]
	want := func(activity string, when string) {
		t.Helper()
		h.carry()
		for name, table := range h.tables {
			if got := table.Of("201").First().Activity; got != activity {
				t.Errorf("%s: %s has %q, want %q", when, name, got, activity)
			}
		}
	}
	put(t, laurel, Presence{User: "201", ID: "a", Activity: Busy})
	want(Busy, "published")
	put(t, hardy, Presence{User: "201", ID: "a", Activity: Away})
	want(Away, "changed at another node")
	if _, said := mons.Look("201"); len(said) != 1 {
		t.Errorf("mons knows %d sources, want 1", len(said))
	}
	laurel.Delete("201", "a", time.Now())
	want("", "withdrawn at a third")
	for name, table := range h.tables {
		if x, found := table.Published("201", "a", time.Now()); found {
			t.Errorf("%s has %+v", name, x)
		}
	}
}

// A refresh costs nobody a byte, and keeps what is published alive; without it it
// ends, and everybody hears of it.
func TestARefreshCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "hardy")
		laurel, hardy := h.tables["laurel"], h.tables["hardy"]
		x := Presence{User: "201", ID: "a", Activity: Busy, Expires: time.Minute}
		first := put(t, laurel, x)
		h.carry()
		wrote := h.writes
		for range 10 {
			time.Sleep(50 * time.Second)
			laurel.Expire(time.Now())
			if again := put(t, laurel, x); again.Stamp != first.Stamp {
				t.Errorf("a refresh has the stamp %d, not %d", again.Stamp, first.Stamp)
			}
		}
		if h.writes != wrote || hardy.Of("201").First().Activity != Busy {
			t.Errorf("%d refreshes were told; hardy has %+v", h.writes-wrote, hardy.Of("201"))
		}
		time.Sleep(time.Minute)
		laurel.Expire(time.Now())
		h.carry()
		if laurel.Of("201").Tuples != nil || hardy.Of("201").Tuples != nil {
			t.Errorf("it has not ended: %+v, %+v", laurel.Of("201"), hardy.Of("201"))
		}
	})
}

// What a silent node has said counts for as long as it was said for.
func TestASilentNodesPresenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "hardy")
		put(t, h.tables["laurel"], Presence{User: "201", ID: "a", Activity: Busy, Expires: time.Minute})
		h.carry()
		hardy := h.tables["hardy"]
		seen := func() string {
			hardy.touchAll(time.Now())
			hardy.Settle()
			return hardy.Of("201").First().Activity
		}
		time.Sleep(time.Hour)
		if got := seen(); got != Busy {
			t.Errorf("of a node that is heard: %q", got)
		}
		hardy.SetNodeAlive("laurel", false)
		if time.Sleep(time.Minute); seen() != Busy {
			t.Error("it ended too early")
		}
		if time.Sleep(time.Second); seen() != "" {
			t.Error("it has not ended")
		}
		if hardy.SetNodeAlive("laurel", true); seen() != Busy {
			t.Error("it did not come back with its node")
		}
		if hardy.Forget("laurel"); seen() != "" {
			t.Error("it outlives its node")
		}
	})
}

// A setting that changes tells those alone of whom something else is to be told.
func TestSettingsMergeAgain(t *testing.T) {
	p := NewPresences("laurel", nil)
	for i := range 20 {
		user := fmt.Sprint(200 + i)
		put(t, p, Presence{User: user, ID: "cal", Source: "calendar", Fixed: true, Activity: Meeting})
		put(t, p, Presence{User: user, ID: "web", Source: "web", Activity: []string{Meeting, Away}[i%2]})
	}
	told := map[string]int{}
	p.Watch(func(user string) { told[user]++ })
	s := DefaultSettings()
	s.MergePrimarySource = "calendar"
	for range 2 {
		if err := p.Configure(s, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		user := fmt.Sprint(200 + i)
		if told[user] != i%2 || p.Of(user).First().Activity != Meeting {
			t.Errorf("%s is told %d times of %+v", user, told[user], p.Of(user))
		}
	}
	s.MergePrimarySource = "/(/"
	if p.Configure(s, time.Now()) == nil {
		t.Error("a regular expression that is none is taken")
	}
}

// What a router would read is what was notified last, and each notification tells
// something new: 10,000 random events at two nodes.
func TestTheRouterReadsWhatWasNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newPresenceHouse(t, "laurel", "hardy")
		random := rand.New(rand.NewPCG(7, 7))
		derived := map[string]Presence{}
		notified := map[string]map[string]State{}
		for name, table := range h.tables {
			told := map[string]State{}
			notified[name] = told
			table.From(func(user string) (Presence, bool) { x, ok := derived[user]; return x, ok })
			table.Watch(func(user string) {
				is := table.Of(user)
				if was := told[user]; was.tells(is) || is.Version != was.Version+1 {
					t.Fatalf("%s notifies %+v after %+v", name, is, was)
				}
				told[user] = is
			})
		}
		for range 10_000 {
			h.happen(random, derived)
			for name, told := range notified {
				for user, want := range told {
					if got := h.tables[name].Of(user); got.Version != want.Version || !got.tells(want) {
						t.Fatalf("%s reads %+v of %s and has notified %+v", name, got, user, want)
					}
				}
			}
		}
		h.carry()
		for user := range notified["laurel"] {
			if a, b := h.tables["laurel"].Of(user), h.tables["hardy"].Of(user); !a.tells(b) {
				t.Errorf("of %s laurel has %+v and hardy %+v", user, a, b)
			}
		}
		t.Logf("%.1f bytes each of %d changes", float64(h.bytes)/float64(h.writes), h.writes)
		if h.bytes > 60*h.writes {
			t.Errorf("%d changes took %d bytes", h.writes, h.bytes)
		}
	})
}

// happen has one thing happen.
func (h *presenceHouse) happen(random *rand.Rand, derived map[string]Presence) {
	table := h.tables[[]string{"laurel", "hardy"}[random.IntN(2)]]
	user, id := fmt.Sprint(200+random.IntN(5)), fmt.Sprintf("%08x", random.IntN(3))
	switch random.IntN(8) {
	case 0, 1, 2:
		put(h.t, table, Presence{
			User: user, ID: id, Source: []string{"web", "snomD785/10.1.54.13"}[random.IntN(2)], Open: random.IntN(2) == 0,
			Activity: []string{"", Busy, Away, Meeting}[random.IntN(4)], Expires: time.Duration(1+random.IntN(600)) * time.Second,
		})
	case 3:
		table.Delete(user, id, time.Now())
	case 4:
		derived[user] = Presence{Kind: FromDialog, Open: true, Activity: OnThePhone}
		if random.IntN(2) == 0 {
			delete(derived, user)
		}
		for _, table := range h.tables {
			table.Touch(user)
			table.Settle()
		}
	case 5:
		time.Sleep(time.Duration(random.IntN(100)) * time.Second)
		table.Expire(time.Now())
	case 6:
		h.carry()
	case 7:
		s := DefaultSettings()
		s.Merge, s.MixDialogPresence = random.IntN(4) > 0, random.IntN(4) > 0
		s.MergePrimarySource = []string{"", "web"}[random.IntN(2)]
		for _, table := range h.tables {
			if err := table.Configure(s, time.Now()); err != nil {
				h.t.Error(err)
			}
		}
	}
}

func TestPresenceIsBounded(t *testing.T) {
	p := NewPresences("laurel", nil)
	for i := range 3 * mostPublished {
		put(t, p, Presence{User: "201", ID: fmt.Sprint(i)})
	}
	if _, said := p.Look("201"); len(said) != mostPublished {
		t.Errorf("%d publications are kept", len(said))
	}
	for name, x := range map[string]Presence{
		"no user": {ID: "a", Expires: time.Hour}, "no source": {User: "201", Expires: time.Hour}, "a separator": {User: "2\x1f1", ID: "a", Expires: time.Hour},
		"no lifetime": {User: "201", ID: "a"}, "no activity of ours": {User: "201", ID: "a", Activity: "siesta", Expires: time.Hour},
		"no text": {User: "201", ID: "a", Note: "\x00", Expires: time.Hour}, "too long": {User: "201", ID: "a", Note: string(make([]byte, 999)), Expires: time.Hour},
	} {
		if _, err := p.Put(x, time.Now()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// What is told is what is learned; what is none changes nothing.
func FuzzPresence(f *testing.F) {
	x := Presence{User: "201", ID: "a", Open: true, Activity: Busy, Note: "é", IM: "x", By: "desk", Stamp: 1 << 40, Expires: time.Hour}
	f.Add(presenceKey(&x), x.shared())
	f.Add("201", []byte{1, 0})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		x, err := parsePresence(key, string(value))
		if err != nil || len(value) == 0 {
			return
		}
		again, err := parsePresence(presenceKey(&x), string(x.shared()))
		if err != nil || again != x {
			t.Fatalf("%+v is told and read as %+v (%v)", x, again, err)
		}
	})
}

// A registration is presence as long as a phone can be called, and no longer.
func TestOfBindings(t *testing.T) {
	b := NewBindings("laurel", nil)
	p := NewPresences("laurel", nil)
	p.From(OfBindings(b))
	b.Watch(p.Touch)
	want := func(open bool, when string) {
		t.Helper()
		p.Settle()
		if got := p.Of("201").First(); got.Open != open {
			t.Errorf("%s: got %+v", when, got)
		}
	}
	phone := Binding{User: "201", Device: "d", Transport: "tcp", Flow: 5, Granted: time.Minute, Expires: time.Now().Add(time.Minute)}
	b.Put(phone)
	want(true, "registered")
	b.FlowClosed(5)
	want(false, "its connection is lost")
	phone.Flow = 6
	b.Put(phone)
	want(true, "it is back")
	b.Expire(time.Now().Add(2 * time.Minute))
	want(false, "it has ended")
	theirs := Binding{User: "201", Device: "e", Flow: 1, Granted: time.Minute}
	if err := b.Learn("hardy", theirs.Key(), theirs.AppendShared(nil)); err != nil {
		t.Fatal(err)
	}
	want(true, "at another node")
	if err := b.Learn("hardy", theirs.Key(), nil); err != nil {
		t.Fatal(err)
	}
	want(false, "gone there")
}

// Who is in a call is on the phone, and after it what he was before.
func TestOfDialogs(t *testing.T) {
	d := NewDialogs("laurel", func() string { return "tel.beip.be" }, nil)
	p := NewPresences("laurel", nil)
	p.From(OfDialogs(d))
	d.Watch(p.Touch)
	put(t, p, Presence{User: "201", ID: "a", Open: true, Activity: Away})
	call := Dialog{User: "201", Call: "c", CallID: "c", Direction: Recipient, State: Early}
	want := func(activity, when string) {
		t.Helper()
		p.Settle()
		if got := p.Of("201").First().Activity; got != activity {
			t.Errorf("%s: got %q, want %q", when, got, activity)
		}
	}
	d.Put(call)
	want(Away, "it rings")
	call.State = Confirmed
	d.Put(call)
	want(OnThePhone, "answered")
	d.Delete(call)
	want(Away, "over")
}
