//go:build long

package lab

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"carillon/test/house/wire"
	"carillon/test/tool"
)

// TestMillionJunkSources takes minutes, so it is asked for:
//
//	go test -tags long -v -run TestMillionJunkSources ./test/lab
//
// A million sources that send one message each, of all the kinds that scanners
// send, leave nothing behind: whoever they are to it, the node soon has what it had
// before the first of them, and answers as before.
func TestMillionJunkSources(t *testing.T) {
	const sources, most = 1_000_000, 10 << 20
	for _, tt := range []struct{ name, network string }{
		{"everybody may be a phone", ""},
		{"they are in no network of ours", "127.0.0.1/32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := StartFor(t, tool.Carillon(t), tt.network, []string{"alice"})
			j := newJunk(t, n)
			j.isRead(0)
			before, began := n.Resident(), time.Now()
			j.from(1, sources)
			t.Logf("%d MB before, %d MB behind a million sources in %v", before>>20, n.Resident()>>20, time.Since(began).Round(time.Second))
			n.eventually("a node at rest has at most 10 MB more than before", 3*time.Minute, func() bool { return n.Resident() <= before+most })
			t.Logf("%d MB after %v", n.Resident()>>20, time.Since(began).Round(time.Second))
			if got := n.Rows("registrations"); got != 0 {
				t.Errorf("got %d registrations, want none", got)
			}
		})
	}
}

// A junk sends from many addresses of 127.0.0.0/8, and now and then asks at its
// own whether all of it was read.
type junk struct {
	t    *testing.T
	to   unix.SockaddrInet4
	ping *wire.Conn
}

func newJunk(t *testing.T, n *Node) *junk {
	t.Helper()
	ping, err := wire.DialFrom(netip.MustParseAddr("127.0.0.1"), "udp", netip.AddrPortFrom(n.Addr, 5060))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ping.Close() })
	return &junk{t, unix.SockaddrInet4{Port: 5060, Addr: n.Addr.As4()}, ping}
}

// from sends one message of each of the sources from first up to last.
func (j *junk) from(first, last int) {
	j.t.Helper()
	const atOnce = 1000 // that the socket can hold while the node is busy
	for i := first; i < last; i++ {
		j.send(i)
		if i%atOnce == atOnce-1 {
			j.isRead(i)
		}
	}
}

// send sends from a socket of its own at the i-th address.
func (j *junk) send(i int) {
	j.t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		j.t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	at := [4]byte{127, 1 + byte(i>>16)&31, byte(i >> 8), byte(i)}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: at}); err != nil {
		j.t.Fatal(err)
	}
	_ = unix.Sendto(fd, junkText(i, netip.AddrFrom4(at)), 0, &j.to) // what is lost is lost
}

// junkText is what the i-th source sends.
func junkText(i int, at netip.Addr) []byte {
	name := strconv.FormatUint(rand.Uint64(), 36)
	lines := fmt.Sprintf("Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s\r\nFrom: <sip:%d@%s>;tag=%s\r\nTo: <sip:%d@%s>\r\nCall-ID: %s\r\n"+
		"User-Agent: friendly-scanner\r\nMax-Forwards: 70\r\nContact: <sip:%d@%s>\r\n", at, name, i, Domain, name, i, Domain, name, i, at)
	ask := func(method, uri string) []byte {
		return fmt.Appendf(nil, "%s %s SIP/2.0\r\n%sCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n", method, uri, lines, method)
	}
	switch i % 9 {
	case 0, 1, 2:
		return ask("REGISTER", "sip:"+Domain)
	case 3:
		return ask("INVITE", "sip:"+strconv.Itoa(i)+"@"+Domain)
	case 4:
		return ask("OPTIONS", "sip:"+Domain)
	case 5:
		return []byte(strings.Replace(string(ask("BYE", "sip:alice@"+Domain)), "To: <", "To: <sip:x@y>;tag="+name+"\r\nX: <", 1))
	case 6:
		return []byte("SIP/2.0 200 OK\r\n" + lines + "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
	case 7:
		return []byte("INVITE sip:alice@" + Domain + " SIP/2.0\r\nContent-Length: -1\r\n\r\n")
	}
	return []byte(name + name)
}

// isRead waits until the node has read what was sent before, but for what a busy
// one has given to other cores: some dozens at most.
func (j *junk) isRead(i int) {
	j.t.Helper()
	id := fmt.Sprintf("ping%d", i)
	text := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:p@%s>;tag=p\r\nTo: <sip:%s>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		Domain, j.ping.Local(), id, Domain, Domain, id)
	for range 20 { // it may be lost with others
		if err := j.ping.Write(text); err != nil {
			j.t.Fatal(err)
		}
		for {
			m, err := j.ping.Receive(500 * time.Millisecond)
			if err != nil {
				break
			}
			if m.Get("Call-ID") == id && m.Status() == 200 {
				return
			}
		}
	}
	j.t.Fatal("the node does not answer any more")
}
