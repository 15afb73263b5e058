package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

func flow(kind transport.Kind) transport.Flow {
	return transport.Memory(kind, netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::7]:40000"), nil)
}

func request(method string, n int) []byte {
	return fmt.Appendf(nil, "%s sip:202@tel.test SIP/2.0\r\nCall-ID: %d\r\nCSeq: 1 %s\r\n\r\n", method, n, method)
}

func TestRemembersWhatPassed(t *testing.T) {
	r := New(1 << 20)
	start := time.Unix(1e9, 5)
	udp, tcp := flow(transport.UDP), flow(transport.TCP)
	r.Saw(start, udp, false, request("INVITE", 1))
	r.Saw(start.Add(2), tcp, true, request("REGISTER", 2))
	r.Saw(start.Add(1), tcp, true, request("BYE", 3))
	local, remote := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[2001:db8::7]:40000")
	want := []entry{
		{At: start, Kind: transport.UDP, Flow: udp.ID(), Local: local, Remote: remote, raw: string(request("INVITE", 1)), size: len(request("INVITE", 1))},
		{At: start.Add(1), Sent: true, Kind: transport.TCP, Flow: tcp.ID(), Local: local, Remote: remote, raw: string(request("BYE", 3)), size: len(request("BYE", 3))},
		{At: start.Add(2), Sent: true, Kind: transport.TCP, Flow: tcp.ID(), Local: local, Remote: remote, raw: string(request("REGISTER", 2)), size: len(request("REGISTER", 2))},
	}
	if got := r.entries(); !slices.Equal(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// A phone that renews its registration for ever drives no call out, and the
// latest of each sort are there.
func TestRegistrationsDoNotDriveCallsOut(t *testing.T) {
	r := New(256 << 10)
	r.Saw(time.Now(), flow(transport.UDP), false, request("INVITE", 1))
	for i := range 20_000 {
		r.Saw(time.Now(), flow(transport.UDP), false, request("REGISTER", i))
	}
	all := r.entries()
	if got := string(request("INVITE", 1)); all[0].raw != got {
		t.Errorf("the oldest: got %q, want the INVITE", all[0].raw)
	}
	if got, want := all[len(all)-1].raw, string(request("REGISTER", 19_999)); got != want {
		t.Errorf("the latest: got %q, want %q", got, want)
	}
	if len(all) > 1000 {
		t.Errorf("got %d messages in 256 kB", len(all))
	}
}

func TestALongMessageIsCut(t *testing.T) {
	r := New(1 << 20)
	raw := append(request("MESSAGE", 1), make([]byte, 60_000)...)
	r.Saw(time.Now(), flow(transport.TCP), false, raw)
	e := r.entries()[0]
	if len(e.raw) != maxKept || e.size != len(raw) {
		t.Errorf("got %d of %d bytes, want %d of %d", len(e.raw), e.size, maxKept, len(raw))
	}
}

// Whatever is written, a band has the latest records, whole and in order, and
// no more than fit.
func TestBandIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &band{buf: make([]byte, rapid.IntRange(300, 5000).Draw(t, "size"))}
		var want []string
		used := 0
		cost := func(s string) int { return fixedBytes + len(s) }
		for range rapid.IntRange(0, 60).Draw(t, "messages") {
			text := rapid.StringN(0, -1, 400).Draw(t, "text")
			b.writeLocked(time.Unix(0, 0), flow(transport.UDP), false, []byte(text))
			if cost(text) > len(b.buf) {
				continue
			}
			want, used = append(want, text), used+cost(text)
			for used > len(b.buf) {
				want, used = want[1:], used-cost(want[0])
			}
		}
		var got []string
		for _, e := range b.read(nil) {
			got = append(got, e.raw)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Readers see whole messages while writers overwrite them.
func TestReadersAndWritersTogether(t *testing.T) {
	r := New(64 << 10)
	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for i := range 5000 {
				r.Saw(time.Now(), flow(transport.TCP), i%2 == 0, request("INVITE", i))
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		for _, e := range r.entries() {
			if !strings.HasPrefix(e.raw, "INVITE ") || !strings.HasSuffix(e.raw, "\r\n\r\n") || e.size != len(e.raw) {
				t.Fatalf("got %q", e.raw)
			}
		}
	}
	if c := r.Counters(); c.Sent[message.INVITE][0] != 10_000 || c.Received[message.INVITE][0] != 10_000 {
		t.Errorf("got %d sent and %d received, want 10000 each", c.Sent[message.INVITE][0], c.Received[message.INVITE][0])
	}
}

func TestWithoutMemoryItCounts(t *testing.T) {
	r := New(0)
	r.Saw(time.Now(), flow(transport.UDP), true, request("INVITE", 1))
	if n := len(r.entries()); n != 0 || r.Counters().Sent[message.INVITE][0] != 1 {
		t.Errorf("got %d messages and %v, want none and one counted", n, r.Counters().Sent[message.INVITE])
	}
}

func TestSniff(t *testing.T) {
	for _, tt := range []struct {
		raw    string
		method message.Method
		class  int
	}{
		{"INVITE sip:a SIP/2.0\r\n\r\n", message.INVITE, 0},
		{"\r\n\r\nSUBSCRIBE sip:a SIP/2.0\r\n\r\n", message.SUBSCRIBE, 0},
		{"SIP/2.0 180 Ringing\r\nCall-ID: x\r\nCSeq: 4711  INVITE\r\n\r\n", message.INVITE, 1},
		{"SIP/2.0 407 No\r\nCSeq:\t1 REGISTER\r\n", message.REGISTER, 4},
		{"SIP/2.0 486 Busy\r\nTo: x\r\n\r\n", message.Unknown, 4},
		{"SIP/2.0 999 What\r\nCSeq: 1 BYE\r\n\r\n", message.BYE, 0},
		{"SIP/2.0 ", message.Unknown, 0},
		{"SIP/2.0 200 OK\r\nCSeq: 1", message.Unknown, 2},
		{"invite sip:a SIP/2.0", message.Unknown, 0},
		{"", message.Unknown, 0},
		{"\r\n", message.Unknown, 0},
		{"\x00\xff", message.Unknown, 0},
	} {
		if m, class := sniff([]byte(tt.raw)); m != tt.method || class != tt.class {
			t.Errorf("%q: got %v %d, want %v %d", tt.raw, m, class, tt.method, tt.class)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	r, f, raw, now := New(1<<20), flow(transport.UDP), request("INVITE", 1), time.Now()
	if n := testing.AllocsPerRun(1000, func() { r.Saw(now, f, true, raw) }); n != 0 {
		t.Errorf("got %v allocations a message", n)
	}
}

// What one message costs beside the time that is asked for once for each.
func BenchmarkSaw(b *testing.B) {
	f := flow(transport.UDP)
	raw := fmt.Appendf(nil, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabcdefghijklmnop\r\n"+
		"From: <sip:201@tel.example.net>;tag=abcdef\r\nTo: <sip:202@tel.example.net>;tag=1234\r\n"+
		"Call-ID: 77asjd6kaj@192.0.2.1\r\nCSeq: 1 INVITE\r\nContent-Length: 500\r\n\r\n%0500d", 0)
	r, now := New(8<<20), time.Now()
	b.ReportAllocs()
	began := cpuTime()
	for b.Loop() {
		r.Saw(now, f, true, raw)
	}
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op") // also where others compute too
}

// cpuTime returns what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // its own process it can see
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
