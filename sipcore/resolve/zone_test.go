package resolve

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// A zone is a name server on loopback that answers from a list of records.
type zone struct {
	addr string

	mu       sync.Mutex
	records  []dns.RR
	rcode    map[string]int  // by name: answer this instead
	mute     map[uint16]bool // types that get no answer
	crammed  bool            // over UDP every answer is truncated
	hold     chan struct{}   // not nil: answers wait for it
	asked    map[string]int  // by "name TYPE"
	arriving chan struct{}   // gets one for each question, if there is room
}

// serve starts a name server that knows the records.
func serve(t *testing.T, records ...string) *zone {
	t.Helper()
	z := &zone{asked: map[string]int{}, rcode: map[string]int{}, mute: map[uint16]bool{}, arriving: make(chan struct{}, 100)}
	for _, text := range records {
		record, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		z.records = append(z.records, record)
	}
	packets, streams := listenBoth(t)
	z.addr = packets.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: streams, Handler: z}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return z
}

// own is a loopback address that no other process uses, most likely: at the
// common one, ports may be short.
func own() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 96+pid>>16&31, pid>>8&255, 1+pid&127)
}

// listenBoth binds a port over UDP and TCP. One that is free over UDP may be
// the end of somebody's connection.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 50 {
		packets, err := net.ListenPacket("udp", own()+":0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		_ = packets.Close()
	}
	t.Fatal("no port is free over UDP and TCP")
	return nil, nil
}

func (z *zone) change(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

// holdAnswers makes every question wait until the returned function is called.
func (z *zone) holdAnswers() (release func()) {
	hold := make(chan struct{})
	z.change(func() { z.hold = hold })
	return sync.OnceFunc(func() { close(hold) })
}

// count says how often a question was asked, "tel.example. A" for example, or
// any question at all for "".
func (z *zone) count(question string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	if question != "" {
		return z.asked[question]
	}
	sum := 0
	for _, n := range z.asked {
		sum += n
	}
	return sum
}

// ServeDNS answers one question.
func (z *zone) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	q := m.Question[0]
	z.mu.Lock()
	z.asked[fmt.Sprint(q.Name, " ", dns.TypeToString[q.Qtype])]++
	mute, hold := z.mute[q.Qtype], z.hold
	z.mu.Unlock()
	select {
	case z.arriving <- struct{}{}:
	default:
	}
	if hold != nil {
		<-hold
	}
	if mute {
		return
	}
	_ = w.WriteMsg(z.answer(m, w.LocalAddr().Network() == "udp"))
}

func (z *zone) answer(m *dns.Msg, udp bool) *dns.Msg {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := m.Question[0]
	reply := new(dns.Msg)
	reply.SetReply(m)
	reply.Rcode = z.rcode[q.Name]
	if reply.Truncated = udp && z.crammed; reply.Truncated {
		return reply
	}
	names := []string{q.Name}
	for _, record := range z.records {
		if alias, ok := record.(*dns.CNAME); ok && slices.Contains(names, alias.Hdr.Name) {
			reply.Answer = append(reply.Answer, alias)
			names = append(names, alias.Target)
		}
		if h := record.Header(); slices.Contains(names, h.Name) && h.Rrtype == q.Qtype {
			reply.Answer = append(reply.Answer, record)
		}
		if soa, ok := record.(*dns.SOA); ok && strings.HasSuffix(q.Name, soa.Hdr.Name) {
			reply.Ns = append(reply.Ns, soa)
		}
	}
	return reply
}
