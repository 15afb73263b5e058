package dnsserver

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"carillon/store"
)

// aside returns a server that no port leads to, for questions that are handed to it.
func aside(v *store.View) *Server {
	return &Server{
		o:   Options{View: func() *store.View { return v }, Serves: all, Logger: slog.New(slog.DiscardHandler)},
		own: netip.MustParseAddr("172.30.42.11"),
	}
}

// replies returns the answer to a datagram.
func replies(s *Server, from string, packet []byte) []byte {
	d := datagram{packet: packet, from: netip.AddrPortFrom(netip.MustParseAddr(from), 5353), quick: new(quick)}
	return s.answerUDP(context.Background(), &d, time.Now())
}

// longReplies returns the same by the long way.
func longReplies(s *Server, from string, packet []byte) []byte {
	v := s.o.View()
	d := datagram{packet: packet, from: netip.AddrPortFrom(netip.MustParseAddr(from), 5353), quick: new(quick)}
	return s.answerLong(context.Background(), v, s.askerOf(v, d.from.Addr()), &d)
}

func packed(tb testing.TB, m *dns.Msg) []byte {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func unpacked(tb testing.TB, b []byte) *dns.Msg {
	tb.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		tb.Fatalf("%x: %v", b, err)
	}
	return m
}

// The quick way says what the long way says, whoever asks for whatever; in which
// capitals matters to nobody.
func TestQuickAnswersAreTheSame(t *testing.T) {
	s := aside(deck())
	quickly := 0
	for _, name := range []string{"tel.beip.be.", "_sip._tcp.tel.beip.be.", "_SIP._uDp.Tel.Beip.BE.", "laurel.tel.beip.be.", "LG-mons.tel.beip.be.", "nobody.tel.beip.be.", "_tcp.tel.beip.be.", "example.org.", "."} {
		for _, kind := range []uint16{dns.TypeNAPTR, dns.TypeSRV, dns.TypeA, dns.TypeAAAA, dns.TypeSOA, dns.TypeNS, dns.TypeANY, dns.TypeTXT, dns.TypeAXFR} {
			for _, size := range []uint16{0, 512, 600, 4096} {
				for _, from := range []string{"192.196.203.7", "10.3.7.8", "203.0.113.1"} {
					m := question(name, kind)
					m.RecursionDesired, m.CheckingDisabled = size > 512, size > 600
					if size > 0 {
						m.SetEdns0(size, size > 600)
					}
					p := packed(t, m)
					s.limit = limiter{}
					before := len(s.zone(s.o.View(), "mons", time.Now()).packed)
					got, want := unpacked(t, replies(s, from, p)), unpacked(t, longReplies(s, from, p))
					quickly += len(s.zone(s.o.View(), "mons", time.Now()).packed) - before
					if diff := cmp.Diff(strings.ToLower(want.String()), strings.ToLower(got.String())); diff != "" {
						t.Fatalf("%s asks for %s %d, takes %d (-long +quick):\n%s", from, name, kind, size, diff)
					}
				}
			}
		}
	}
	if quickly < 30 {
		t.Errorf("%d answers of mons are kept packed: the quick way is not taken", quickly)
	}
}

// What is kept packed is bounded, and is another when the configuration or a node is.
func TestPackedAnswersFollow(t *testing.T) {
	serves := all
	s := aside(deck())
	s.o.Serves = func(n string) bool { return serves(n) }
	ask := func(at time.Time) string {
		d := datagram{packet: packed(t, question("_sip._tcp.tel.beip.be.", dns.TypeSRV)), from: netip.MustParseAddrPort("172.30.42.99:5353"), quick: new(quick)}
		return unpacked(t, s.answerUDP(t.Context(), &d, at)).Answer[0].(*dns.SRV).Target
	}
	now := time.Now()
	if got := ask(now); got != "laurel.tel.beip.be." {
		t.Errorf("got %s", got)
	}
	serves = but("laurel")
	if got := ask(now.Add(zoneLife + 1)); got != "hardy.tel.beip.be." {
		t.Errorf("after laurel died: got %s", got)
	}
	z := s.zone(s.o.View(), "hq", now.Add(zoneLife+1))
	for kind := range uint16(2 * mostPacked) {
		replies(s, "172.30.42.99", packed(t, question("tel.beip.be.", kind)))
		s.limit = limiter{}
	}
	if len(z.packed) > mostPacked {
		t.Errorf("%d answers are kept, want %d at most", len(z.packed), mostPacked)
	}
}

