package dnsserver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"carillon/store"
)

// upstream is a server that others ask: it answers by what it is told, nothing
// for nothing.
type upstream struct {
	at    netip.AddrPort
	asked atomic.Int32
}

func newUpstream(t *testing.T, answer func(*dns.Msg) *dns.Msg) *upstream {
	t.Helper()
	at := netip.AddrPortFrom(host(), 5353)
	u := &upstream{at: at}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		u.asked.Add(1)
		if a := answer(m); a != nil {
			_, datagram := w.RemoteAddr().(*net.UDPAddr)
			if a.Truncated = datagram && len(a.Answer) > 50; a.Truncated {
				a.Answer = nil
			}
			_ = w.WriteMsg(a)
		}
	})
	for _, network := range []string{"udp", "tcp"} {
		started := make(chan struct{})
		s := &dns.Server{Addr: at.String(), Net: network, Handler: handler, NotifyStartedFunc: func() { close(started) }}
		go func() { _ = s.ListenAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return u
}

// world answers for other names.
func world(m *dns.Msg) *dns.Msg {
	a := new(dns.Msg).SetReply(m)
	q := m.Question[0]
	rr := func(format string, args ...any) dns.RR {
		r, err := dns.NewRR(fmt.Sprintf(format, args...))
		if err != nil {
			panic(err)
		}
		return r
	}
	switch q.Name {
	case "time.example.":
		a.Answer = []dns.RR{rr("time.example. 300 IN A 192.0.2.1")}
	case "many.example.":
		for i := range 100 {
			a.Answer = append(a.Answer, rr("many.example. 300 IN A 192.0.2.%d", i))
		}
	case "forged.example.":
		a.Id++
	case "other.example.":
		a.Question[0].Name = "another.example."
	case "broken.example.":
		a.Rcode = dns.RcodeServerFailure
	case "silent.example.":
		return nil
	default:
		a.Rcode, a.Ns = dns.RcodeNameError, []dns.RR{rr("example. 900 IN SOA a.example. b.example. 1 2 3 4 60")}
	}
	return a
}

// forwardsTo is the deck's system for phones on this machine that use a node as
// their resolver.
func forwardsTo(servers ...netip.AddrPort) func() *store.View {
	c := deck().Config()
	c.DNS.Forward = servers
	v := store.NewView(c)
	return func() *store.View { return v }
}

func TestForward(t *testing.T) {
	u := newUpstream(t, world)
	s := started(t, Options{Site: "mons", View: forwardsTo(u.at), Serves: all, patience: time.Minute})
	for _, network := range []string{"udp", "tcp"} {
		for _, tt := range []struct {
			name  string
			rcode int
			count int
		}{
			{"time.example.", dns.RcodeSuccess, 1},
			{"Time.Example.", dns.RcodeSuccess, 1},
			{"nobody.example.", dns.RcodeNameError, 0},
			{"broken.example.", dns.RcodeServerFailure, 0},
			{"laurel.tel.beip.be.", dns.RcodeSuccess, 1},
		} {
			m := question(tt.name, dns.TypeA)
			m.SetEdns0(1232, false)
			got := asks(t, s, network, m)
			ours := tt.name == "laurel.tel.beip.be."
			if got.Rcode != tt.rcode || len(got.Answer) != tt.count || !got.RecursionAvailable || got.Authoritative != ours || got.Question[0].Name != tt.name || got.IsEdns0() == nil {
				t.Errorf("%s by %s: got %v", tt.name, network, got)
			}
		}
	}
	if n := u.asked.Load(); n != 4 {
		t.Errorf("asked %d times, want 4: time and nobody once, broken each time", n)
	}
	if got := asks(t, s, "udp", question("many.example.", dns.TypeA)); !got.Truncated {
		t.Errorf("a hundred addresses in a datagram: got %v", got)
	}
	if got := asks(t, s, "tcp", question("many.example.", dns.TypeA)); got.Truncated || len(got.Answer) != 100 {
		t.Errorf("a hundred addresses by TCP: got %d", len(got.Answer))
	}
	if n := s.Counters().Forwarded; n != 10 {
		t.Errorf("%d questions were counted, want 10", n)
	}
}

// What is no answer to the question is none at all, and the zone is answered
// while others are waited for.
func TestForgedAnswers(t *testing.T) {
	u := newUpstream(t, world)
	s := serving(t, "mons", forwardsTo(u.at))
	for _, name := range []string{"forged.example.", "other.example.", "silent.example."} {
		arrived := make(chan *dns.Msg, 1)
		go func() {
			m, _, err := (&dns.Client{Timeout: 20 * time.Second}).Exchange(question(name, dns.TypeA), s.Addr().String())
			if err != nil {
				t.Error(err)
			}
			arrived <- m
		}()
		if got := asks(t, s, "udp", question("tel.beip.be.", dns.TypeNAPTR)); len(got.Answer) != 3 {
			t.Errorf("the zone meanwhile: got %v", got)
		}
		if got := <-arrived; got != nil && (got.Rcode != dns.RcodeServerFailure || len(got.Answer) > 0) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Who is not of ours is refused, and so are those who would send questions in a
// circle, and questions that nobody is asked.
func TestWhoIsForwarded(t *testing.T) {
	c := deck().Config()
	c.DNS.Forward = []netip.AddrPort{netip.MustParseAddrPort("10.3.0.53:53")}
	c.DNS.Resolvers = []store.Resolver{{Address: netip.MustParseAddr("10.3.0.54"), Site: "mons"}}
	withNetworks := store.NewView(c)
	for i := range c.Sites {
		c.Sites[i].Networks = nil
	}
	without := store.NewView(c)
	for _, tt := range []struct {
		from string
		v    *store.View
		want bool
	}{
		{"10.3.0.7", withNetworks, true},
		{"203.0.113.7", withNetworks, false},
		{"192.168.1.7", withNetworks, false},
		{"192.168.1.7", without, true},
		{"203.0.113.7", without, false},
		{"10.3.0.53", withNetworks, false},
		{"10.3.0.54", withNetworks, false},
		{"127.0.0.1", withNetworks, true},
		{"172.30.42.11", without, true},
	} {
		s := aside(tt.v)
		if got := s.askerOf(tt.v, netip.MustParseAddr(tt.from)).forwards; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.from, got, tt.want)
		}
		if !tt.want {
			if m := unpacked(t, replies(s, tt.from, packed(t, question("example.org.", dns.TypeA)))); m.Rcode != dns.RcodeRefused || m.RecursionAvailable {
				t.Errorf("%s: got %v, want a refusal", tt.from, m)
			}
		}
	}
	s := aside(withNetworks)
	iterative := question("example.org.", dns.TypeA)
	iterative.RecursionDesired = false
	for _, m := range []*dns.Msg{iterative, question("example.org.", dns.TypeAXFR), question("example.org.", dns.TypeANY)} {
		if got := unpacked(t, replies(s, "10.3.0.7", packed(t, m))); got.Rcode != dns.RcodeRefused {
			t.Errorf("%v: got %v, want a refusal", m, got)
		}
	}
}

// A server that says nothing again and again gets one question in a while: the
// others hear at once that there is no answer.
func TestSilentServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f forwarder
		server := netip.MustParseAddrPort("192.0.2.53:53")
		if now := time.Now(); !f.mayAsk(server, now) {
			t.Error("one that was never asked is not asked")
		}
		for range mostSilences {
			if !f.mayAsk(server, time.Now()) {
				t.Error("a name that is slow has silenced a server")
			}
			f.heard(server, false, time.Now())
		}
		if f.mayAsk(server, time.Now().Add(silenceLasts-1)) {
			t.Error("one that said nothing is asked again at once")
		}
		time.Sleep(silenceLasts)
		if !f.mayAsk(server, time.Now()) || f.mayAsk(server, time.Now()) {
			t.Error("after a while one question, and no more, is to be tried")
		}
		f.heard(server, true, time.Now())
		if !f.mayAsk(server, time.Now()) {
			t.Error("one that answers again is not asked")
		}
	})
}

