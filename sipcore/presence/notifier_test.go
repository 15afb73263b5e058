package presence

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// in runs a story of one phone that watches 201, and wants what it saw. At the end
// nothing may be left but the subscriptions said.
func in(t *testing.T, k transport.Kind, left int, want string, story func(r *rig, p *phone)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close()
		p := r.phone(k, "127.0.0.2:5062")
		story(r, p)
		p.settles()
		if got := p.saw(); got != want {
			t.Errorf("it saw %q, want %q", got, want)
		}
		r.n.mu.Lock()
		defer r.n.mu.Unlock()
		if len(r.n.subs) != left || left == 0 && len(r.n.resources)+len(r.n.watchers) > 0 {
			t.Errorf("left are %d subscriptions, %d resources and %d watchers, want %d", len(r.n.subs), len(r.n.resources), len(r.n.watchers), left)
		}
	})
}

func TestASlowPhoneIsToldTheNewest(t *testing.T) {
	in(t, transport.TCP, 1, "200 dark confirmed terminated", func(r *rig, p *phone) {
		p.subscribes("")
		p.answer = 0
		p.settles()
		r.lamp(live.Early)
		p.settles()
		r.lamp(live.Confirmed)
		p.settles()
		p.answer = 200
		p.todo = p.got()[1:]
		p.settles()
		r.dark()
	})
}

func TestWhatComesAndGoesWhileAPhoneAnswersIsNotTold(t *testing.T) {
	in(t, transport.TCP, 1, "200 dark", func(r *rig, p *phone) {
		p.subscribes("")
		p.answer = 0
		p.settles()
		r.lamp(live.Early)
		r.dark()
		p.settles()
		p.answer = 200
		p.todo = p.got()[1:]
	})
}

func TestTheEndsOfASubscription(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  transport.Kind
		left  int
		want  string
		story func(r *rig, p *phone)
	}{
		{"it is not refreshed", transport.UDP, 0, "200 dark timeout", func(_ *rig, p *phone) {
			p.subscribes("Expires: 60\r\n")
			p.settles()
			time.Sleep(61 * time.Second)
		}},
		{"it is refreshed", transport.UDP, 1, "200 dark 200 dark early", func(r *rig, p *phone) {
			p.subscribes("Expires: 60\r\n")
			p.settles()
			time.Sleep(50 * time.Second)
			p.again(p.got()[0], 2, "Expires: 60\r\n")
			p.settles()
			time.Sleep(50 * time.Second)
			r.lamp(live.Early)
		}},
		{"it is taken back", transport.UDP, 0, "200 dark 200 timeout 481", func(_ *rig, p *phone) {
			p.subscribes("")
			p.settles()
			p.again(p.got()[0], 2, "Expires: 0\r\n")
			p.settles()
			p.again(p.got()[0], 3, "")
		}},
		{"it asks once", transport.UDP, 0, "200 timeout", func(_ *rig, p *phone) { p.subscribes("Expires: 0\r\n") }},
		{"an old SUBSCRIBE", transport.UDP, 1, "200 dark 200 dark 500", func(_ *rig, p *phone) {
			p.subscribes("")
			p.settles()
			p.again(p.got()[0], 5, "")
			p.settles()
			p.again(p.got()[0], 4, "Expires: 0\r\n")
		}},
		{"the phone knows nothing of it", transport.TCP, 0, "200 dark early", func(r *rig, p *phone) {
			p.subscribes("")
			p.settles()
			p.answer = 481
			r.lamp(live.Early)
		}},
		{"the phone is busy for a moment", transport.TCP, 1, "200 dark early early", func(r *rig, p *phone) {
			p.subscribes("")
			p.settles()
			p.answer = 503
			r.lamp(live.Early)
			p.settles()
			p.answer = 200
			time.Sleep(tryAgain + time.Second)
		}},
		{"the phone is off", transport.UDP, 0, "200 dark early", func(r *rig, p *phone) {
			p.subscribes("")
			p.settles()
			p.answer = 0
			r.lamp(live.Early)
			p.settles()
			time.Sleep(33 * time.Second)
		}},
		{"the node stops", transport.TCP, 0, "200 dark deactivated", func(r *rig, p *phone) {
			p.subscribes("")
			p.settles()
			r.n.Deactivate()
		}},
		{"two at once", transport.TCP, 1, "200 dark 200 dark dark early early timeout", func(r *rig, p *phone) {
			p.subscribes("Expires: 100\r\n")
			p.settles()
			p.subscribes("Expires: 300\r\n") // the first is asked whether it is still there
			p.settles()
			r.lamp(live.Early)
			p.settles()
			time.Sleep(101 * time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) { in(t, c.kind, c.left, c.want, c.story) })
	}
}

