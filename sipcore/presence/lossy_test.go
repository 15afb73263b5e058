package presence

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

// A lossy phone hears by UDP: datagrams are lost, come twice, and in another order; and so
// are its answers. It shows the document with the highest number of all that came.
type lossy struct {
	*phone

	random *rand.Rand
	calm   bool // nothing is lost any more
	number uint32
	shows  string
	twice  map[string]string // the bodies that came, by number
}

// hears has one datagram come, or not, now or later, once or twice.
func (l *lossy) hears(raw string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	copies := 1
	if !l.calm {
		copies = l.random.IntN(3) // none, one, two
	}
	for range copies {
		time.AfterFunc(time.Duration(1+l.random.IntN(800))*time.Millisecond, func() { l.takes(l.rig.parse(raw)) })
	}
}

func (l *lossy) takes(m *message.Message) {
	if !m.IsRequest() {
		return
	}
	l.mu.Lock()
	number, _ := m.CSeq()
	key := fmt.Sprint(number)
	if was, again := l.twice[key]; again && was != m.Body() {
		l.rig.t.Errorf("%d says one thing, and then another:\n%s\n%s", number, was, m.Body())
	}
	l.twice[key] = m.Body()
	if number > l.number {
		l.number, l.shows = number, wordOf(m.Body())
	}
	lost := !l.calm && l.random.IntN(3) == 0
	l.mu.Unlock()
	if !lost {
		reply := m.Reply(200, "", "")
		l.rig.layer.Receive(l.flow, l.rig.parse(string(reply.AppendTo(nil))))
	}
}

// TestNotifiesThatAreLostAndOvertaken: whatever UDP does to NOTIFYs and their answers, the
// numbers that are sent never go back, one number says one thing, and the document with
// the highest says how it is.
func TestNotifiesThatAreLostAndOvertaken(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			l := &lossy{phone: &phone{rig: r}, random: rand.New(rand.NewPCG(seed, 7)), twice: make(map[string]string)}
			sent, told := uint32(0), 0
			l.flow = transport.Memory(transport.UDP, us, netip.MustParseAddrPort("127.0.0.2:5062"), func(b []byte, _ netip.AddrPort) error {
				raw := string(b)
				if m := r.parse(raw); m.IsRequest() {
					number, _ := m.CSeq()
					if number < sent {
						t.Errorf("%d is sent after %d", number, sent)
					}
					sent = number
					told++
				}
				l.hears(raw)
				return nil
			})
			l.subscribes("Expires: 600\r\n")
			calls := rand.New(rand.NewPCG(seed, 8)) // l's own is its lock's
			for range 20 {
				time.Sleep(time.Duration(calls.IntN(2000)) * time.Millisecond)
				if calls.IntN(2) == 0 {
					r.lamp([]live.DialogState{live.Early, live.Confirmed}[calls.IntN(2)])
				} else {
					r.dark()
				}
			}
			last := []live.DialogState{live.Terminated, live.Early, live.Confirmed}[seed%3]
			if r.dark(); last != live.Terminated {
				r.lamp(last)
			}
			time.Sleep(5 * time.Second)
			l.mu.Lock()
			l.calm = true
			l.mu.Unlock()
			time.Sleep(2 * (tryAgain + 32*time.Second)) // a NOTIFY that nobody answered, and the next
			l.mu.Lock()
			defer l.mu.Unlock()
			if want := last.String(); l.shows != want && (want != "terminated" || l.shows != "dark") || r.n.Count() != 1 {
				t.Errorf("seed %d: after %d NOTIFYs it shows %s, want %s; %d subscriptions", seed, told, l.shows, want, r.n.Count())
			}
			if got := r.n.Counters().Mistaken; got != 0 {
				t.Errorf("seed %d: the auditor had to help: %v", seed, got)
			}
			r.close()
		})
	}
}
