package live

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// spoken is a Journal that another table hears.
type spoken struct {
	t    *testing.T
	node string
	to   *Dialogs
	last map[string]string
}

func (s spoken) Set(key string, value []byte) {
	s.last[key] = string(value)
	if err := s.to.Learn(s.node, key, value); err != nil {
		s.t.Error(err)
	}
}

func (s spoken) Delete(key string) {
	delete(s.last, key)
	if err := s.to.Learn(s.node, key, nil); err != nil {
		s.t.Error(err)
	}
}

// ringing is a call of 201 to 202 and to 203, whose phones ring.
func ringingCall() *Call {
	c := &Call{
		ID: "c1\x00a", CallID: "c1", Key: "k", From: "201", To: "600", FromName: "Alice", State: Ringing, Node: "laurel",
		Since: time.Unix(1_800_000_000, 0),
	}
	side := func(d DialogDirection, user, local, remote, other, name string, state DialogState) *Side {
		return &Side{Dialog: Dialog{
			User: user, Call: c.ID, CallID: c.CallID, LocalTag: local, RemoteTag: remote, Remote: Identity{name, other},
			Node: c.Node, Since: c.Since, Direction: d, State: state, ByUser: d == Recipient,
		}}
	}
	c.Sides = []*Side{
		side(Initiator, "201", "a", "b", "600", "", Early),
		side(Recipient, "202", "b", "a", "201", "Alice", Early),
		side(Recipient, "203", "x", "a", "201", "Alice", Terminated),
		side(Recipient, "", "y", "a", "201", "Alice", Early),
	}
	return c
}

// everybody is who is told of.
func everybody(string) bool { return true }

func carillon() string { return "carillon.internal" }

func shown(c *Call) (rows []Dialog) {
	for i := range c.Sides {
		if c.Sides[i].IsShown() {
			rows = append(rows, c.Sides[i].Dialog)
		}
	}
	return rows
}

func sorted(rows []Dialog) []Dialog {
	slices.SortFunc(rows, func(a, b Dialog) int {
		if a.User != b.User && a.User < b.User {
			return -1
		}
		return 1
	})
	return rows
}

// TestDialogsTravel: what a node says of its calls is what another one shows.
func TestDialogsTravel(t *testing.T) {
	there := NewDialogs("hardy", carillon, nil)
	said := spoken{t, "laurel", there, map[string]string{}}
	here := NewDialogs("laurel", carillon, said)
	told := map[string]int{}
	stop := there.Watch(func(user string) { told[user]++ })
	c := ringingCall()
	for _, x := range shown(c) {
		here.Put(x)
	}
	here.Tell(c)
	want := sorted(shown(c))
	for i := range want {
		want[i].Remote.URI = "sip:" + want[i].Remote.URI + "@carillon.internal"
	}
	if got := sorted(there.All()); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	here.Tell(c)
	if told["201"] != 1 || told["202"] != 1 || told["203"] != 0 {
		t.Errorf("it was told %v, want each once", told)
	}
	c.Sides[1].State = Terminated
	here.Tell(c)
	if len(there.Of("202")) != 0 || told["202"] != 2 {
		t.Errorf("202 has %+v, told %d times", there.Of("202"), told["202"])
	}
	stop()
	here.TellOver(c)
	if len(there.All()) != 0 || told["201"] != 1 {
		t.Errorf("it is over, and there is %+v; told %v", there.All(), told)
	}
}

// TestDialogsAreDivided: each site is told of its own users' sides; who hears all has the
// whole call, once.
func TestDialogsAreDivided(t *testing.T) {
	at := map[string]*Dialogs{}
	for _, site := range []string{"mons", "namur", "all"} {
		at[site] = NewDialogs(site, carillon, nil)
	}
	here := NewDialogs("laurel", carillon, divided{t, at})
	here.Divide(func(user string) string { return map[string]string{"201": "mons", "202": "namur"}[user] })
	check := func(when string, mons, namur, calls int) {
		t.Helper()
		for site, want := range map[string]int{"mons": mons, "namur": namur, "all": mons + namur} {
			if got := at[site].All(); len(got) != want {
				t.Errorf("%s, %s has %+v, want %d", when, site, got, want)
			}
		}
		if got := at["all"].CallsOf("laurel"); len(got) != calls {
			t.Errorf("%s there are %+v, want %d", when, got, calls)
		}
	}
	c := ringingCall()
	here.Tell(c)
	check("ringing", 1, 1, 1)
	if got := at["mons"].Of("201"); len(got) != 1 || got[0].RemoteTag != shown(c)[0].RemoteTag || got[0].Remote.URI != "sip:600@carillon.internal" {
		t.Errorf("mons has %+v", got)
	}
	c.Sides[1].State = Terminated
	here.Tell(c)
	check("nobody rings", 1, 0, 1)
	c.Sides[1].State = Confirmed
	c.State = Up
	here.Tell(c)
	check("answered", 1, 1, 1)
	if got := at["all"].CallsOf("laurel"); got[0].State != Up {
		t.Errorf("it is %s", got[0].State)
	}
	here.TellOver(c)
	check("over", 0, 0, 0)
}

// divided are nodes of sites that hear of their own users, and one that hears of all.
type divided struct {
	t  *testing.T
	at map[string]*Dialogs
}

func (d divided) Set(key string, value []byte) {
	site, _, _ := strings.Cut(key, "/")
	for _, at := range []string{site, "all"} {
		if err := d.at[at].Learn("laurel", key, value); err != nil {
			d.t.Error(err)
		}
	}
}