func TestAClosedConnection(t *testing.T) {
	for _, c := range []struct {
		name    string
		connect error
		find    bool
		calls   int    // connections that were asked for
		want    string // what came on the new one
	}{
		{"the phone is called", nil, false, 1, "early"},
		{"it has another", nil, true, 0, "early"},
		{"it comes back", errors.New("refused"), false, 1, "early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, transport.TCP, 1, "200 dark", func(r *rig, p *phone) {
				calls, second := 0, r.phone(transport.TCP, "127.0.0.2:5063")
				r.connect = func(uri string) (transport.Flow, error) {
					calls++
					if uri != "sip:202@127.0.0.2:5062" {
						t.Errorf("called is %s", uri)
					}
					return second.flow, c.connect
				}
				p.subscribes("")
				p.settles()
				p.flow.Close()
				if c.find {
					r.finds(second.flow)
				}
				r.lamp(live.Early)
				second.settles()
				if c.connect != nil {
					time.Sleep(time.Minute)
					r.finds(second.flow)
					time.Sleep(tryAgain + time.Second)
					second.settles()
				}
				if got := second.saw(); got != c.want || calls != c.calls {
					t.Errorf("it saw %q after %d calls, want %q after %d", got, calls, c.want, c.calls)
				}
			})
		})
	}
}

func TestAVanishedPhoneLeavesNothing(t *testing.T) {
	in(t, transport.TCP, 0, "200 dark", func(r *rig, p *phone) {
		r.connect = func(string) (transport.Flow, error) { return transport.Flow{}, errors.New("nobody is there") }
		p.subscribes("")
		p.settles()
		p.flow.Close()
		r.lamp(live.Early)
		time.Sleep(11 * time.Minute)
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.Limits = Limits{Total: 3, PerUser: 2} })
		defer r.close()
		p := r.phone(transport.TCP, "127.0.0.2:5062")
		for range 3 {
			p.subscribes("")
		}
		p.settles()
		if got := p.saw(); !strings.Contains(got, "403") {
			t.Errorf("it saw %q", got)
		}
		r.n.mu.Lock()
		r.n.watchers["202"] = 0
		r.n.mu.Unlock()
		p.subscribes("")
		p.subscribes("")
		p.settles()
		if got := p.saw(); !strings.Contains(got, "503") {
			t.Errorf("it saw %q", got)
		}
		r.n.mu.Lock()
		r.n.watchers["202"] = 3
		r.n.mu.Unlock()
	})
}

// Numbers go on behind those of any earlier subscription, also one of a node that has
// been killed.
func TestNumbersNeverGoBack(t *testing.T) {
	last := uint32(0)
	for again := range 3 {
		in(t, transport.TCP, 1, "200 dark early terminated", func(r *rig, p *phone) {
			time.Sleep(27 * 365 * 24 * time.Hour) // a bubble begins in 2000
			time.Sleep(time.Duration(again) * 10 * time.Second)
			p.subscribes("")
			p.settles()
			r.lamp(live.Early)
			p.settles()
			r.dark()
			p.settles()
			for _, m := range p.got()[1:] {
				number, _ := m.CSeq()
				if number <= last {
					t.Errorf("%d follows %d", number, last)
				}
				last = number
			}
		})
	}
}

func TestRoutesAreFollowed(t *testing.T) {
	in(t, transport.UDP, 1, "200 dark", func(_ *rig, p *phone) {
		p.subscribes("Record-Route: <sip:a.test;lr>, <sip:b.test;lr>\r\nRecord-Route: <sip:c.test;lr>\r\n")
		p.settles()
		var routes []string
		for v := range p.got()[1].Values(message.Route) {
			routes = append(routes, v)
		}
		if got := strings.Join(routes, " "); got != "<sip:a.test;lr> <sip:b.test;lr> <sip:c.test;lr>" {
			t.Errorf("Route: %s", got)
		}
	})
}
