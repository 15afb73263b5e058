package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"carillon/sipcore/transport"
	"carillon/test/tool"
)

func (h Hop) text() string {
	text := h.Kind.String() + " " + h.Addr.String()
	if h.Name != "" {
		text += " as " + h.Name
	}
	return text
}

func texts(hops []Hop) []string {
	found := []string{}
	for _, h := range hops {
		found = append(found, h.text())
	}
	return found
}

func TestLiteral(t *testing.T) {
	r := New(Options{})
	for _, c := range []struct {
		name   string
		target Target
		want   string // "" = not a literal
	}{
		{"address", Target{Host: "192.0.2.1"}, "udp 192.0.2.1:5060"},
		{"port", Target{Host: "192.0.2.1", Port: 5070}, "udp 192.0.2.1:5070"},
		{"transport", Target{Host: "192.0.2.1", Transport: "TCP"}, "tcp 192.0.2.1:5060"},
		{"IPv6", Target{Host: "2001:db8::1"}, "udp [2001:db8::1]:5060"},
		{"IPv6 in brackets", Target{Host: "[2001:db8::1]", Port: 5070}, "udp [2001:db8::1]:5070"},
		{"IPv4 in IPv6", Target{Host: "::ffff:192.0.2.1"}, "udp 192.0.2.1:5060"},
		{"name", Target{Host: "tel.example"}, ""},
		{"zone of a link", Target{Host: "fe80::1%eth0"}, ""},
		{"unknown transport", Target{Host: "192.0.2.1", Transport: "sctp"}, ""},
		{"TLS", Target{Host: "192.0.2.1", Transport: "tls"}, "tls 192.0.2.1:5061"},
		{"TLS on a port", Target{Host: "192.0.2.1", Port: 5060, Transport: "TLS"}, "tls 192.0.2.1:5060"},
		{"sips", Target{Host: "192.0.2.1", Secure: true}, "tls 192.0.2.1:5061"},
		{"sips over TCP is TLS", Target{Host: "192.0.2.1", Transport: "tcp", Secure: true}, "tls 192.0.2.1:5061"},
		{"sips over UDP", Target{Host: "192.0.2.1", Transport: "udp", Secure: true}, ""},
		{"a browser", Target{Host: "192.0.2.1", Transport: "ws"}, ""},
		{"a browser over TLS", Target{Host: "192.0.2.1", Transport: "wss", Secure: true}, ""},
		{"nothing", Target{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, ok := r.Literal(c.target)
			if got := h.text(); ok != (c.want != "") || ok && got != c.want {
				t.Errorf("got %q %v, want %q", got, ok, c.want)
			}
		})
	}
}

func BenchmarkLiteral(b *testing.B) {
	r := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		r.Literal(Target{Host: "192.0.2.1", Port: 5070, Transport: "tcp"})
	}
}

