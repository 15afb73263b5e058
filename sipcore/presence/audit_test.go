package presence

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// TestWatchersWhoWereNotToldAre: of a thousand lamps half change and nobody tells, and the
// other half were told and it went nowhere. Within five seconds all watchers see what is,
// once, and it is counted; who was right is told nothing.
func TestWatchersWhoWereNotToldAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		const planted, right = 1000, 100
		p := r.phone(transport.TCP, "127.0.0.2:5062")
		user := func(i int) string { return fmt.Sprint(1000 + i) }
		for i := range planted + right {
			p.asksFor(user(i), "Expires: 600\r\n")
		}
		p.settles()
		time.Sleep(20 * time.Second)
		p.settles()
		if n := r.n.Counters(); n.Sent != planted+right || n.Mistaken != 0 {
			t.Fatalf("%d are told before anything is wrong, %v is", n.Sent, n.Mistaken)
		}
		before := len(p.got())
		r.deaf.Store(true)
		for i := range planted {
			r.dialogs.Put(ringing(user(i), live.Early))
		}
		r.n.mu.Lock()
		for i := range planted / 2 { // seen, and none of the watchers told
			of := r.n.resources[resourceKey{"dialog", user(i)}]
			of.sight = of.pkg.Look(user(i))
		}
		r.n.mu.Unlock()
		time.Sleep(5 * time.Second)
		p.settles()
		told := make(map[string]string)
		for _, m := range p.got()[before:] {
			from, _ := m.Header(message.From)
			if told[from] != "" {
				t.Errorf("%s is told again", from)
			}
			told[from] = m.Body()
		}
		for _, text := range told {
			if !strings.Contains(text, "<state>early</state>") {
				t.Errorf("it is told %s", text)
			}
		}
		want := planted * auditParts * auditEvery
		if n := r.n.Counters(); len(told) != planted || n.Mistaken != want || !strings.Contains(r.log.String(), "had not been told") {
			t.Errorf("%d are told, want %d; counted is %v, want %v; the log: %s", len(told), planted, n.Mistaken, want, r.log.String())
		}
		r.log.Reset()
		time.Sleep(time.Minute)
		p.settles()
		if n := r.n.Counters(); n.Mistaken != want || n.Sent != 2*planted+right {
			t.Errorf("then %d are told, and counted is %v", n.Sent, n.Mistaken)
		}
		r.close()
	})
}

// A phone with a list is told of the member that it was not told of, and of no other.
func TestListsThatWereNotToldAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.view = store.NewView(store.Config{Domain: domain, Users: []store.User{{Number: "201"}, {Number: "202", Lamps: []string{"201", "203"}}, {Number: "203"}}})
		p := r.phone(transport.TCP, "127.0.0.2:5062")
		p.asksFor("lamps", "Supported: eventlist\r\n")
		p.settles()
		r.deaf.Store(true)
		r.lamp(live.Early)
		time.Sleep(5 * time.Second)
		p.settles()
		read := p.lists()
		if got := read[len(read)-1]; len(read) != 2 || !strings.Contains(got, "201=early") || strings.Contains(got, "203") {
			t.Errorf("it read %q", read)
		}
		if got := r.n.Counters().Mistaken; got != auditParts*auditEvery {
			t.Errorf("counted is %v", got)
		}
		r.log.Reset()
		r.close()
	})
}

// Who cannot be told now is not one who was forgotten.
func TestWhoIsTriedAgainLaterIsNoMistake(t *testing.T) {
	in(t, transport.TCP, 1, "200 dark early early", func(r *rig, p *phone) {
		p.subscribes("")
		p.settles()
		p.answer = 503
		r.lamp(live.Early)
		p.settles()
		p.answer = 200
		time.Sleep(tryAgain + time.Second)
		if got := r.n.Counters().Mistaken; got != 0 {
			t.Errorf("counted is %v", got)
		}
	})
}

// What the auditor costs each second, where there are 40,000 subscriptions and all is
// right.
func BenchmarkAudit(b *testing.B) {
	n, _, _, _, _ := watched(b, 2000, 20)
	b.ResetTimer()
	for range b.N {
		n.audit()
	}
	if n.Counters().Mistaken != 0 {
		b.Error("something was not right")
	}
}
