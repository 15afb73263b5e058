package sipcore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// anyhow is how a handset takes a call, at random.
func anyhow(r *rand.Rand) manner {
	m := manner{
		rings: ms(r, 5, 800), acts: ms(r, 0, 6000), twice: r.IntN(7) == 0, deafToCancel: r.IntN(20) == 0, deafToBye: r.IntN(20) == 0,
		answer: []int{200, 200, 200, 200, 200, 200, 200, 200, 486, 486, 480, 408, 404, 603, 302, 503, 0, 0}[r.IntN(18)],
	}
	if r.IntN(20) == 0 {
		m.rings = -1
	}
	return m
}

// atOnce is how handsets take calls that all answer at the same time.
func atOnce(r *rand.Rand) manner {
	return manner{rings: ms(r, 5, 50), acts: 900*time.Millisecond + ms(r, 0, 30), answer: 200}
}

func ms(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from+r.IntN(to-from)) * time.Millisecond
}

// A scene is one call flow at random: some calls among six users, of whom two have
// several phones, and a carrier; and what happens to phones, lines and nodes meanwhile.
type scene struct {
	*village

	cast    []*handset
	watches []*lookout
	tally   tally
}

// playScene plays the scene of a seed, ends all that is left of it, and has the jury say
// what was wrong.
func playScene(t *testing.T, seed uint64) (tally, string) {
	t.Helper()
	s := &scene{village: newVillage(t, seed, 2+int(seed%2))}
	s.casts()
	j := &jury{v: s.village, wrong: make(map[string]time.Time), said: make(map[string]bool), mended: make(map[[2]string]time.Time), watches: s.watches}
	done := make(chan struct{})
	s.wg.Go(func() { j.sits(done) })
	time.Sleep(time.Second)
	for range 1 + s.rng.IntN(4) {
		s.calls()
	}
	if s.rng.IntN(3) == 0 {
		s.strikes()
	}
	time.Sleep(25 * time.Second)
	s.curtain()
	time.Sleep(max(120*time.Second, time.Until(s.lastDoubt())+5*time.Second))
	synctest.Wait()
	close(done)
	j.ends()
	s.close()
	if len(j.said) > 0 {
		return s.counts(), s.explains(seed)
	}
	return s.counts(), ""
}

// casts sets up the phones.
func (s *scene) casts() {
	r := s.rng
	node := func() string { return nodeNames[r.IntN(len(s.nodes))] }
	for _, x := range [][2]string{{"201", "desk"}, {"201", "home"}, {"202", "desk"}, {"202", "home"}, {"202", "soft"}, {"203", "desk"}, {"204", "desk"}, {"205", "desk"}, {"", "carrier"}} {
		s.cast = append(s.cast, s.phone(x[0], x[1], node()))
	}
	if r.IntN(4) == 0 {
		for _, h := range s.cast {
			h.manner = atOnce
		}
	}
	time.Sleep(100 * time.Millisecond)
	for _, device := range []string{"w1", "w2"} {
		var moods []int
		if device == "w2" {
			for range r.IntN(6) {
				moods = append(moods, []int{200, 200, 500, 503, 481, 0, -1000, -3000}[r.IntN(8)])
			}
		}
		w := s.phone("206", device, node()).watches([]string{"201", "202", "203"}[r.IntN(3)], moods)
		s.watches = append(s.watches, w)
	}
}

// calls has somebody call somebody soon.
func (s *scene) calls() {
	r := s.rng
	from := s.cast[r.IntN(len(s.cast))]
	number := []string{"201", "201", "202", "202", "203", "204", "205", "+442071838750", "299"}[r.IntN(9)]
	if from.user == "" {
		number = "+3225551" + number[len(number)-3:]
	}
	p := plan{
		gives: ms(r, 50, 12000), talks: ms(r, 50, 9000), holds: r.IntN(5) == 0, repeats: r.IntN(6) == 0, stays: r.IntN(3) == 0,
	}
	if r.IntN(3) == 0 {
		p.gives = 900*time.Millisecond + ms(r, 0, 100) // as they answer
	}
	if r.IntN(8) == 0 {
		p.again = []string{"203", "204"}[r.IntN(2)]
	}
	theirs, third := time.Duration(0), []string{"201", "203", "204", "205"}[r.IntN(4)]
	if p.stays || r.IntN(4) == 0 {
		theirs = p.talks
	}
	transfer := r.IntN(6)
	after := ms(r, 100, 3000)
	p.onUp = func(x *talk) {
		switch transfer {
		case 0:
			time.AfterFunc(after, func() { s.transfers(x, third) })
		case 1:
			time.AfterFunc(after, func() { s.transfersTo(x, third) })
		}
		if theirs > 0 {
			s.hangsUpToo(x, theirs)
		}
	}
	time.AfterFunc(ms(r, 0, 4000), func() { from.call(number, p) })
	if r.IntN(6) == 0 {
		victim := s.cast[r.IntN(len(s.cast)-1)]
		what := victim.drops
		if r.IntN(2) == 0 {
			what = victim.vanishes
			s.tally.Vanished++
		}
		time.AfterFunc(ms(r, 500, 12000), what)
	}
}