// The order of RFC 3263 section 4.
func TestLookup(t *testing.T) {
	for _, c := range []struct {
		name   string
		zone   []string
		target Target
		want   []string
	}{
		{
			"NAPTR says which transport, SRV which host",
			[]string{
				`tel.example. NAPTR 20 50 "s" "SIP+D2U" "" u.tel.example.`,
				`tel.example. NAPTR 10 60 "s" "SIP+D2T" "" t2.tel.example.`,
				`tel.example. NAPTR 10 50 "S" "sip+d2t" "" t1.tel.example.`,
				`tel.example. NAPTR 5 50 "s" "SIPS+D2T" "" tls.tel.example.`,
				`tel.example. NAPTR 1 50 "u" "E2U+sip" "!^.*$!sip:x@y!" .`,
				`u.tel.example. SRV 0 0 5061 a.tel.example.`,
				`t1.tel.example. SRV 0 0 5062 a.tel.example.`,
				`t2.tel.example. SRV 0 0 5063 b.tel.example.`,
				`a.tel.example. A 192.0.2.1`,
				`b.tel.example. A 192.0.2.2`,
				`_sip._udp.tel.example. SRV 0 0 9 b.tel.example.`,
			},
			Target{Host: "tel.example"},
			[]string{"tcp 192.0.2.1:5062", "tcp 192.0.2.2:5063", "udp 192.0.2.1:5061"},
		},
		{
			"NAPTR to a host",
			[]string{`tel.example. NAPTR 1 1 "a" "SIP+D2T" "" a.tel.example.`, `a.tel.example. A 192.0.2.1`},
			Target{Host: "tel.example"},
			[]string{"tcp 192.0.2.1:5060"},
		},
		{
			"NAPTR that leads nowhere",
			[]string{`tel.example. NAPTR 1 1 "s" "SIP+D2T" "" gone.tel.example.`, `tel.example. A 192.0.2.1`},
			Target{Host: "tel.example"},
			[]string{"udp 192.0.2.1:5060"},
		},
		{
			"SRV by priority, TCP before UDP",
			[]string{
				`_sip._udp.tel.example. SRV 1 0 5061 a.tel.example.`,
				`_sip._tcp.tel.example. SRV 20 0 5062 b.tel.example.`,
				`_sip._tcp.tel.example. SRV 10 0 5063 a.tel.example.`,
				`a.tel.example. A 192.0.2.1`,
				`b.tel.example. A 192.0.2.2`,
				`b.tel.example. AAAA 2001:db8::2`,
			},
			Target{Host: "tel.example"},
			[]string{"tcp 192.0.2.1:5063", "tcp 192.0.2.2:5062", "tcp [2001:db8::2]:5062", "udp 192.0.2.1:5061"},
		},
		{
			"the URI says which transport",
			[]string{
				`tel.example. NAPTR 1 1 "s" "SIP+D2T" "" _sip._tcp.tel.example.`,
				`_sip._udp.tel.example. SRV 1 0 5061 a.tel.example.`,
				`_sip._tcp.tel.example. SRV 1 0 5062 a.tel.example.`,
				`a.tel.example. A 192.0.2.1`,
			},
			Target{Host: "tel.example", Transport: "udp"},
			[]string{"udp 192.0.2.1:5061"},
		},
		{
			"the URI says which port: no SRV",
			[]string{`_sip._udp.tel.example. SRV 1 0 5061 a.tel.example.`, `tel.example. A 192.0.2.1`, `a.tel.example. A 192.0.2.2`},
			Target{Host: "tel.example", Port: 5080},
			[]string{"udp 192.0.2.1:5080"},
		},
		{
			"no SRV",
			[]string{`tel.example. AAAA 2001:db8::1`, `tel.example. A 192.0.2.2`, `tel.example. A 192.0.2.1`},
			Target{Host: "tel.example", Transport: "tcp"},
			[]string{"tcp 192.0.2.2:5060", "tcp 192.0.2.1:5060", "tcp [2001:db8::1]:5060"},
		},
		{
			"one SRV target has no address",
			[]string{`_sip._tcp.tel.example. SRV 1 0 5061 gone.tel.example.`, `_sip._tcp.tel.example. SRV 2 0 5062 a.tel.example.`, `a.tel.example. A 192.0.2.1`},
			Target{Host: "tel.example"},
			[]string{"tcp 192.0.2.1:5062"},
		},
		{
			"an alias",
			[]string{`pbx.tel.example. CNAME a.tel.example.`, `a.tel.example. A 192.0.2.1`},
			Target{Host: "PBX.tel.Example."},
			[]string{"udp 192.0.2.1:5060"},
		},
		{
			"the same hop twice",
			[]string{`_sip._udp.tel.example. SRV 1 0 5061 a.tel.example.`, `_sip._udp.tel.example. SRV 2 0 5061 b.tel.example.`, `a.tel.example. A 192.0.2.1`, `b.tel.example. A 192.0.2.1`},
			Target{Host: "tel.example"},
			[]string{"udp 192.0.2.1:5061"},
		},
		{"an address", nil, Target{Host: "192.0.2.1"}, []string{"udp 192.0.2.1:5060"}},
		{
			"NAPTR may prefer TLS",
			[]string{
				`tel.example. NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.tel.example.`,
				`tel.example. NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.tel.example.`,
				`_sips._tcp.tel.example. SRV 0 0 5071 a.tel.example.`,
				`_sip._tcp.tel.example. SRV 0 0 5072 a.tel.example.`,
				`a.tel.example. A 192.0.2.1`,
			},
			Target{Host: "tel.example"},
			[]string{"tls 192.0.2.1:5071 as tel.example", "tcp 192.0.2.1:5072"},
		},
		{
			"sips goes by nothing but TLS",
			[]string{
				`tel.example. NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.tel.example.`,
				`tel.example. NAPTR 20 50 "s" "SIPS+D2T" "" _sips._tcp.tel.example.`,
				`_sip._tcp.tel.example. SRV 0 0 5072 a.tel.example.`,
				`_sips._tcp.tel.example. SRV 0 0 5071 a.tel.example.`,
				`a.tel.example. A 192.0.2.1`,
			},
			Target{Host: "tel.example", Secure: true},
			[]string{"tls 192.0.2.1:5071 as tel.example"},
		},
		{
			"sips without NAPTR",
			[]string{`_sip._tcp.tel.example. SRV 0 0 5072 a.tel.example.`, `_sips._tcp.tel.example. SRV 0 0 5071 a.tel.example.`, `a.tel.example. A 192.0.2.1`},
			Target{Host: "tel.example", Secure: true},
			[]string{"tls 192.0.2.1:5071 as tel.example"},
		},
		{
			"sips without SRV",
			[]string{`_sip._tcp.tel.example. SRV 0 0 5072 a.tel.example.`, `tel.example. A 192.0.2.1`},
			Target{Host: "tel.example", Secure: true},
			[]string{"tls 192.0.2.1:5061 as tel.example"},
		},
		{
			"TLS by the URI",
			[]string{`_sips._tcp.tel.example. SRV 0 0 5071 a.tel.example.`, `a.tel.example. A 192.0.2.1`},
			Target{Host: "tel.example", Transport: "tls"},
			[]string{"tls 192.0.2.1:5071 as tel.example"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(Options{Server: serve(t, c.zone...).addr})
			hops, err := r.Lookup(t.Context(), c.target)
			if diff := cmp.Diff(c.want, texts(hops)); err != nil || diff != "" {
				t.Errorf("error %v, want/got:\n%s", err, diff)
			}
		})
	}
}

