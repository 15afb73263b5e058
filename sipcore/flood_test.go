package sipcore_test

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"carillon/store"
)

// A flood is more requests than a node can handle, from a network of its own.
type flood struct {
	stop    chan struct{}
	wg      sync.WaitGroup
	refused atomic.Int64 // 503 with Retry-After that it has read
}

// newFlood sends INVITEs to a user as fast as the kernel takes them, from
// several sockets.
func newFlood(tb testing.TB, s *station, user string) *flood {
	tb.Helper()
	f := &flood{stop: make(chan struct{})}
	for range 4 {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.addr, 5060)))
		if err != nil {
			tb.Fatal(err)
		}
		f.wg.Go(func() { f.sends(c, user) })
		f.wg.Go(func() { f.reads(c) })
	}
	return f
}

func (f *flood) sends(c *net.UDPConn, user string) {
	defer func() { _ = c.Close() }()
	before, behind, _ := strings.Cut(fmt.Sprintf("INVITE sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK*\r\nMax-Forwards: 70\r\n"+
		"From: <sip:carol@%s>;tag=f\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContact: <sip:carol@%s>\r\nContent-Length: 0\r\n\r\n",
		user, domain, c.LocalAddr(), domain, user, domain, rand.Text(), c.LocalAddr()), "*")
	for i := 0; ; i++ {
		select {
		case <-f.stop:
			return
		default:
			_, _ = c.Write([]byte(before + strconv.Itoa(i) + behind)) // what is lost is lost
		}
	}
}

func (f *flood) reads(c *net.UDPConn) {
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if text := string(b[:n]); strings.HasPrefix(text, "SIP/2.0 503 ") && strings.Contains(text, "\r\nRetry-After: ") {
			f.refused.Add(1)
		}
	}
}

func (f *flood) ends() {
	close(f.stop)
	f.wg.Wait()
}

// TestCallsGoOnUnderOverload: more calls come than the node can handle. Some of
// them are refused, with a time to come back; whoever talks already does not
// notice, and may hang up; an emergency call gets through; when it is over
// everybody may call again.
func TestCallsGoOnUnderOverload(t *testing.T) {
	s := townOf(t, store.Site{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, CallsTrusted: true})
	alice, bob := s.phone("alice", "a"), s.phone("bob", "b")
	var calls [5][2]*side
	for i := range calls {
		calls[i][0], calls[i][1] = connect(alice, bob)
	}
	f := newFlood(t, s, "nobody")
	eventually(t, "new calls are refused", func() bool { return s.Refusals().Overload > 100 && f.refused.Load() > 0 })
	for _, c := range calls[1:] {
		c[0].within("INFO")
		c[1].replies(c[1].gets("INFO"), 200)
		c[0].gets("200")
		hangsUp(c[1], c[0])
	}
	for range 5 { // of five, without the exception, one would be refused
		m := alice.request("INVITE", "sip:112@"+domain, "<sip:112@"+domain+">", rand.Text())
		m.Add("Contact", "<"+alice.contact()+">")
		alice.send(m)
		alice.send(ackOf(m, alice.gets("480"))) // there is no trunk
	}
	during := s.Refusals().Overload
	f.ends()
	eventually(t, "a call of anybody gets through", func() bool { return s.Counters().Refusing == 0 })
	newcomer, _ := connect(alice, bob)
	hangsUp(calls[0][0], calls[0][1])
	newcomer.within("BYE")
	bye := bob.gets("BYE")
	bob.replies(bye, 200)
	alice.gets("200")
	t.Logf("%d new requests were refused, %d refusals were read", during, f.refused.Load())
}