// hangsUpToo has the callee of a call that is up hang up.
func (s *scene) hangsUpToo(x *talk, after time.Duration) {
	time.AfterFunc(after, func() {
		for _, h := range s.cast {
			h.mu.Lock()
			for _, y := range h.talks {
				if y.affair == x.affair && !y.calls && !h.off {
					y.hangsUp()
				}
			}
			h.mu.Unlock()
		}
	})
}

// transfers refers the other side to a number, and hangs up.
func (s *scene) transfers(x *talk, number string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state == live.Confirmed && !x.off {
		x.refers("sip:" + number + "@" + villageDomain)
		x.later(200*time.Millisecond, x.hangsUp)
	}
}

// transfersTo calls a number first, and refers the other side to take its place.
func (s *scene) transfersTo(x *talk, number string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state != live.Confirmed || x.off {
		return
	}
	x.callLocked(number, plan{gives: 8 * time.Second, talks: 10 * time.Second, onUp: func(y *talk) {
		y.mu.Lock()
		defer y.mu.Unlock()
		if x.state == live.Confirmed && y.state == live.Confirmed && !x.off {
			x.refers("sip:" + number + "@" + villageDomain + "?Replaces=" + y.callID + "%3Bto-tag%3D" + wire.Param(y.remote, "tag") + "%3Bfrom-tag%3D" + y.tag)
			x.later(2*time.Second, x.hangsUp)
		}
	}})
}

func (x *talk) refers(to string) {
	m := x.inside("REFER")
	m.Add("Refer-To", "<"+to+">")
	x.sends(m, x.conn)
}

// strikes has a line fail, or a node.
func (s *scene) strikes() {
	r := s.rng
	a, b := nodeNames[0], nodeNames[1+r.IntN(len(s.nodes)-1)]
	when, last := ms(r, 500, 10000), ms(r, 500, 12000)
	if r.IntN(3) > 0 {
		s.tally.Cuts++
		time.AfterFunc(when, func() { s.cut(a, b, true) })
		time.AfterFunc(when+last, func() { s.cut(a, b, false) })
		return
	}
	s.tally.Kills++
	again := r.IntN(2) == 0
	time.AfterFunc(when, func() {
		s.forgets(b)
		was := s.kill(b)
		if again {
			time.AfterFunc(last, func() { s.revives(was) })
		}
	})
}

// forgets says of calls of a node that will be killed that nobody knows them any more.
func (s *scene) forgets(node string) {
	for _, h := range s.phones {
		h.mu.Lock()
		if h.node == node {
			h.doubtsLocked(ringingEnds)
		}
		h.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.affairs {
		if a.owner == node {
			a.doubt(340 * time.Second)
			a.change(func() { a.lost = true })
		}
	}
}

// curtain has everybody hang up.
func (s *scene) curtain() {
	s.writes("curtain")
	for _, h := range s.cast {
		h.mu.Lock()
		for _, x := range h.talks {
			switch {
			case h.off:
			case x.calls && x.state < live.Confirmed:
				x.plan.again = ""
				x.givesUp()
			case x.state == live.Early:
				x.answers(480, h.conn)
			default:
				x.hangsUp()
			}
		}
		h.manner = func(*rand.Rand) manner { return manner{rings: -1, answer: 480} }
		h.mu.Unlock()
	}
}

func (s *scene) lastDoubt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last time.Time
	for _, a := range s.affairs {
		if u := a.until(); u.After(last) {
			last = u
		}
	}
	return last
}

func (s *scene) counts() tally {
	s.tally.Calls = len(s.affairs)
	for _, a := range s.affairs {
		switch {
		case a.answered:
			s.tally.Answered++
		case a.canceled:
			s.tally.Canceled++
		case a.over:
			s.tally.Refused++
		}
	}
	return s.tally
}

// explains says what was wrong, and the whole diary if only this scene was wanted.
func (s *scene) explains(seed uint64) string {
	lines := s.diary
	if os.Getenv("CARILLON_FLOW") == "" {
		lines = nil
		for _, line := range s.diary {
			if strings.Contains(line, "WRONG") {
				lines = append(lines, line)
			}
		}
	}
	return fmt.Sprintf("flow %d (CARILLON_FLOW=%d plays it again):\n%s", seed, seed, strings.Join(lines, "\n"))
}
