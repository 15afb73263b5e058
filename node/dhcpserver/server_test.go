package dhcpserver

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"carillon/store"
	"carillon/store/live"
)

// A memory keeps records without a disk.
type memory map[string][]byte

func (m memory) Each(f func(key, value string)) error {
	for k, v := range m {
		f(k, string(v))
	}
	return nil
}

func (m memory) Write(all map[string][]byte) error {
	for k, v := range all {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return nil
}

// A journal is what others were told.
type journal map[string]string

func (j journal) Set(key string, value []byte) { j[key] = string(value) }
func (j journal) Delete(key string)            { delete(j, key) }

// alone is a server of one site, without a port: its interface has 10.1.0.2/24.
func alone(tb testing.TB, keep memory, change func(*store.Site)) *Server {
	tb.Helper()
	site := store.Site{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, DHCP: []store.Pool{
		{
			Network: netip.MustParsePrefix("10.1.0.0/24"), First: netip.MustParseAddr("10.1.0.10"), Last: netip.MustParseAddr("10.1.0.13"),
			Router: netip.MustParseAddr("10.1.0.1"), Lease: time.Hour,
			Reservations: []store.Reservation{{MAC: "02:00:00:00:00:99", Address: netip.MustParseAddr("10.1.0.200")}},
			Options:      []store.DHCPOption{{Code: 66, Values: []string{"all"}}, {Code: 42, Values: []string{"10.1.0.9"}}},
			Vendors:      []store.Vendor{{Class: "Cisco", Options: []store.DHCPOption{{Code: 66, Values: []string{"cisco"}}}}},
		},
		{Network: netip.MustParsePrefix("10.2.0.0/24"), First: netip.MustParseAddr("10.2.0.10"), Last: netip.MustParseAddr("10.2.0.99"), Lease: time.Hour},
	}}
	if change != nil {
		change(&site)
	}
	view := store.NewView(store.Config{Domain: "tel.example.org", Sites: []store.Site{site}, Nodes: []store.Node{{Name: "a", Role: store.Main, Site: "hq"}}})
	s, err := Open(tb.Context(), Options{
		Node: "a", Site: "hq", View: func() *store.View { return view }, Alive: func(string) bool { return true }, DNS: netip.MustParseAddr("10.1.0.2"),
		Keep: keep, Others: journal{}, Tell: tb.Logf, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.ping = func(context.Context, netip.Addr) bool { return false }
	s.local, s.until = []netip.Prefix{netip.MustParsePrefix("10.1.0.2/24")}, time.Now().Add(time.Hour)
	s.a.serve(true, netip.MustParseAddr("10.1.0.2"))
	s.commit(nil)
	return s
}

// asks has the server handle a packet, and returns its answer, if it has one.
func (s *Server) asks(tb testing.TB, kind dhcpv4.MessageType, mac byte, more ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	tb.Helper()
	p, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, mac})}, more...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return s.takes(tb, p.ToBytes())
}

func (s *Server) takes(tb testing.TB, b []byte) *dhcpv4.DHCPv4 {
	tb.Helper()
	r, ok := s.handle(tb.Context(), packet{b, time.Now()})
	if s.probes.Wait(); len(s.probed) > 0 {
		for _, r = range s.judge(tb.Context(), <-s.probed) {
			ok = true
		}
	}
	s.commit(nil)
	if !ok {
		return nil
	}
	got, err := dhcpv4.FromBytes(r.packet.ToBytes())
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func ip(text string) net.IP { return net.ParseIP(text).To4() }

// gets is the whole exchange; it returns the address, or "".
func (s *Server) gets(tb testing.TB, mac byte) string {
	tb.Helper()
	offer := s.asks(tb, dhcpv4.MessageTypeDiscover, mac)
	if offer == nil {
		return ""
	}
	ack := s.asks(tb, dhcpv4.MessageTypeRequest, mac,
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier())), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr)))
	if ack == nil || ack.MessageType() != dhcpv4.MessageTypeAck || !ack.YourIPAddr.Equal(offer.YourIPAddr) {
		tb.Errorf("an offer of %s, and then %v", offer.YourIPAddr, ack)
		return ""
	}
	return ack.YourIPAddr.String()
}