// A panic about what a server has said costs one answer: who waits for the same
// gets one, too, and the next question is asked.
func TestAPanicCostsOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which ends who waits for ever
		f := forwarder{patience: time.Second}
		servers := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}
		question := new(dns.Msg).SetQuestion("time.example.", dns.TypeA)
		for range 2 {
			answer := f.now(bomb{t.Context()}, servers, netip.MustParseAddr("10.0.0.1"), question)
			if answer.Rcode != dns.RcodeServerFailure || answer.Id != question.Id {
				t.Errorf("got %v, want that there is no answer", answer)
			}
		}
		f.later(t.Context(), nil, netip.MustParseAddr("10.0.0.1"), question, func(*dns.Msg) { panic("an answer of a stranger") })
		f.wg.Wait()
		if len(f.flights) > 0 || f.total > 0 || len(f.waiting) > 0 {
			t.Errorf("%d flights, %d places are left", len(f.flights), f.total)
		}
	})
}

// A bomb is a context that panics where a server is asked.
type bomb struct{ context.Context }

func (bomb) Deadline() (time.Time, bool) { panic("a message of a stranger") }

// Nobody has more than his share of what is under way.
func TestForwardIsBounded(t *testing.T) {
	var f forwarder
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	taken := func(from netip.Addr, n int) (got int) {
		for range n {
			if f.enter(t.Context(), from) {
				got++
			}
		}
		return got
	}
	if got := taken(a, 100); got != mostOfAsker {
		t.Errorf("one asker has %d places, want %d", got, mostOfAsker)
	}
	if got := taken(b, 1); got != 1 {
		t.Error("his neighbour has none")
	}
	for next := b.Next(); f.total < mostFlights; next = next.Next() {
		taken(next, mostOfAsker)
	}
	if taken(netip.MustParseAddr("10.9.9.9"), 1) != 0 {
		t.Errorf("there are more than %d", mostFlights)
	}
	f.leave(a)
	if taken(a, 2) != 1 {
		t.Error("a place that was left is not taken again")
	}
}

