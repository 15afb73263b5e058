package dnsserver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"carillon/store"
)

var hosts atomic.Int32

// host returns an address of the loopback that nobody else has.
func host() netip.Addr {
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, 192 | byte(pid>>8)&63, byte(pid), byte(1 + hosts.Add(1)%250)})
}

// serving starts a server of the deck's system for who asks from the loopback of a
// site.
func serving(t *testing.T, site string, view func() *store.View) *Server {
	t.Helper()
	return started(t, Options{Site: site, View: view, Serves: all})
}

func started(t *testing.T, o Options) *Server {
	t.Helper()
	o.At, o.Logger = netip.AddrPortFrom(host(), 5353), slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// asks sends a question and returns the answer.
func asks(t *testing.T, s *Server, network string, question *dns.Msg) *dns.Msg {
	t.Helper()
	answer, _, err := (&dns.Client{Net: network, Timeout: 10 * time.Second}).Exchange(question, s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func question(name string, kind uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, kind) }

func TestServer(t *testing.T) {
	s := serving(t, "mons", deck)
	for _, network := range []string{"udp", "tcp"} {
		got := asks(t, s, network, question("_sip._tcp.tel.beip.be.", dns.TypeSRV))
		if len(got.Answer) != 3 || !got.Authoritative || got.RecursionAvailable || got.Truncated || len(got.Extra) != 3 {
			t.Errorf("%s: got %v, want the three servers of this site with their addresses", network, got)
		}
	}
	if got := s.Counters(); got != (Counters{Answered: 2}) {
		t.Errorf("got %+v, want 2 answered", got)
	}
	if got := asks(t, s, "udp", question("example.org.", dns.TypeA)); got.Rcode != dns.RcodeRefused || s.Counters().Refused != 1 {
		t.Errorf("got %v and %+v, want a refusal that is counted", got, s.Counters())
	}
}

// An answer fits into what the client can take.
func TestSizes(t *testing.T) {
	many := deck().Config()
	for i := range 12 {
		many.Nodes = append(many.Nodes, store.Node{
			Name: "a-main-with-a-long-name-" + string(rune('a'+i)), Role: store.Main, Site: "hq",
			Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 30, 42, byte(100 + i)}), 7946),
		})
	}
	v := store.NewView(many).At(1)
	s := serving(t, "mons", func() *store.View { return v })
	srv := func(size uint16) *dns.Msg {
		m := question("_sip._tcp.tel.beip.be.", dns.TypeSRV)
		if size > 0 {
			m.SetEdns0(size, true)
		}
		return m
	}
	for _, tt := range []struct {
		size      uint16
		most      int
		truncated bool
	}{{0, 512, true}, {100, 512, true}, {1232, 1232, false}, {65535, 1232, false}} {
		got := asks(t, s, "udp", srv(tt.size))
		got.Compress = true
		if got.Len() > tt.most || got.Truncated != tt.truncated || (got.IsEdns0() != nil) != (tt.size > 0) {
			t.Errorf("of a client that takes %d: got %d bytes, truncated %v, want %d at most, %v", tt.size, got.Len(), got.Truncated, tt.most, tt.truncated)
		}
	}
	if got := asks(t, s, "tcp", srv(0)); got.Truncated || len(got.Answer) != 15 || len(got.Extra) != 15 {
		t.Errorf("over TCP: got %d servers and %d addresses, want 15 each", len(got.Answer), len(got.Extra))
	}
}