// What a phone is told: what is configured, what its vendor gets instead, and what
// nobody has to write.
func TestWhatAPhoneIsTold(t *testing.T) {
	s := alone(t, memory{}, nil)
	offer := s.asks(t, dhcpv4.MessageTypeDiscover, 1, dhcpv4.WithOption(dhcpv4.OptClassIdentifier("Cisco 7960")))
	if offer == nil {
		t.Fatal("no offer")
	}
	for code, want := range map[uint8]string{
		1: "\xff\xff\xff\x00", 3: "\x0a\x01\x00\x01", 6: "\x0a\x01\x00\x02", 15: "tel.example.org", 42: "\x0a\x01\x00\x09", 51: "\x00\x00\x0e\x10",
		54: "\x0a\x01\x00\x02", 58: "\x00\x00\x07\x08", 59: "\x00\x00\x0c\x4e", 66: "cisco", 120: "\x00\x03tel\x07example\x03org\x00",
	} {
		if got := offer.Options[code]; string(got) != want {
			t.Errorf("option %d: got %q, want %q", code, got, want)
		}
	}
	if got := s.asks(t, dhcpv4.MessageTypeDiscover, 2).Options[66]; string(got) != "all" {
		t.Errorf("another vendor: got %q", got)
	}
	if inform := s.asks(t, dhcpv4.MessageTypeInform, 3, dhcpv4.WithClientIP(ip("10.1.0.77"))); inform == nil || !inform.YourIPAddr.Equal(net.IPv4zero) || inform.Options[51] != nil {
		t.Errorf("INFORM: got %v", inform)
	}
}

