package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/house"
	"carillon/test/tool"
)

// sharedAddress is what two mains of the head office share.
const sharedAddress = "10.60.0.100"

// Who asks the service address is answered, by SIP, by DNS and when he pings, also two
// seconds after its holder was unplugged or drained, and four after it was killed; a
// connection of before is reset; and who comes back leaves it to who has it.
func TestServiceAddress(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	s, port := openPair(t)
	first, all := s.holder(), &Node{Addr: netip.MustParseAddr(sharedAddress)}
	s.nodes["all"] = all
	if got := s.dig("hq", "all", Domain, "A"); got != sharedAddress {
		t.Errorf("the address of the domain: got %q, want %s", got, sharedAddress)
	}
	alice, bob := s.Deskphone("hq", "all", "201"), s.Deskphone("hq", "all", "202")
	delete(s.nodes, "all") // it is none
	ended(t, alice.talksTo(bob))

	pings := s.hosts["hq-phones"].Ping(t, all.Addr)
	pings.Gap(t)
	old := alice.conn
	alice.conn = nil
	s.in("hq", s.ip, "link", "set", port[first], "down")
	s.answers(all.Addr, "its holder is unplugged", 2*time.Second)
	pings.gaps(t, "its holder is unplugged", 2*time.Second)
	alice.connects(all)
	bob.connects(all)
	ended(t, alice.talksTo(bob))
	if err := old.Send(alice.request("OPTIONS", "sip:"+Domain, "old", 1)); err == nil && !old.WaitClosed(patience) {
		t.Error("a connection to who held the address is swallowed, and not reset")
	}
	_ = old.Close()

	s.in("hq", s.ip, "link", "set", port[first], "up")
	second := s.holder()
	takings := s.takings()
	time.Sleep(5 * time.Second) // in which nothing may happen
	if again := s.holder(); second == first || again != second || s.takings() != takings {
		t.Errorf("%s was unplugged and is back: held by %s, then by %s, taken %d times, then %d", first, second, again, takings, s.takings())
	}
	t.Logf("%s was unplugged and is back: %s holds the address, which was taken %d times in all, and not again", first, second, takings)
	s.yields(second, first)
	pings.gaps(t, "its holder is drained", 2*time.Second)
	s.yields(first, second)
	pings.gaps(t, "its next holder is drained", 2*time.Second)
	s.nodes[second].kill()
	s.answers(all.Addr, "its holder is killed", 4*time.Second)
	pings.gaps(t, "its holder is killed", 4*time.Second)
	alice.connects(all)
	delete(s.nodes, second)
}

func ended(t *testing.T, talk *Talk) {
	t.Helper()
	if err := talk.ends(true); err != nil {
		t.Error(err)
	}
}

// yields has the holder of the address drained, and waits until the other node has it;
// when the drained one is back in service it does not take it again.
func (s *System) yields(holder, to string) {
	s.tb.Helper()
	drain := func(more ...string) {
		eventually(s.tb, "the drain of "+holder+" is decided", 30*time.Second, func() bool {
			return s.nodes[to].run(append([]string{"drain", holder}, more...)...) == nil
		})
	}
	drain()
	eventually(s.tb, to+" holds the address of "+holder+", which is drained", 10*time.Second, func() bool { return s.holder() == to })
	drain("--undo")
	if now := s.holder(); now != to {
		s.tb.Errorf("%s is drained no more, and the address is held by %s, want %s", holder, now, to)
	}
}

// gaps checks how long nobody answered a ping.
func (p *Pinger) gaps(t *testing.T, what string, within time.Duration) {
	t.Helper()
	gap := p.Gap(t)
	t.Logf("when %s: no answer to a ping for %v", what, gap.Round(10*time.Millisecond))
	if gap > within {
		t.Errorf("when %s: no answer to a ping for %v, want at most %v", what, gap, within)
	}
}

// openPair starts two mains that share an address, and returns at which ports of
// their LAN they are.
func openPair(t *testing.T) (s *System, ports map[string]string) {
	t.Helper()
	s = &System{binary: tool.Carillon(t), dir: t.TempDir(), first: "laurel", Sites: OpenSites(t), nodes: map[string]*Node{}}
	s.Host("hq", "hq-phones")
	t.Cleanup(func() { stopAll(s.nodes) })
	text := configuration(lans[:1], []string{"201", "202"})
	text = strings.Replace(text, "networks:", "address: "+sharedAddress+"/24, networks:", 1)
	ports = map[string]string{"laurel": fmt.Sprintf("h%d", 11+len(s.hosts))}
	first := s.add("hq", "laurel")
	first.found(text, "--site", "hq", "--first", "--dns", first.Addr.String())
	ports["hardy"] = fmt.Sprintf("h%d", 11+len(s.hosts))
	s.join("hq", "hardy", "main")
	s.isWhole(20 * time.Second)
	return s, ports
}

// holder waits until all nodes name the same holder of the service address, and
// returns it.
func (s *System) holder() string {
	s.tb.Helper()
	var name string
	eventually(s.tb, "all nodes know one holder of the address", 30*time.Second, func() bool {
		named := map[string]bool{}
		for _, n := range s.nodes {
			name = ""
			if a := n.status().ServiceAddress; a != nil {
				name = a.Holder
			}
			named[name] = true
		}
		return len(named) == 1 && s.nodes[name] != nil
	})
	return name
}

// takings counts how often any node has taken the address.
func (s *System) takings() (count int) {
	s.tb.Helper()
	for _, n := range s.nodes {
		var events []admin.Event
		n.Ask("events", &events)
		for _, e := range events {
			if e.Kind == "address" && strings.Contains(e.Text, "holds") {
				count++
			}
		}
	}
	return count
}

// answers waits until a phone can connect to an address and gets an answer.
func (s *System) answers(at netip.Addr, what string, within time.Duration) {
	s.tb.Helper()
	began, h := tool.Start(s.tb), s.hosts["hq-phones"]
	defer began.Stop()
	to := netip.AddrPortFrom(at, house.SIPPort)
	for try := func() error { return connects(to) }; h.from(try) != nil; time.Sleep(20 * time.Millisecond) {
		if began.Took() > patience {
			s.tb.Fatalf("when %s, %s is silent for ever", what, at)
		}
	}
	took := began.Took()
	s.tb.Logf("when %s: silent for %v", what, took.Round(10*time.Millisecond))
	if took > within {
		s.tb.Errorf("when %s: %s was silent for %v, want at most %v", what, at, took, within)
	}
}

// connects makes a connection and gets an answer on it, or fails soon.
func connects(to netip.AddrPort) error {
	conn, err := (&net.Dialer{Timeout: 300 * time.Millisecond}).Dial("tcp", to.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err = conn.SetDeadline(time.Now().Add(patience)); err == nil {
		_, err = conn.Write([]byte("\r\n\r\n")) // a keep-alive, which is answered (RFC 5626 section 4.4.1)
	}
	if err == nil {
		_, err = conn.Read(make([]byte, 2))
	}
	return err
}