// Six hundred datagrams that are not quite a question: the server is alive and
// right afterwards, and answers none with more than it could have been sent.
func TestMutatedPackets(t *testing.T) {
	s := serving(t, "mons", deck)
	var seeds [][]byte
	for _, kind := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeNAPTR, dns.TypeANY, dns.TypeAXFR} {
		m := question("tel.beip.be.", kind)
		seeds = append(seeds, packed(t, m))
		m.SetEdns0(4096, true)
		seeds = append(seeds, packed(t, m))
	}
	conn, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 600 {
		if _, err := conn.Write(mutated(random, seeds[i%len(seeds)])); err != nil {
			t.Fatal(err)
		}
		if i%50 > 0 {
			continue
		}
		if got := asks(t, s, "udp", question("_sip._tcp.tel.beip.be.", dns.TypeSRV)); len(got.Answer) != 3 {
			t.Fatalf("after %d: got %v", i, got)
		}
	}
	if got := asks(t, s, "tcp", question("tel.beip.be.", dns.TypeNAPTR)); len(got.Answer) != 3 {
		t.Errorf("over TCP, afterwards: got %v", got)
	}
}

// mutated returns a packet with some bytes changed, added or cut off.
func mutated(random *rand.Rand, seed []byte) []byte {
	p := append([]byte(nil), seed...)
	for range 1 + random.IntN(4) {
		switch at := random.IntN(len(p)); random.IntN(4) {
		case 0:
			p = append(p[:at:at], append([]byte{byte(random.Uint32())}, p[at:]...)...)
		case 1:
			p = append(p[:at:at], p[min(at+1+random.IntN(8), len(p)):]...)
		default:
			p[at] = byte(random.Uint32())
		}
		if len(p) == 0 {
			return seed
		}
	}
	return p
}

// A flood in another's name is answered with less than was sent.
func TestNoAmplification(t *testing.T) {
	s := aside(deck())
	ask := question("tel.beip.be.", dns.TypeNAPTR)
	ask.SetEdns0(4096, true)
	p := packed(t, ask)
	now := time.Now()
	sent, answered := 0, 0
	for range 10_000 {
		sent += len(p)
		d := datagram{packet: p, from: netip.MustParseAddrPort("203.0.113.7:53"), quick: new(quick)}
		answer := s.answerUDP(t.Context(), &d, now)
		if len(answer) > len(p) && unpacked(t, answer).Truncated {
			t.Fatalf("the word to come by TCP has %d bytes, the question %d", len(answer), len(p))
		}
		answered += len(answer)
	}
	if answered > sent {
		t.Errorf("%d bytes were answered with %d", sent, answered)
	}
}

// An answer leaves from the address that was asked, where the server has several.
func TestAllAddresses(t *testing.T) {
	for _, at := range []string{"0.0.0.0:0", "[::]:0"} {
		s, err := Open(t.Context(), Options{At: netip.MustParseAddrPort(at), View: deck, Serves: all, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.Run(ctx) }()
		for _, host := range []string{host().String(), "::1"} {
			if host == "::1" && at[0] != '[' {
				continue
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(host), s.Addr().Port()).String()
			if _, _, err := (&dns.Client{Timeout: 10 * time.Second}).Exchange(question("tel.beip.be.", dns.TypeA), to); err != nil {
				t.Errorf("%s, asked at %s: %v", at, to, err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// FuzzAnswer wants every datagram answered or left unanswered, never with more
// than a datagram has, and by the quick way with what the long way says.
func FuzzAnswer(f *testing.F) {
	s := aside(deck())
	for _, kind := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeNAPTR, dns.TypeANY, dns.TypeAXFR} {
		m := question("tel.beip.be.", kind)
		f.Add(packed(f, m))
		m.SetEdns0(4096, true)
		f.Add(packed(f, m))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		s.limit = limiter{}
		got, want := replies(s, "10.3.0.1", packet), longReplies(s, "10.3.0.1", packet)
		if got == nil && want == nil {
			return
		}
		m := unpacked(t, got)
		if len(got) > mostSize || got[0] != packet[0] || got[1] != packet[1] || !m.Response || m.Rcode == dns.RcodeServerFailure {
			t.Fatalf("%x: got %v, %d bytes", packet, m, len(got))
		}
		if diff := cmp.Diff(strings.ToLower(unpacked(t, want).String()), strings.ToLower(m.String())); diff != "" {
			t.Fatalf("%x (-long +quick):\n%s", packet, diff)
		}
	})
}