func TestLookupRefuses(t *testing.T) {
	z := serve(t, `_sip._tcp.none.example. SRV 0 0 0 .`, `none.example. A 192.0.2.1`)
	z.change(func() { z.rcode["broken.example."] = dns.RcodeServerFailure })
	r := New(Options{Server: z.addr})
	for _, c := range []struct {
		name   string
		target Target
		want   string
	}{
		{"no such name", Target{Host: "nobody.example"}, "looking up nobody.example: the name has no address"},
		{"the domain has no server", Target{Host: "none.example"}, "looking up none.example: the domain says that it has no SIP server"},
		{"the name server cannot", Target{Host: "broken.example"}, "looking up broken.example: name server " + z.addr + " says SERVFAIL"},
		{"sips over UDP", Target{Host: "none.example", Transport: "udp", Secure: true}, "looking up none.example: a sips target cannot be reached over udp"},
		{"a browser", Target{Host: "none.example", Transport: "ws"}, "looking up none.example: nobody is called over ws"},
		{"a browser's name", Target{Host: "df7jal23ls0d.invalid"}, "ends in .invalid is nowhere"},
		{"transport", Target{Host: "none.example", Transport: "sctp"}, `looking up none.example: no transport "sctp"`},
		{"nothing", Target{}, `looking up : "" is neither an address nor a name`},
		{"not a name", Target{Host: "fe80::1%eth0"}, `looking up fe80::1%eth0: "fe80::1%eth0" is neither an address nor a name`},
		{"too long", Target{Host: strings.Repeat("a", 64) + ".example"}, "neither an address nor a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hops, err := r.Lookup(t.Context(), c.target)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(hops) != 0 {
				t.Errorf("got %v, %v, want error %q", hops, err, c.want)
			}
		})
	}
}

func TestFailedGoesLast(t *testing.T) {
	z := serve(t, `tel.example. A 192.0.2.1`, `tel.example. A 192.0.2.2`, `tel.example. A 192.0.2.3`)
	r := New(Options{Server: z.addr})
	look := func() string {
		hops, err := r.Lookup(t.Context(), Target{Host: "tel.example"})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(texts(hops), ", ")
	}
	first := Hop{Kind: transport.UDP, Addr: netip.MustParseAddrPort("192.0.2.1:5060")}
	r.Failed(first)
	r.Failed(Hop{Kind: transport.TCP, Addr: netip.MustParseAddrPort("192.0.2.2:5060")}) // over TCP, not over UDP
	if got, want := look(), "udp 192.0.2.2:5060, udp 192.0.2.3:5060, udp 192.0.2.1:5060"; got != want {
		t.Errorf("after a failure: got %s, want %s", got, want)
	}
	r.OK(first)
	if got, want := look(), "udp 192.0.2.1:5060, udp 192.0.2.2:5060, udp 192.0.2.3:5060"; got != want {
		t.Errorf("reached again: got %s, want %s", got, want)
	}
}