func TestRequests(t *testing.T) {
	type m = dhcpv4.Modifier
	ask := func(requested string) m { return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip(requested))) }
	option82 := dhcpv4.WithOption(dhcpv4.Option{Code: dhcpv4.OptionRelayAgentInformation, Value: dhcpv4.OptionGeneric{Data: []byte{1, 2, 9, 9}}})
	for _, tt := range []struct {
		name string
		kind dhcpv4.MessageType
		mac  byte // 1 holds an address
		more func(held string) []m
		want string // kind and address; nothing
	}{
		{"renewal", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{dhcpv4.WithClientIP(ip(held))} }, "ACK HELD"},
		{"reboot", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{ask(held)} }, "ACK HELD"},
		{"what another has", dhcpv4.MessageTypeRequest, 2, func(held string) []m { return []m{ask(held)} }, "NAK 0.0.0.0"},
		{"of another network", dhcpv4.MessageTypeRequest, 2, func(string) []m { return []m{ask("192.0.2.9")} }, "NAK 0.0.0.0"},
		{"out of the range, unknown", dhcpv4.MessageTypeRequest, 2, func(string) []m { return []m{ask("10.1.0.99")} }, ""},
		{"the reservation of another", dhcpv4.MessageTypeRequest, 2, func(string) []m { return []m{ask("10.1.0.200")} }, ""},
		{"one's own reservation", dhcpv4.MessageTypeDiscover, 0x99, func(string) []m { return nil }, "OFFER 10.1.0.200"},
		{"another server was chosen", dhcpv4.MessageTypeRequest, 2, func(string) []m {
			return []m{ask("10.1.0.11"), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip("10.1.0.3")))}
		}, ""},
		{"a relay of a network without a pool", dhcpv4.MessageTypeDiscover, 2, func(string) []m { return []m{dhcpv4.WithRelay(ip("10.3.0.1"))} }, ""},
		{"a relay", dhcpv4.MessageTypeDiscover, 0x99, func(string) []m { return []m{dhcpv4.WithRelay(ip("10.2.0.1")), option82, ask("10.2.0.55")} }, "OFFER 10.2.0.55"},
		{"reboot behind a relay of a network without a pool", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{dhcpv4.WithRelay(ip("10.3.0.1")), ask(held)} }, ""},
		{"renewal behind a relay of a network without a pool", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{dhcpv4.WithRelay(ip("10.3.0.1")), dhcpv4.WithClientIP(ip(held))} }, ""},
		{"reboot behind a relay of another network", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{dhcpv4.WithRelay(ip("10.2.0.1")), option82, ask(held)} }, "NAK 0.0.0.0"},
		{"reboot behind a relay", dhcpv4.MessageTypeRequest, 1, func(held string) []m { return []m{dhcpv4.WithRelay(ip("10.1.0.1")), option82, ask(held)} }, "ACK HELD"},
		{"renewal behind a relay", dhcpv4.MessageTypeRequest, 1, func(held string) []m {
			return []m{dhcpv4.WithRelay(ip("10.1.0.1")), option82, dhcpv4.WithClientIP(ip(held))}
		}, "ACK HELD"},
		{"reboot behind a relay, unknown", dhcpv4.MessageTypeRequest, 2, func(string) []m { return []m{dhcpv4.WithRelay(ip("10.1.0.1")), ask("10.1.0.99")} }, ""},
		{"no address asked for", dhcpv4.MessageTypeRequest, 2, func(string) []m { return nil }, ""},
		{"an answer", dhcpv4.MessageTypeOffer, 2, func(string) []m { return nil }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := alone(t, memory{}, nil)
			held := s.gets(t, 1)
			got := ""
			if r := s.asks(t, tt.kind, tt.mac, tt.more(held)...); r != nil {
				got = strings.ReplaceAll(r.MessageType().String()+" "+r.YourIPAddr.String(), held, "HELD")
				if strings.Contains(tt.name, "a relay") && (string(r.Options[82]) != "\x01\x02\x09\x09" || r.GatewayIPAddr.IsUnspecified() || r.MessageType() == dhcpv4.MessageTypeNak && !r.IsBroadcast()) {
					t.Errorf("option 82 and giaddr are not given back, or a NAK is no broadcast: %v", r)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A pool is looked through at most once in a time that grows with it, by what asks for
// an address of a pool that is full, and by what asks for old ones back: that costs a
// processor a few hundredths at the worst.
func TestALargePoolIsLookedThroughSeldom(t *testing.T) {
	for _, tt := range []struct {
		last string
		want time.Duration
	}{{"10.0.0.255", time.Second}, {"10.0.15.255", time.Second}, {"10.0.255.255", 16 * time.Second}} {
		p := store.Pool{First: netip.MustParseAddr("10.0.0.0"), Last: netip.MustParseAddr(tt.last)}
		if got := rest(&p); got != tt.want {
			t.Errorf("up to %s: each %v, want each %v", tt.last, got, tt.want)
		}
	}
	if got := rest(&store.Pool{}); got != time.Second {
		t.Errorf("reservations alone: each %v", got)
	}
	s, looked := alone(t, memory{}, nil), time.Now()
	s.a.tick(looked)
	s.a.tick(looked.Add(time.Millisecond))
	if got := s.a.swept[s.a.pools[0].Network]; !got.Equal(looked) {
		t.Errorf("a pool was looked through a millisecond after it was")
	}
	s.a.tick(looked.Add(time.Second))
	if got := s.a.swept[s.a.pools[0].Network]; got.Equal(looked) {
		t.Errorf("a pool was not looked through a second after it was")
	}
}

// An address on which somebody is goes to nobody; what a phone declines neither; and
// when nothing is left, that is counted.
func TestAddressesThatAreTaken(t *testing.T) {
	s := alone(t, memory{}, nil)
	taken := netip.MustParseAddr("10.1.0.11")
	s.ping = func(_ context.Context, a netip.Addr) bool { return a == taken }
	got := map[string]bool{}
	for mac := range byte(3) {
		got[s.gets(t, mac+1)] = true
	}
	if len(got) != 3 || got[taken.String()] || got[""] {
		t.Errorf("got %v, want three, and not %s", got, taken)
	}
	if last := s.gets(t, 9); last != "" || s.Counters()["exhausted"] == 0 || s.Counters()["conflict"] != 1 {
		t.Errorf("got %q, %v, want nothing, and that it is counted", last, s.Counters())
	}
	first := s.Leases()[0]
	mac, _ := net.ParseMAC(first.MAC)
	s.asks(t, dhcpv4.MessageTypeDecline, mac[5], dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(first.Address.AsSlice())))
	if is, _ := s.leases.Of(first.Address); is.State != live.LeaseDeclined {
		t.Errorf("after DECLINE: got %+v", is)
	}
	if again := s.gets(t, mac[5]); again != "" {
		t.Errorf("got %s though nothing is left", again)
	}
}

// What was given is there after a start, and goes with the pool.
func TestLeasesStay(t *testing.T) {
	keep := memory{}
	before := alone(t, keep, nil).gets(t, 1)
	if again := alone(t, keep, nil).gets(t, 1); again != before {
		t.Errorf("got %s, want %s", again, before)
	}
	moved := alone(t, keep, func(s *store.Site) {
		s.DHCP[0].First, s.DHCP[0].Last = netip.MustParseAddr("10.1.0.50"), netip.MustParseAddr("10.1.0.60")
	})
	if r := moved.asks(t, dhcpv4.MessageTypeRequest, 1, dhcpv4.WithClientIP(ip(before))); r == nil || r.MessageType() != dhcpv4.MessageTypeNak {
		t.Errorf("renewal out of the range: got %v, want NAK", r)
	}
	gone := alone(t, keep, func(s *store.Site) { s.DHCP = nil })
	if r := gone.asks(t, dhcpv4.MessageTypeRequest, 1, dhcpv4.WithClientIP(ip(before))); r == nil || r.MessageType() != dhcpv4.MessageTypeNak {
		t.Errorf("renewal without a pool: got %v, want NAK", r)
	}
	if r := gone.asks(t, dhcpv4.MessageTypeDiscover, 2); r != nil {
		t.Errorf("on a network without a pool: got %v", r)
	}
}

// sound reports what no packet may bring about: an address that no pool has, or one
// that two devices hold.
func (s *Server) sound(tb testing.TB) {
	tb.Helper()
	for _, x := range s.Leases() {
		p := poolOf(s.a.configured(), x.Address)
		if p == nil || x.State == live.LeaseHeld && !fits(p, x.Address, x.MAC) {
			tb.Errorf("%+v is in no pool", x)
		}
	}
}

// 400 packets that were changed on their way: the server lives, and gives nothing
// that it must not give.
func TestMutatedPackets(t *testing.T) {
	s := alone(t, memory{}, nil)
	held := s.gets(t, 1)
	r := rand.New(rand.NewPCG(6, 5))
	for n := range 400 {
		kinds := []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeDecline, dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeInform}
		p, err := dhcpv4.New(dhcpv4.WithMessageType(kinds[n%len(kinds)]), dhcpv4.WithHwAddr(net.HardwareAddr{2, 1, 0, 0, byte(n >> 8), byte(n)}),
			dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 1, 0, byte(n)))), dhcpv4.WithOption(dhcpv4.OptHostName("phone")))
		if err != nil {
			t.Fatal(err)
		}
		b := p.ToBytes()
		for range 1 + r.IntN(12) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		if n%7 == 0 {
			b = b[:r.IntN(len(b))]
		}
		s.takes(t, b)
		s.sound(t)
	}
	if again := s.gets(t, 1); again != held {
		t.Errorf("after them the phone got %q, want %s", again, held)
	}
	if s.Counters()["malformed"] == 0 {
		t.Error("none was malformed: they were not changed")
	}
}

func FuzzPacket(f *testing.F) {
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest} {
		p, err := dhcpv4.New(dhcpv4.WithMessageType(kind), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip("10.1.0.11"))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.ToBytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := alone(t, memory{}, nil)
		s.takes(t, b)
		s.sound(t)
		if s.gets(t, 1) == "" {
			t.Error("after it no phone gets an address")
		}
	})
}

func TestMixingIsAPermutation(t *testing.T) {
	var seen [256]bool
	for _, b := range mixing() {
		seen[b] = true
	}
	if slices.Contains(seen[:], false) {
		t.Error("the table of RFC 3074 has each byte once")
	}
}
