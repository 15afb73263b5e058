package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"carillon/sipcore/message"
	"carillon/sipcore/resolve"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/test/house/wire"
	"carillon/test/tool"
)

var hosts atomic.Uint32

// host returns a loopback address of this test's own, most likely.
func host() netip.Addr {
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, 128 | byte(pid>>8)&63, byte(pid), byte(1 + hosts.Add(1)%250)})
}

// A nameServer answers from a list of records; of names that begin with "dead" it
// says nothing.
type nameServer []dns.RR

func (z nameServer) ServeDNS(w dns.ResponseWriter, ask *dns.Msg) {
	if strings.Contains(ask.Question[0].Name, "dead") {
		return
	}
	reply := new(dns.Msg).SetReply(ask)
	for _, rr := range z {
		if q := ask.Question[0]; rr.Header().Name == q.Name && rr.Header().Rrtype == q.Qtype {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	_ = w.WriteMsg(reply)
}

// namesAt starts a name server and returns where.
func namesAt(t *testing.T, records ...string) string {
	t.Helper()
	var z nameServer
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		z = append(z, rr)
	}
	pc, err := net.ListenPacket("udp", host().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: pc, Handler: z}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = pc.Close() })
	return pc.LocalAddr().String()
}

// outdoors gives a patient sockets, and a name server for which it waits patience
// at most; 0 is what a node waits.
func outdoors(t *testing.T, names string, patience time.Duration) *patient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	wheel := transaction.NewWheel()
	p := newPatient(t, wheel)
	var err error
	p.proxy.o.Transport, err = transport.Open(transport.Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	p.proxy.o.Resolver = resolve.New(resolve.Options{Server: names, Timeout: patience})
	p.proxy.o.Peers = loner{}
	done := make(chan error, 2)
	go func() { done <- wheel.Run(ctx) }()
	go func() { done <- p.proxy.o.Transport.Run(ctx, p) }()
	t.Cleanup(func() {
		p.proxy.Close()
		cancel()
		if err := errors.Join(p.proxy.o.Transport.Close(), <-done, <-done); err != nil {
			t.Error(err)
		}
	})
	for errors.Is(isRunning(p.proxy.o.Transport), transport.ErrClosed) {
		time.Sleep(time.Millisecond)
	}
	return p
}

// isRunning is ErrClosed until the transport runs; then nobody listens where it
// dials.
func isRunning(l *transport.Layer) error {
	_, err := l.Dial(context.Background(), transport.TCP, netip.AddrPortFrom(host(), 9))
	return err
}

// loner is the Peers of a proxy that knows no other node.
type loner struct{ Peers }

func (loner) NodeAt(netip.Addr) (string, bool) { return "", false }

func (p *patient) Receive(f transport.Flow, m *message.Message)      { p.layer.Receive(f, m) }
func (p *patient) Malformed(transport.Flow, *message.Message, error) {}
func (p *patient) Closed(f transport.Flow)                           { p.layer.Closed(f) }

// A server answers every INVITE with one status, or does what else it is for.
type server struct {
	at      netip.AddrPort
	invites atomic.Int32
}

// What a server may do instead of answering; 0 is nothing.
const (
	hangsUp = -1 - iota
	refuses
	isDeaf
)

// serves starts a server that answers so.
func serves(t *testing.T, status int) *server {
	t.Helper()
	switch status {
	case isDeaf:
		return deaf(t)
	case refuses:
		return &server{at: netip.AddrPortFrom(host(), 5070)}
	}
	at, err := net.Listen("tcp", host().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = at.Close() })
	s := &server{at: netip.MustParseAddrPort(at.Addr().String())}
	go func() {
		for {
			conn, err := at.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, status)
		}
	}()
	return s
}

func (s *server) serve(conn net.Conn, status int) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		m, err := wire.Read(in)
		if err != nil {
			return
		}
		if m.Method() != "INVITE" {
			continue
		}
		s.invites.Add(1)
		switch status {
		case 0:
		case hangsUp:
			return
		default:
			_, _ = conn.Write([]byte(m.Reply(status, "Because", "s").String()))
		}
	}
}

