package resolve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func srv(priority, weight uint16, target string) dns.RR {
	return &dns.SRV{Priority: priority, Weight: weight, Target: target}
}

func TestDraw(t *testing.T) {
	records := []dns.RR{srv(20, 9, "d"), srv(10, 3, "c"), srv(10, 0, "a"), srv(10, 2, "b")}
	for _, c := range []struct {
		lots []uint32
		want string
	}{
		{[]uint32{0, 0, 0, 0}, "a b c d"},
		{[]uint32{1, 1, 0, 0}, "b c a d"}, // a's weight 0 is for lot 0 alone
		{[]uint32{5, 2, 0, 0}, "c b a d"},
		{[]uint32{2, 3, 0, 9}, "b c a d"},
		{[]uint32{3, 0, 0, 0}, "c a b d"},
	} {
		t.Run(fmt.Sprint(c.lots), func(t *testing.T) {
			left := c.lots
			drawn := draw(records, func(n uint32) uint32 {
				lot := left[0]
				left = left[1:]
				if lot >= n {
					t.Fatalf("lot %d of %d", lot, n)
				}
				return lot
			})
			var got []string
			for _, s := range drawn {
				got = append(got, s.Target)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// Weights 10, 20 and 70 are drawn first about that often in a hundred.
func TestDrawByWeight(t *testing.T) {
	records := []dns.RR{srv(1, 10, "a"), srv(1, 20, "b"), srv(1, 70, "c")}
	first := map[string]int{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		first[draw(records, random.Uint32N)[0].Target]++
	}
	for target, want := range map[string]int{"a": 1000, "b": 2000, "c": 7000} {
		if got := first[target]; got < want-200 || got > want+200 {
			t.Errorf("%s was first %d times, want about %d", target, got, want)
		}
	}
}

func TestLifeOfReply(t *testing.T) {
	header := func(kind uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
	}
	a := func(ttl uint32) dns.RR { return &dns.A{Hdr: header(dns.TypeA, ttl)} }
	soa := func(ttl, minimum uint32) dns.RR { return &dns.SOA{Hdr: header(dns.TypeSOA, ttl), Minttl: minimum} }
	for _, c := range []struct {
		name   string
		answer []dns.RR
		ns     []dns.RR
		want   string
	}{
		{"the shortest", []dns.RR{a(60), a(30)}, nil, "30s"},
		{"of the alias", []dns.RR{&dns.CNAME{Hdr: header(dns.TypeCNAME, 5)}, a(30)}, nil, "5s"},
		{"never none", []dns.RR{a(0)}, nil, "1s"},
		{"never days", []dns.RR{a(864000)}, nil, "1h0m0s"},
		{"nothing there, the zone says for how long", nil, []dns.RR{soa(3600, 20)}, "20s"},
		{"nothing there, the zone says for long", nil, []dns.RR{soa(3600, 3600)}, "30s"},
		{"nothing there", nil, nil, "10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := read(&dns.Msg{Answer: c.answer, Ns: c.ns}, dns.TypeA)
			if got.life.String() != c.want {
				t.Errorf("got %v, want %s", got.life, c.want)
			}
		})
	}
}

func TestServersOf(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"testdata/resolv.conf", "192.0.2.53:53 [2001:db8::53]:53"},
		{"testdata/none", localServer},
	} {
		if got := strings.Join(serversOf(c.file), " "); got != c.want {
			t.Errorf("%s: got %s, want %s", c.file, got, c.want)
		}
	}
	for _, c := range [][2]string{
		{"192.0.2.53", "192.0.2.53:53"},
		{"192.0.2.53:5353", "192.0.2.53:5353"},
		{"2001:db8::53", "[2001:db8::53]:53"},
		{"[2001:db8::53]", "[2001:db8::53]:53"},
		{"[2001:db8::53]:5353", "[2001:db8::53]:5353"},
	} {
		if got := withPort(c[0]); got != c[1] {
			t.Errorf("withPort(%s) = %s, want %s", c[0], got, c[1])
		}
	}
	if got := systemServers(); slices.Contains(got, "") || len(got) == 0 {
		t.Errorf("the system's servers: %q", got)
	}
}
