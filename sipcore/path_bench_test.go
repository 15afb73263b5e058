package sipcore

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/proxy"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
	"carillon/test/house/wire"
)

// The benchmarks of this file are what one request costs this program, from the
// bytes that a socket gave to the bytes that it gets: the kernel and the
// wake-ups are left out. As many phones as crowd take each step in turns, so
// that nothing stays warm that would not stay so in a running server.
const crowd = 2000

// A path is a server whose phones are flows in memory.
type path struct {
	*Server
	b     *testing.B
	kind  transport.Kind
	phone transport.Flow // where the requests come from
	bob   transport.Flow // who is called
	sent  [][]byte       // what phone got
	heard [][]byte       // what bob got
	room  []byte         // of all that was sent
	cpu   time.Duration
}

// wired finds bob in memory, where package transport has no way to.
type wired struct {
	phones
	p *path
}

func (w wired) Locate(user, device string) (proxy.Way, bool) {
	way, ok := w.phones.Locate(user, device)
	way.Flow = w.p.bob
	return way, ok
}

func newPath(b *testing.B, k transport.Kind) *path {
	b.Helper()
	c := store.Config{
		Domain: "rig.test",
		Sites:  []store.Site{{Name: "rig", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true}},
		Users:  []store.User{{Number: "alice", Site: "rig"}, {Number: "bob", Site: "rig"}},
	}
	for i := range crowd {
		c.Users = append(c.Users, store.User{Number: number(i), Site: "rig", Digests: store.MakeDigests(number(i), c.Domain, "pw")})
	}
	at := netip.MustParseAddr("127.83.12.9")
	s, err := Open(Options{
		Node: "rig", Listen: at, Store: store.New(store.NewView(c)), Bindings: live.NewBindings("rig", nil),
		Calls: live.NewCalls(), Key: [32]byte{1}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	p := &path{Server: s, b: b, kind: k}
	us := netip.AddrPortFrom(at, DefaultPort)
	p.phone = transport.Memory(k, us, netip.MustParseAddrPort("127.0.0.1:6060"), p.keep(&p.sent))
	p.bob = transport.Memory(k, us, netip.MustParseAddrPort("127.0.0.50:5070"), p.keep(&p.heard))
	located := phones{node: "rig", view: s.o.Store.View, bindings: s.o.Bindings, transport: s.transport}
	s.proxy = proxy.New(s.proxyOptions(wired{located, p}, auth.NewSealer([32]byte{1}, "rig")))
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.wheel.Run(ctx) })
	b.Cleanup(func() { stop(); running.Wait(); _ = s.Close() })
	return p
}

func number(i int) string { return fmt.Sprintf("u%05d", i) }

// keep puts aside what is sent, without an allocation of its own.
func (p *path) keep(to *[][]byte) func([]byte, netip.AddrPort) error {
	p.room = make([]byte, 0, 4<<20)
	return func(raw []byte, _ netip.AddrPort) error {
		at := len(p.room)
		p.room = append(p.room, raw...)
		*to = append(*to, p.room[at:])
		return nil
	}
}

// take hands over requests or responses as the transport does.
func (p *path) take(f transport.Flow, texts [][]byte) {
	p.sent, p.heard, p.room = p.sent[:0], p.heard[:0], p.room[:0]
	for _, text := range texts {
		m, err := message.ParseFrom(text, f.Remote())
		if err != nil {
			p.b.Fatalf("%v in %s", err, text)
		}
		receiver{p.Server}.Receive(f, m)
	}
}

// took is take, timed.
func (p *path) took(f transport.Flow, texts [][]byte) {
	runtime.GC()
	before := used(p.b)
	p.b.StartTimer()
	p.take(f, texts)
	p.b.StopTimer()
	p.cpu += used(p.b) - before
}