func (d divided) Delete(key string) { d.Set(key, nil) }

// TestSilentDialogs: who has a call and is not heard leaves his lamps as they are,
// marked, until the session of the call must be over.
func TestSilentDialogs(t *testing.T) {
	there := NewDialogs("hardy", carillon, nil)
	here := NewDialogs("laurel", carillon, spoken{t, "laurel", there, map[string]string{}})
	c := ringingCall()
	here.Tell(c)
	there.SetNodeAlive("laurel", false)
	if of := there.Of("201"); len(of) != 1 || !of[0].Old {
		t.Errorf("got %+v, want one that is old", of)
	}
	there.Expire(time.Now().Add(longestRinging))
	if of := there.Of("201"); len(of) != 1 {
		t.Errorf("got %+v, want it still", of)
	}
	there.Expire(time.Now().Add(longestRinging + afterlife + time.Second))
	if of := there.All(); len(of) != 0 {
		t.Errorf("got %+v, want none", of)
	}
	there.SetNodeAlive("laurel", true)
	if of := there.Of("201"); len(of) != 1 || of[0].Old {
		t.Errorf("got %+v, want one that is not old", of)
	}
	there.Forget("laurel")
	if len(there.All()) != 0 {
		t.Error("who is forgotten lights lamps")
	}
}

// TestDialogOver: a call whose end was seen here lights nothing, whatever its node
// repeats, until that one says something new.
func TestDialogOver(t *testing.T) {
	there := NewDialogs("hardy", carillon, nil)
	here := NewDialogs("laurel", carillon, spoken{t, "laurel", there, map[string]string{}})
	c := ringingCall()
	here.Tell(c)
	c.Sides[1].State, c.Sides[3].State = Confirmed, Confirmed
	here.Tell(c)
	there.Over("c1", "other", "b")
	there.Over("c1", "a", "other")
	if len(there.All()) != 2 {
		t.Error("another call's end ends it, or the end with another phone")
	}
	there.Over("c1", "a", "b")
	here.Tell(c)
	if got := there.All(); len(got) != 0 {
		t.Errorf("got %+v, want none", got)
	}
	c.Sides[0].State = Confirmed
	here.Tell(c)
	if got := there.All(); len(got) != 2 {
		t.Errorf("got %+v, want two", got)
	}
}

// TestOverIsOfAllSites: sides of a call are told for each site apart, and while a callee of
// another site talks nothing of the call is over.
func TestOverIsOfAllSites(t *testing.T) {
	there := NewDialogs("hardy", carillon, nil)
	c := ringingCall()
	for i, state := range []DialogState{Confirmed, Confirmed, Confirmed} {
		c.Sides[i].State = state
	}
	for site, users := range map[string][]string{"hq": {"201", "202"}, "mons": {"203"}} {
		value := c.appendTalk(nil, func(user string) bool { return slices.Contains(users, user) })
		if err := there.Learn("laurel", site, value); err != nil {
			t.Fatal(err)
		}
	}
	there.Over("c1", "a", "b")
	if got := there.All(); len(got) != 3 {
		t.Errorf("203 talks on, and there is %+v", got)
	}
}

// TestLongNames: other nodes are told as much of a name as they read, whatever somebody
// has dialled; the lamps of the call are lit there.
func TestLongNames(t *testing.T) {
	for _, name := range []string{"9" + strings.Repeat("1", 300), "9" + strings.Repeat("é", 150), "\xff" + strings.Repeat("1", 300)} {
		there := NewDialogs("hardy", carillon, nil)
		c := ringingCall()
		c.To, c.Sides[0].Remote.URI, c.FromName = name, name, name
		if err := there.Learn("laurel", "k", c.appendTalk(nil, everybody)); err != nil {
			t.Error(err)
		}
		for _, d := range there.All() {
			if !utf8.ValidString(d.Remote.Display) || len(d.Remote.Display) > longestPart {
				t.Errorf("it is named %q", d.Remote.Display)
			}
		}
		if of := there.Of("201"); len(of) != 1 || of[0].State != Early {
			t.Errorf("got %+v, want his call", of)
		}
	}
}

// TestAStateOfALaterVersion is a call that goes on.
func TestAStateOfALaterVersion(t *testing.T) {
	there := NewDialogs("hardy", carillon, nil)
	c := ringingCall()
	c.Sides[0].State, c.Sides[1].State = Confirmed+1, Confirmed+3
	if err := there.Learn("laurel", "k", c.appendTalk(nil, everybody)); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"201", "202"} {
		if of := there.Of(user); len(of) != 1 || of[0].State != Confirmed {
			t.Errorf("got %+v, want one that is confirmed", of)
		}
	}
}

// FuzzLearnCall: whatever a node says, what is learned is what it would say again,
// and it can be taken back.
func FuzzLearnCall(f *testing.F) {
	f.Add(ringingCall().appendTalk(nil, func(string) bool { return true }))
	f.Fuzz(func(t *testing.T, value []byte) {
		d := NewDialogs("hardy", carillon, nil)
		if err := d.Learn("laurel", "k", value); err != nil || len(value) == 0 {
			if len(d.All()) != 0 {
				t.Fatal("nonsense lights lamps")
			}
			return
		}
		for _, x := range d.All() {
			if x.User == "" || x.State == Terminated || x.State > Confirmed || x.Node != "laurel" {
				t.Fatalf("%+v", x)
			}
		}
		if err := d.Learn("laurel", "k", nil); err != nil || len(d.All()) != 0 {
			t.Fatalf("%v, and %+v stays", err, d.All())
		}
	})
}
