package proxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/route"
	"carillon/sipcore/transport"
)

// lines are the ways out of a patient, each a carrier who says nothing by himself.
type lines struct {
	*patient
	said []string // to people
}

// linesOut gives the patient so many carriers, for a call of that kind.
func linesOut(p *patient, kind route.Kind, n int) *lines {
	l := &lines{patient: p}
	p.number = route.Number{Kind: kind, Dial: "112"}
	for i := range n {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}), 5060)
		f := transport.Memory(transport.TCP, p.caller.Local(), at, p.hear(&p.rings, "abc"[i:i+1]))
		name := route.Trunk("abc"[i : i+1])
		p.ways[name] = Way{Flow: f, Kind: transport.TCP, Contact: "sip:" + at.String()}
		p.targets = append(p.targets, route.Target{User: name, URI: "sip:112@" + at.String(), Q: 1 - float32(i)/10, Insist: kind == route.Emergency})
	}
	p.proxy.o.Helps = func(_ *route.Call, what string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.said = append(l.said, what)
	}
	return l
}

// TestACarrierThatHasTakenACallForHelp and says no more is passed by, unless there is
// nobody else.
func TestACarrierThatHasTakenACallForHelp(t *testing.T) {
	t.Run("the next answers", func(t *testing.T) {
		inTime(t, func(p *patient) {
			l := linesOut(p, route.Emergency, 2)
			p.calls()
			p.saysAs("a", 100)
			time.Sleep(helpPatience - time.Second)
			p.saysAs("a", 100) // more of the same gains no time
			p.check("before its time is over", "aINVITE", "100")
			time.Sleep(2 * time.Second)
			p.check("when it is", "aINVITE aCANCEL bINVITE", "100")
			p.saysAs("b", 200)
			p.check("when the next has answered", "aINVITE aCANCEL bINVITE", "100 200")
			if got := strings.Join(l.said, "; "); got != "goes out by trunk a; goes out by trunk b" {
				t.Errorf("people are told: %s", got)
			}
			time.Sleep(time.Minute)
		})
	})
	t.Run("it answers after all", func(t *testing.T) {
		inTime(t, func(p *patient) {
			linesOut(p, route.Emergency, 2)
			p.calls()
			p.saysAs("a", 100)
			time.Sleep(helpPatience + time.Second)
			p.saysAs("b", 100)
			p.saysAs("a", 200)
			p.check("when both cross", "aINVITE aCANCEL bINVITE bCANCEL", "100 200")
			time.Sleep(time.Minute)
		})
	})
	for says, heard := range map[int]string{180: "100 180", 183: "100 183"} {
		t.Run("it rings", func(t *testing.T) {
			inTime(t, func(p *patient) {
				linesOut(p, route.Emergency, 2)
				p.calls()
				p.saysAs("a", 100)
				p.saysAs("a", says)
				time.Sleep(3 * time.Minute)
				p.check("after three minutes", "aINVITE", heard)
				p.saysAs("a", 486)
				p.saysAs("b", 486)
				time.Sleep(time.Minute)
			})
		})
	}
	t.Run("there is no other", func(t *testing.T) {
		inTime(t, func(p *patient) {
			linesOut(p, route.Emergency, 1)
			p.calls()
			p.saysAs("a", 100)
			time.Sleep(time.Minute)
			p.saysAs("a", 200)
			p.check("when it answers", "aINVITE", "100 200")
			time.Sleep(time.Minute)
		})
	})
	t.Run("no call for help", func(t *testing.T) {
		inTime(t, func(p *patient) {
			linesOut(p, route.Outside, 2)
			p.calls()
			p.saysAs("a", 100)
			time.Sleep(time.Minute)
			p.check("after a minute", "aINVITE", "100")
			p.saysAs("a", 486)
			time.Sleep(time.Minute)
		})
	})
}

// TestCarriersThatSayNothing: the caller hears of it in less than four seconds; a
// call for help tries each for as long.
func TestCarriersThatSayNothing(t *testing.T) {
	inTime(t, func(p *patient) {
		linesOut(p, route.Outside, 3)
		p.calls()
		time.Sleep(carrierPatience + 100*time.Millisecond)
		p.check("of the first", "aINVITE bINVITE", "100")
		time.Sleep(outPatience - carrierPatience)
		p.check("of two", "aINVITE bINVITE cINVITE", "100")
		time.Sleep(leastPatience)
		p.check("of a third, who has what is left", "aINVITE bINVITE cINVITE", "100 480")
		time.Sleep(time.Minute)
	})
	inTime(t, func(p *patient) {
		linesOut(p, route.Emergency, 3)
		p.calls()
		time.Sleep(2*carrierPatience + 100*time.Millisecond)
		p.check("of two", "aINVITE bINVITE cINVITE", "100")
		time.Sleep(carrierPatience)
		p.check("of all", "aINVITE bINVITE cINVITE", "100 480")
		time.Sleep(time.Minute)
	})
	if outPatience > 3500*time.Millisecond {
		t.Errorf("carriers have %v to say anything, which leaves no room within four seconds", outPatience)
	}
}