func TestAnswersAreRemembered(t *testing.T) {
	z := serve(t, `_sip._udp.tel.example. 60 SRV 0 0 5061 a.tel.example.`, `a.tel.example. 60 A 192.0.2.1`)
	r := New(Options{Server: z.addr})
	for range 3 {
		if _, err := r.Lookup(t.Context(), Target{Host: "tel.example"}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Lookup(t.Context(), Target{Host: "nobody.example"}); err == nil {
			t.Fatal("found an address of nobody.example")
		}
	}
	// Each: NAPTR, two SRV; then A and AAAA of a.tel.example and nobody.example.
	if got, want := z.count(""), 2*3+2*2; got != want {
		t.Errorf("asked %d questions, want %d: %v", got, want, z.asked)
	}
}

func TestEqualQuestionsAreJoined(t *testing.T) {
	z := serve(t, `tel.example. A 192.0.2.1`)
	release := z.holdAnswers()
	r := New(Options{Server: z.addr})
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if _, err := r.Lookup(t.Context(), Target{Host: "tel.example", Port: 5060}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 2 { // A and AAAA
		<-z.arriving
	}
	release()
	callers.Wait()
	if got := z.count("tel.example. A"); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}

func TestDeadline(t *testing.T) {
	z := serve(t)
	defer z.holdAnswers()()
	r := New(Options{Server: z.addr, Timeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := tool.Start(t)
	if _, err := r.Lookup(ctx, Target{Host: "tel.example"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if took := start.Took(); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSilentServer(t *testing.T) {
	z := serve(t)
	defer z.holdAnswers()()
	r := New(Options{Server: z.addr, Timeout: 100 * time.Millisecond})
	target := Target{Host: "tel.example", Port: 5060}
	if _, err := r.Lookup(t.Context(), target); err == nil || !strings.Contains(err.Error(), "asking name server "+z.addr) {
		t.Errorf("got %v, want who was asked", err)
	}
	asked := z.count("")
	if _, err := r.Lookup(t.Context(), target); err == nil || z.count("") != asked {
		t.Errorf("asked again at once, error %v", err)
	}
}

// Some name servers never answer for AAAA: the call does not wait for them.
func TestServerWithoutIPv6(t *testing.T) {
	z := serve(t, `tel.example. A 192.0.2.1`)
	z.change(func() { z.mute[dns.TypeAAAA] = true })
	r := New(Options{Server: z.addr, Timeout: time.Minute})
	for range 2 {
		hops, err := r.Lookup(t.Context(), Target{Host: "tel.example", Port: 5060})
		if err != nil || len(hops) != 1 {
			t.Fatalf("got %v, %v", hops, err)
		}
	}
	if got := z.count("tel.example. AAAA"); got != 1 {
		t.Errorf("asked %d times for AAAA, want once", got)
	}
}

func TestTruncatedAnswer(t *testing.T) {
	z := serve(t, `tel.example. A 192.0.2.1`)
	z.change(func() { z.crammed = true })
	r := New(Options{Server: z.addr})
	hops, err := r.Lookup(t.Context(), Target{Host: "tel.example", Port: 5060})
	if err != nil || !slices.Equal(texts(hops), []string{"udp 192.0.2.1:5060"}) {
		t.Errorf("got %v, %v", texts(hops), err)
	}
}

func TestNextServer(t *testing.T) {
	good := serve(t, `tel.example. A 192.0.2.1`)
	lame := serve(t)
	lame.change(func() { lame.rcode["tel.example."] = dns.RcodeRefused })
	silent := serve(t)
	defer silent.holdAnswers()()
	u := &upstream{
		servers: func() []string { return []string{own() + ":1", lame.addr, silent.addr, good.addr} },
		timeout: 2 * time.Second, turns: make(chan struct{}, 1),
	}
	a, err := u.ask(t.Context(), question{"tel.example.", dns.TypeA})
	if err != nil || len(a.records) != 1 {
		t.Errorf("got %v, %v", a.records, err)
	}
}

// A question that is lost, as of many at once some are, is asked again long before
// the time is over.
func TestALostQuestionIsAskedAgain(t *testing.T) {
	z := serve(t, `tel.example. A 192.0.2.1`)
	z.change(func() { z.mute[dns.TypeA] = true })
	go func() {
		<-z.arriving
		z.change(func() { clear(z.mute) })
	}()
	u := &upstream{servers: func() []string { return []string{z.addr} }, timeout: 14 * time.Second, turns: make(chan struct{}, 1)}
	began := tool.Start(t)
	a, err := u.ask(t.Context(), question{"tel.example.", dns.TypeA})
	if took := began.Took(); err != nil || len(a.records) != 1 || took > 6*time.Second {
		t.Errorf("after %v: got %v, %v, want the record after 2 s", took, a.records, err)
	}
}

func ExampleResolver_Literal() {
	r := New(Options{})
	h, ok := r.Literal(Target{Host: "192.0.2.7", Transport: "tcp"})
	fmt.Println(h.Kind, h.Addr, ok)
	// Output: tcp 192.0.2.7:5060 true
}
