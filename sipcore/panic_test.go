package sipcore_test

import (
	"crypto/rand"
	"strings"
	"testing"
)

// TestPanicIsAnsweredCountedAndLogged: a mistake of ours in one registration is
// a 500 to that phone, a count, and one line with its place and nobody's words;
// the same connection, the same user and the same table go on.
func TestPanicIsAnsweredCountedAndLogged(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		t.Run(over, func(t *testing.T) {
			w := newTown(t, "laurel")
			s := w.nodes["laurel"]
			p := s.stranger(over, "alice")
			for range 3 {
				s.mined.Store(true)
				m := p.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", rand.Text())
				m.Add("Contact", "<"+p.contact()+`>;+sip.instance="<urn:x:`+rand.Text()+`>"`)
				p.send(m)
				p.proves(m, "Authorization", p.gets("401").Get("WWW-Authenticate"))
				p.gets("500")
			}
			p.device = "a"
			p.registers()
			s.phoneOver(over, "bob", "b")
			if got := s.Counters().Transport.Panics; got != 3 {
				t.Errorf("got %d panics counted, want 3", got)
			}
			log := w.log.String()
			if n := strings.Count(log, "panic"); strings.Count(log, "made its handler panic") != 1 || !strings.Contains(log, "town_test.go") || strings.Contains(log, "a secret of") {
				t.Errorf("got %d lines about it, want one with its place and without its words:\n%s", n, log)
			}
		})
	}
}
