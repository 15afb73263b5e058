package presence

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// A phone that did not hear the answer asks again, by another transaction: it has one
// subscription.
func TestASubscribeThatComesAgainIsTheSame(t *testing.T) {
	in(t, transport.UDP, 1, "200 dark 200 dark early", func(r *rig, p *phone) {
		p.subscribes("")
		p.settles()
		p.repeats("")
		p.settles()
		ok := p.got()
		if first, again := tagOfTo(ok[0]), tagOfTo(ok[2]); first != again {
			t.Errorf("the dialog is %s, and then %s", first, again)
		}
		r.lamp(live.Early)
	})
}

func tagOfTo(m *message.Message) string {
	to, _ := m.Header(message.To)
	return to
}

// repeats sends the last SUBSCRIBE again, by another transaction.
func (p *phone) repeats(more string) {
	callID := p.rig.asked
	p.rig.asked += 100
	text := p.asking("201", more)
	text = strings.ReplaceAll(text, p.callID(p.rig.asked), p.callID(callID))
	p.rig.receive(p.flow, text)
}

// A phone that was started again has the subscriptions of this time alone, over whatever
// it comes.
func TestAPhoneThatIsStartedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		kind transport.Kind
		next string // where it comes from now
		half bool   // nobody has closed the connection of before
		want string // what came by the flow of before
	}{
		{"over UDP", transport.UDP, "127.0.0.2:5062", false, "200 dark dark"},
		{"over TCP", transport.TCP, "127.0.0.2:5063", false, "200 dark"},
		{"over TCP that hangs", transport.TCP, "127.0.0.2:5063", true, "200 dark dark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, c.kind, 1, c.want, func(r *rig, p *phone) {
				p.subscribes("")
				p.settles()
				r.asked += 100
				q := r.phone(c.kind, c.next)
				q.contact = p.flow.Remote().String()
				switch {
				case c.half:
					p.answer = 0
				case c.kind == transport.TCP:
					p.flow.Close()
				}
				r.finds(q.flow)
				old := p.got()[0].CallID()
				p.knowsNot, q.knowsNot = old, old
				q.subscribes("")
				q.settles()
				p.settles()
				if c.kind == transport.UDP && r.n.Count() != 1 {
					t.Errorf("%d subscriptions", r.n.Count())
				}
				time.Sleep(40 * time.Second)
				q.settles()
				r.lamp(live.Early)
				q.settles()
				if got := q.saw(); !strings.HasPrefix(got, "200 dark") || !strings.HasSuffix(got, "early") {
					t.Errorf("it saw %q", got)
				}
			})
		})
	}
}

// A connection that is dead without a word does not end a subscription whose phone has
// another: it is told all there (PRS-17).
func TestAHalfOpenConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		other bool // and it answers there
		left  int
		want  string
	}{
		{"the phone has another", true, 1, "early terminated"},
		{"that is dead too", false, 0, "early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, transport.TCP, c.left, "200 dark early", func(r *rig, p *phone) {
				p.subscribes("")
				p.settles()
				p.answer = 0
				q := r.phone(transport.TCP, "127.0.0.2:5063")
				if !c.other {
					q.answer = 0
				}
				r.finds(q.flow)
				r.lamp(live.Early)
				time.Sleep(33 * time.Second)
				q.settles()
				time.Sleep(33 * time.Second)
				q.settles()
				if c.other {
					r.dark()
					q.settles()
				}
				if got := q.saw(); got != c.want {
					t.Errorf("the other saw %q, want %q", got, c.want)
				}
			})
		})
	}
}

// Who is told to go elsewhere is not let in again by the node that stops.
func TestANodeThatStopsBeginsNothing(t *testing.T) {
	in(t, transport.TCP, 0, "200 dark early deactivated 503 481", func(r *rig, p *phone) {
		p.subscribes("")
		p.settles()
		p.answer = 0
		r.lamp(live.Early) // is under way
		p.settles()
		late := p.got()[2:]
		r.n.Deactivate()
		if r.n.Count() != 1 {
			t.Error("nobody would wait for the last NOTIFY")
		}
		p.answer, p.todo = 200, late
		p.settles()
		p.subscribes("")
		p.settles()
		p.again(p.got()[0], 9, "")
	})
}

// A subscription follows its phone: when that is registered at another node, and here no
// more, it is to be begun there.
func TestASubscriptionFollowsItsPhone(t *testing.T) {
	for _, c := range []struct {
		name  string
		where [][2]bool // here and elsewhere, in the order of time
		want  string
		left  int
	}{
		{"it goes", [][2]bool{{true, false}, {false, true}}, "200 dark deactivated", 0},
		{"it is at both", [][2]bool{{true, false}, {true, true}}, "200 dark", 1},
		{"it is nowhere for a while", [][2]bool{{true, false}, {false, false}, {false, true}}, "200 dark deactivated", 0},
		{"it was never here", [][2]bool{{false, true}, {false, true}}, "200 dark", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := make(chan [2]bool, 1)
				r := newRig(t, func(o *Options) {
					o.Serves = func(string) (here, elsewhere bool) {
						x := <-at
						at <- x
						return x[0], x[1]
					}
				})
				defer r.close()
				p := r.phone(transport.TCP, "127.0.0.2:5062")
				p.subscribes("")
				p.settles()
				at <- c.where[0]
				for _, x := range c.where {
					<-at
					at <- x
					time.Sleep(followEvery)
					p.settles()
				}
				if got := p.saw(); got != c.want || r.n.Count() != c.left {
					t.Errorf("it saw %q, want %q, with %d left", got, c.want, r.n.Count())
				}
			})
		})
	}
}