func TestCache(t *testing.T) {
	var c cache
	now := time.Unix(1000, 0)
	rr := func(text string) dns.RR {
		r, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	yes := &dns.Msg{Answer: []dns.RR{rr("a.example. 60 IN CNAME b.example."), rr("b.example. 20 IN A 192.0.2.1")}}
	no := &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeNameError}, Ns: []dns.RR{rr("example. 9000 IN SOA a. b. 1 2 3 4 9000")}}
	short := &dns.Msg{Answer: []dns.RR{rr("c.example. 0 IN A 192.0.2.1")}}
	long := &dns.Msg{Answer: []dns.RR{rr("d.example. 999999 IN A 192.0.2.1")}}
	for _, tt := range []struct {
		m    *dns.Msg
		want time.Duration
	}{{yes, 20 * time.Second}, {no, mostNoLife}, {short, leastLife}, {long, mostLife}, {new(dns.Msg), leastLife}} {
		about := subject{name: tt.want.String()}
		c.put(about, tt.m, now)
		if c.get(about, now.Add(tt.want-1)) == nil || c.get(about, now.Add(tt.want)) != nil {
			t.Errorf("%v: is not kept for %v", tt.m, tt.want)
		}
	}
	c.put(subject{name: "a.example."}, yes, now)
	if got := c.get(subject{name: "a.example."}, now.Add(15*time.Second)); got.Answer[1].Header().Ttl != 5 || yes.Answer[1].Header().Ttl != 20 {
		t.Errorf("after 15 s: got %v of %v", got, yes)
	}
	for i := range 2 * mostCached {
		c.put(subject{name: fmt.Sprint(i)}, yes, now)
	}
	if len(c.of) > mostCached {
		t.Errorf("%d answers are kept, want %d at most", len(c.of), mostCached)
	}
}

// A resolver that asks for a site has that site's answers; whom it asks for is
// believed of those that the configuration names.
func TestResolvers(t *testing.T) {
	c := deck().Config()
	c.DNS.Resolvers = []store.Resolver{
		{Address: netip.MustParseAddr("203.0.113.53"), Site: "mons"}, {Address: netip.MustParseAddr("203.0.113.54")},
	}
	v := store.NewView(c)
	of := func(subnet string) *dns.EDNS0_SUBNET {
		p := netip.MustParsePrefix(subnet)
		family := uint16(1)
		if p.Addr().Is6() {
			family = 2
		}
		return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}
	}
	for _, tt := range []struct {
		from   string
		subnet *dns.EDNS0_SUBNET
		want   string // the first and the last server
		scope  uint8
	}{
		{"203.0.113.53", nil, "laurel lg-mons", 0},
		{"203.0.113.53", of("10.3.9.0/24"), "lg-namur hardy", 24},
		{"203.0.113.53", of("198.51.100.0/24"), "laurel hardy", 24},
		{"203.0.113.54", nil, "laurel hardy", 0},
		{"203.0.113.54", of("192.196.203.0/24"), "laurel lg-mons", 24},
		{"203.0.113.54", of("0.0.0.0/0"), "laurel hardy", 0},
		{"203.0.113.55", of("192.196.203.0/24"), "laurel hardy", 0},
		{"10.3.0.1", of("192.196.203.0/24"), "lg-namur hardy", 0},
	} {
		m := question("_sip._tcp.tel.beip.be.", dns.TypeSRV)
		if tt.subnet != nil {
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = []dns.EDNS0{tt.subnet}
		}
		s := aside(v)
		for range 2 { // the second might be quicker
			got := unpacked(t, replies(s, tt.from, packed(t, m)))
			target := func(i int) string { return got.Answer[i].(*dns.SRV).Target }
			if servers := target(0) + " " + target(len(got.Answer)-1); servers != fmt.Sprintf("%s.tel.beip.be. %s.tel.beip.be.", before(tt.want), after(tt.want)) {
				t.Errorf("%s for %v: got %s, want %s", tt.from, tt.subnet, servers, tt.want)
			}
			if scope := scopeOf(got); scope != tt.scope {
				t.Errorf("%s for %v: the answer is for /%d, want /%d", tt.from, tt.subnet, scope, tt.scope)
			}
		}
	}
}

func scopeOf(m *dns.Msg) uint8 {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if subnet, is := o.(*dns.EDNS0_SUBNET); is {
				return subnet.SourceScope
			}
		}
	}
	return 0
}

func before(words string) string { first, _, _ := strings.Cut(words, " "); return first }
func after(words string) string  { _, last, _ := strings.Cut(words, " "); return last }
