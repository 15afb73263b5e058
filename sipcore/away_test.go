package sipcore

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/dialog"
	"carillon/sipcore/message"
	"carillon/store/live"
)

// A drain is a node whose phones are to go, in simulated time.
type drain struct {
	*Server

	moved map[string]time.Duration // when a phone was turned away for the first time
	most  int                      // turned away within a second
}

// newDrain has n users with a phone each, every second one of which watches its
// connection; connections are numbered as the users.
func newDrain(n int) *drain {
	b, log := live.NewBindings("laurel", nil), slog.New(slog.DiscardHandler)
	d := &drain{Server: &Server{o: Options{Node: "laurel", Bindings: b, Calls: live.NewCalls(), Logger: log}}, moved: make(map[string]time.Duration)}
	d.calls = dialog.NewTracker("laurel", d.o.Calls, live.NewDialogs("laurel", func() string { return "" }, nil), log)
	for i := range n {
		x := live.Binding{User: fmt.Sprint(i), Device: "x", Transport: "tcp", Flow: uint64(i + 1), Granted: time.Hour, Expires: time.Now().Add(time.Hour)}
		if i%2 == 0 {
			x.Device, x.RegID = "x#1", 1
		}
		b.Put(x)
	}
	return d
}

// passes has a second go by: phones that do not watch their connections register
// each half minute.
func (d *drain) passes(second int) {
	before := len(d.moved)
	now := time.Now()
	for i := 1; i < d.o.Bindings.Count(); i += 2 {
		if (i/2+second)%30 != 0 {
			continue
		}
		if _, leaves := d.away.leaves(fmt.Sprint(i), "x", now); leaves {
			d.turned(fmt.Sprint(i), second)
		}
	}
	for _, flow := range d.flowsToClose(now) {
		d.turned(fmt.Sprint(flow-1), second)
	}
	d.most = max(d.most, len(d.moved)-before)
	time.Sleep(time.Second)
}

func (d *drain) turned(user string, second int) {
	if _, again := d.moved[user]; !again {
		d.moved[user] = time.Duration(second) * time.Second
	}
}

// TestPhonesGoOneByOne: none at once, all in the end, spread over half a minute, or
// so long that there are not more than fifty a second.
func TestPhonesGoOneByOne(t *testing.T) {
	for _, n := range []int{1, 200, 4000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDrain(n)
				d.passes(0)
				if len(d.moved) > 0 {
					t.Fatal("phones go before they are asked to")
				}
				phones, spread := d.SendAway(func(live.Binding) bool { return true }, true)
				if phones != n || spread < awaySpread {
					t.Errorf("%d phones over %v", phones, spread)
				}
				var last time.Duration
				for second := range int(spread/time.Second) + 120 {
					d.passes(second)
				}
				for _, when := range d.moved {
					last = max(last, when)
				}
				if len(d.moved) != n || d.most > 50 || n >= 200 && last < 25*time.Second {
					t.Errorf("%d of %d went, %d in one second, the last one after %v", len(d.moved), n, d.most, last)
				}
				if got := d.KeepPhones(); got.Asked != n {
					t.Errorf("got %+v, want %d asked", got, n)
				}
			})
		})
	}
}

// TestWhoStays: who has a call is left in peace until it is over, who comes back each
// time is served, and who is not among those that are to go is not asked.
func TestWhoStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain(8)
		invite, err := message.ParseString("INVITE sip:2@x SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\nFrom: <sip:9@x>;tag=a\r\nTo: <sip:2@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		call := d.calls.Invites(invite, "2")
		d.SendAway(func(x live.Binding) bool { return x.User < "4" }, false)
		for second := range 120 {
			d.passes(second)
		}
		for user, want := range map[string]bool{"0": true, "1": true, "2": false, "3": true, "4": false, "5": false} {
			if _, got := d.moved[user]; got != want {
				t.Errorf("%s was sent away: %v, want %v", user, got, want)
			}
		}
		d.calls.Ended(call)
		d.passes(121)
		if _, ok := d.moved["2"]; !ok {
			t.Error("who had a call is not sent away when it is over")
		}
		if _, leaves := d.away.leaves("1", "x", time.Now()); leaves {
			t.Error("who came back each time is sent away again")
		}
		if got := d.KeepPhones(); got.Stayed == 0 {
			t.Errorf("got %+v, want some that stayed", got)
		}
		if _, leaves := d.away.leaves("5", "x", time.Now()); leaves {
			t.Error("phones go when nobody is to go any more")
		}
	})
}