// deaf is an address where connecting takes for ever: its backlog is full.
func deaf(t *testing.T) *server {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	at := netip.AddrPortFrom(host(), 5060)
	if err = errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Port: 5060, Addr: at.Addr().As4()}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c, err := net.DialTimeout("tcp", at.String(), 50*time.Millisecond); err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	return &server{at: at}
}

// TestTheNextServerOfAName: when the first server of a name (RFC 3263) cannot be
// reached, says nothing or is out of service, the call is at the second within
// four seconds, and the next call, within half a minute, at once.
func TestTheNextServerOfAName(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first int
	}{
		{"connecting takes for ever", isDeaf},
		{"it refuses", refuses},
		{"it says nothing", 0},
		{"it hangs up", hangsUp},
		{"it is out of service", 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first, second := serves(t, tt.first), serves(t, 486)
			p := outdoors(t, namesAt(t,
				fmt.Sprintf("_sip._tcp.phones.test. 60 IN SRV 1 0 %d one.phones.test.", first.at.Port()),
				fmt.Sprintf("_sip._tcp.phones.test. 60 IN SRV 2 0 %d two.phones.test.", second.at.Port()),
				"one.phones.test. 60 IN A "+first.at.Addr().String(), "two.phones.test. 60 IN A "+second.at.Addr().String()), 0)
			p.ways["bob"] = Way{Contact: "sip:bob@phones.test;transport=tcp", Dial: true, Kind: transport.TCP}
			p.isRefused(t, "one", 486, 4*time.Second)
			tried := first.invites.Load()
			p.isRefused(t, "two", 486, time.Second)
			if got := first.invites.Load(); got != tried || second.invites.Load() != 2 {
				t.Errorf("the first server got %d more INVITEs, the second %d in all, want 0 and 2", got-tried, second.invites.Load())
			}
		})
	}
}

// sends sends an INVITE.
func (p *patient) sends(t *testing.T, callID string) {
	t.Helper()
	m, err := message.ParseString(strings.NewReplacer("branch=z9hG4bKcaller", "branch=z9hG4bK"+callID, "patient", callID).Replace(inviteOfPatient))
	if err != nil {
		t.Fatal(err)
	}
	p.layer.Receive(p.caller, m)
}

// isRefused calls and waits for the final response.
func (p *patient) isRefused(t *testing.T, callID string, status int, within time.Duration) {
	t.Helper()
	p.mu.Lock()
	p.toCaller = nil
	p.mu.Unlock()
	began := tool.Start(t)
	p.sends(t, callID)
	want := fmt.Sprintf("100 %d", status)
	for got := ""; got != want; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		got = strings.Join(p.toCaller, " ")
		p.mu.Unlock()
		if took := began.Took(); took > within {
			t.Fatalf("after %v the caller has %q, want %q", took, got, want)
		}
	}
}

// TestDNSDelaysNobody: five hundred calls wait for a name server that is silent
// about whom they want; a call to a phone that is registered, and one to a name
// that is answered, notice nothing.
func TestDNSDelaysNobody(t *testing.T) {
	good := serves(t, 486)
	p := outdoors(t, namesAt(t, "good.test. 60 IN A "+good.at.Addr().String()), time.Minute)
	for i := range 500 {
		p.ways["bob"] = Way{Contact: fmt.Sprintf("sip:bob@dead%d.test;transport=tcp", i), Dial: true, Kind: transport.TCP}
		p.sends(t, fmt.Sprint("dead", i))
	}
	p.ways["bob"] = Way{Contact: fmt.Sprintf("sip:bob@good.test:%d;transport=tcp", good.at.Port()), Dial: true, Kind: transport.TCP}
	p.isRefused(t, "good", 486, 30*time.Second)
	p.ways["bob"] = Way{Flow: p.phone, Kind: transport.TCP, Contact: "sip:bob@127.0.0.3:1000;transport=tcp"}
	began := tool.Start(t)
	p.sends(t, "registered")
	for rang := false; !rang; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		rang = len(p.rings) > 0
		p.mu.Unlock()
		if took := began.Took(); took > 30*time.Second {
			t.Fatalf("the registered phone does not ring after %v", took)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.toCaller, " "); got != "100 486 100" {
		t.Errorf("at the end the callers have %q, want %q: somebody did not wait for the name server", got, "100 486 100")
	}
}