// What no phone says is answered as the RFCs want it, or not at all.
func TestOddQuestions(t *testing.T) {
	s := serving(t, "", deck)
	version := question("tel.beip.be.", dns.TypeA)
	version.SetEdns0(1232, false)
	version.IsEdns0().SetVersion(7)
	chaos := question("version.bind.", dns.TypeTXT)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	none := new(dns.Msg)
	none.Id = dns.Id()
	update := new(dns.Msg)
	update.SetUpdate("tel.beip.be.")
	for _, tt := range []struct {
		what string
		ask  *dns.Msg
		want int
	}{
		{"EDNS of the future", version, dns.RcodeBadVers},
		{"another class", chaos, dns.RcodeRefused},
		{"no question", none, dns.RcodeFormatError},
		{"an update", update, dns.RcodeNotImplemented},
	} {
		if got := asks(t, s, "udp", tt.ask); got.Rcode != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, dns.RcodeToString[got.Rcode], dns.RcodeToString[tt.want])
		}
	}
	conn, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answer := question("tel.beip.be.", dns.TypeA)
	answer.Response = true
	packed, err := answer.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(packed), "x", strings.Repeat("\xc0\x0c", 100)} {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got := asks(t, s, "udp", question("laurel.tel.beip.be.", dns.TypeA)); len(got.Answer) != 1 {
		t.Errorf("after nonsense: got %v", got)
	}
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	buf := make([]byte, 512)
	if n, err := conn.Read(buf); err == nil && n > 100 {
		t.Errorf("nonsense of 100 bytes was answered with %d", n)
	}
}

// A configuration that changes, and a node that dies, are in the next answer soon.
func TestZoneFollows(t *testing.T) {
	var now atomic.Pointer[store.View]
	now.Store(deck())
	s := serving(t, "", now.Load)
	serial := func() uint32 {
		got := asks(t, s, "udp", question("tel.beip.be.", dns.TypeSOA))
		return got.Answer[0].(*dns.SOA).Serial
	}
	if got := serial(); got != 42 {
		t.Errorf("serial: got %d, want 42", got)
	}
	now.Store(deck().At(43))
	if got := serial(); got != 43 {
		t.Errorf("serial: got %d, want 43", got)
	}
}

// Who asks too often is answered seldom, and never with more than he sent; over TCP
// he is still answered, and so are others.
func TestLimits(t *testing.T) {
	var l limiter
	now := time.Unix(1000, 0)
	phone, stranger, neighbour := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("203.0.113.77")
	counts := map[verdict]int{}
	for range 1000 {
		counts[l.take(stranger, false, now)]++
	}
	if counts[passed] != perStranger || counts[slipped] != (1000-perStranger)/2 || l.take(neighbour, false, now) == passed {
		t.Errorf("got %v, want %d passed, half of the rest slipped, and none for a neighbour", counts, perStranger)
	}
	for range perPhone {
		if l.take(phone, true, now) != passed {
			t.Fatal("a phone is limited like a stranger")
		}
	}
	if l.take(phone, true, now) == passed || l.take(phone.Next(), true, now) != passed {
		t.Error("a phone asks without end, or its neighbour cannot")
	}
	if l.take(stranger, false, now.Add(time.Second)) != passed {
		t.Error("the next second begins with what the last one had")
	}
	for i := range 3 * mostSources {
		l.take(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}), true, now)
	}
	if len(l.counts) > mostSources+1 {
		t.Errorf("%d sources are remembered, want %d at most", len(l.counts), mostSources)
	}
}

// Connections are closed when there are too many of them, and when they say nothing.
func TestTooManyConnections(t *testing.T) {
	s := serving(t, "", deck)
	var open []net.Conn
	for range mostTCP + 20 {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		open = append(open, conn)
	}
	last := open[len(open)-1]
	_ = last.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := last.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("one connection too many: got %v, want its end", err)
	}
	if got := asks(t, s, "udp", question("laurel.tel.beip.be.", dns.TypeA)); len(got.Answer) != 1 {
		t.Errorf("over UDP meanwhile: got %v", got)
	}
}

func TestPortsThatAreNotOurs(t *testing.T) {
	s := serving(t, "", deck)
	o := s.o
	o.At = s.Addr()
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "listening for DNS") {
		t.Errorf("a port that is taken: got %v", err)
	}
	if got := permitted(&net.OpError{Err: syscall.EACCES}, netip.MustParseAddrPort("10.0.0.1:53")).Error(); !strings.Contains(got, "setcap") || !strings.Contains(got, "--dns 10.0.0.1:5353") {
		t.Errorf("got %q, want what to do", got)
	}
}