// used is the CPU time of this process, which others on the machine do not
// change as they change the time that passes.
func used(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// came checks what was sent to one side and returns it as messages.
func (p *path) came(to *[][]byte, what string) []wire.Message {
	p.b.Helper()
	all := make([]wire.Message, 0, crowd)
	for _, raw := range *to {
		m, err := wire.Parse(string(raw))
		if err != nil {
			p.b.Fatal(err)
		}
		if strings.Contains(m.Start, what) {
			all = append(all, m)
		} else if !strings.Contains(m.Start, "100 Trying") {
			p.b.Fatalf("got %s, want %s", m, what)
		}
	}
	if len(all) != crowd {
		p.b.Fatalf("got %d of %s, want %d", len(all), what, crowd)
	}
	return all
}

// turns lets every phone take its turn until there were b.N; -benchtime is best
// given as a multiple of crowd.
func (p *path) turns(turn func(lap int)) {
	p.b.Helper()
	p.b.ReportAllocs()
	p.b.ResetTimer()
	p.b.StopTimer()
	p.cpu = 0
	for lap := 0; lap*crowd < p.b.N; lap++ {
		turn(lap)
	}
	p.b.ReportMetric(float64(p.cpu)/float64(p.b.N), "cpu-ns/op")
}

// crowded makes a message for each phone.
func crowded(text func(i int) string) [][]byte {
	all := make([][]byte, crowd)
	for i := range all {
		all[i] = []byte(text(i))
	}
	return all
}

const allow = "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE"

func (p *path) via(branch string) string {
	return fmt.Sprintf("SIP/2.0/%s 127.0.0.1:6060;branch=z9hG4bK-%s;rport", strings.ToUpper(p.kind.String()), branch)
}

// register is what the comparison rig sends.
func (p *path) register(i, cseq int, callID, authorization string) string {
	if authorization != "" {
		authorization = "Authorization: " + authorization + "\r\n"
	}
	return fmt.Sprintf("REGISTER sip:rig.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@rig.test>;tag=4711t%d\r\n"+
		"To: <sip:%[2]s@rig.test>\r\nCall-ID: %[4]s\r\nCSeq: %[5]d REGISTER\r\n"+
		"Contact: <sip:%[2]s@127.0.0.1:6060;transport=%[6]s>;expires=3600\r\n%[7]sUser-Agent: Yealink SIP-T46S 66.86.0.15\r\nAllow: %[8]s\r\n"+
		"Supported: path, replaces\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
		p.via(fmt.Sprint(callID, "-", cseq)), number(i), i, callID, cseq, p.kind, authorization, allow)
}

// proved are REGISTERs with the answers to the challenges that others got.
func (p *path) proved(lap, cseq int) [][]byte {
	p.take(p.phone, crowded(func(i int) string { return p.register(i, cseq, callID(lap, i), "") }))
	challenges := p.came(&p.sent, "401")
	return crowded(func(i int) string {
		answer, err := wire.Credentials{User: number(i), Password: "pw"}.Answer(challenges[i].Get("WWW-Authenticate"), "REGISTER", "sip:rig.test")
		if err != nil {
			p.b.Fatal(err)
		}
		return p.register(i, cseq+1, callID(lap, i), answer)
	})
}

func callID(lap, i int) string { return fmt.Sprintf("%d-%d@127.0.0.1", lap, i) }

func transports(b *testing.B, bench func(p *path)) {
	b.Helper()
	for _, k := range []transport.Kind{transport.UDP, transport.TCP} {
		b.Run(k.String(), func(b *testing.B) { bench(newPath(b, k)) })
	}
}

// A REGISTER without an answer to a challenge.
func BenchmarkChallenge(b *testing.B) {
	transports(b, func(p *path) {
		p.turns(func(lap int) {
			p.took(p.phone, crowded(func(i int) string { return p.register(i, 1, callID(lap, i), "") }))
			p.came(&p.sent, "401")
		})
	})
}

// A phone that comes for the first time.
func BenchmarkRegister(b *testing.B) {
	transports(b, func(p *path) {
		p.turns(func(lap int) {
			texts := p.proved(lap, 1)
			p.o.Bindings.Expire(time.Now().Add(time.Hour))
			p.took(p.phone, texts)
			p.came(&p.sent, "200")
		})
	})
}

// A phone that comes again.
func BenchmarkRefresh(b *testing.B) {
	transports(b, func(p *path) {
		p.turns(func(lap int) {
			p.took(p.phone, p.proved(0, 2*lap+1))
			p.came(&p.sent, "200")
		})
	})
}

// A call from its INVITE to the end of its BYE: the caller sends three messages
// and the callee three.
func BenchmarkCallPath(b *testing.B) {
	transports(b, func(p *path) {
		p.turns(func(lap int) {
			invites := p.ring(lap)
			p.took(p.bob, crowded(func(i int) string { return answer(invites[i], 200, sdp) }))
			answers := p.came(&p.sent, "200")
			p.took(p.phone, crowded(func(i int) string { return p.within("ACK", 1, answers[i]) }))
			p.came(&p.heard, "ACK")
			p.took(p.phone, crowded(func(i int) string { return p.within("BYE", 2, answers[i]) }))
			byes := p.came(&p.heard, "BYE")
			p.took(p.bob, crowded(func(i int) string { return answer(byes[i], 200, "") }))
			p.came(&p.sent, "200")
		})
		if n := p.o.Calls.Count(); n != 0 {
			p.b.Errorf("%d calls are left", n)
		}
	})
}

// What a call that rings keeps (live-B/op) and has used up (B/op).
func BenchmarkRinging(b *testing.B) {
	transports(b, func(p *path) {
		before := inUse()
		p.turns(func(lap int) { p.ring(lap) })
		p.sent, p.heard = nil, nil
		p.b.ReportMetric(float64(inUse()-before)/float64(p.b.N), "live-B/op")
	})
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC() // a pool outlives one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// ring lets bob's phone ring and returns what it heard.
func (p *path) ring(lap int) []wire.Message {
	p.b.Helper()
	p.o.Bindings.Put(live.Binding{
		User: "bob", Device: "c:bob", Contact: "sip:bob@127.0.0.50:5070;transport=" + p.kind.String(), Transport: p.kind.String(),
		Flow: p.bob.ID(), Source: p.bob.Remote(), Local: p.bob.Local(), Granted: time.Hour, Expires: time.Now().Add(time.Hour),
	})
	p.took(p.phone, crowded(func(i int) string { return p.invite(callID(lap, i)) }))
	invites := p.came(&p.heard, "INVITE")
	p.took(p.bob, crowded(func(i int) string { return answer(invites[i], 180, "") }))
	p.came(&p.sent, "180")
	return invites
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 9 8 0 101\r\n" +
	"a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"

// invite is what the comparison rig sends.
func (p *path) invite(callID string) string {
	return fmt.Sprintf("INVITE sip:bob@rig.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@rig.test>;tag=4711u%s\r\n"+
		"To: <sip:bob@rig.test>\r\nCall-ID: %[2]s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:6060;transport=%[3]s>\r\n"+
		"User-Agent: Yealink SIP-T46S 66.86.0.15\r\nAllow: %[4]s\r\nSupported: replaces\r\nContent-Type: application/sdp\r\n"+
		"Content-Length: %[5]d\r\n\r\n%[6]s", p.via(callID+"-1"), callID, p.kind, allow, len(sdp), sdp)
}

// within is a request of the caller inside the call that was answered.
func (p *path) within(method string, cseq int, answer wire.Message) string {
	m := wire.Message{Start: method + " " + wire.AddrURI(answer.Get("Contact")) + " SIP/2.0"}
	m.Add("Via", p.via(answer.Get("Call-ID")+"-"+method))
	for _, route := range slices.Backward(answer.All("Record-Route")) {
		m.Add("Route", route)
	}
	m.Add("Max-Forwards", "70")
	for _, name := range []string{"From", "To", "Call-ID"} {
		m.Add(name, answer.Get(name))
	}
	m.Add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	return m.String()
}

// answer is a response of the callee.
func answer(to wire.Message, status int, body string) string {
	m := to.Reply(status, "Because", "4711s1")
	if to.Method() == "INVITE" {
		m.Add("Contact", "<sip:bob@127.0.0.50:5070>")
	}
	if m.Body = body; body != "" {
		m.Add("Content-Type", "application/sdp")
	}
	return m.String()
}
