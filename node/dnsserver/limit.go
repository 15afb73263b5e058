package dnsserver

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// How many datagrams a second are answered. A source address proves nothing: who
// sends questions in another's name has us send him the answers, which are longer.
const (
	perPhone    = 200 // of one address in our networks
	perStranger = 20  // of all addresses of one network elsewhere
	mostSources = 8192
	slip        = 2 // of what is too much, each second one is told to come by TCP

	strangers4, strangers6 = 24, 56 // bits of what counts as one network
)

type verdict int

const (
	passed verdict = iota
	dropped
	slipped // answered with nothing but the word to come by TCP, which is no longer than the question
)

// A limiter counts the questions of this second.
type limiter struct {
	mu     sync.Mutex
	second int64
	counts map[netip.Prefix]int
}

// take counts a question.
func (l *limiter) take(from netip.Addr, known bool, now time.Time) verdict {
	bits, most := from.BitLen(), perPhone
	if !known {
		most = perStranger
		bits = strangers6
		if from.Is4() {
			bits = strangers4
		}
	}
	source, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return dropped
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second || l.counts == nil {
		l.second, l.counts = second, map[netip.Prefix]int{}
	}
	if _, counted := l.counts[source]; !counted && len(l.counts) >= mostSources {
		source = netip.Prefix{} // all who are too many count as one
	}
	l.counts[source]++
	switch n := l.counts[source]; {
	case n <= most, from.IsLoopback(): // this machine: nobody else can have sent it
		return passed
	case n%slip == 0:
		return slipped
	default:
		return dropped
	}
}

// bounded returns a listener that has so many connections at a time, and so many of
// one source; one more is closed at once.
func bounded(l net.Listener, most, mostOfOne int) net.Listener {
	return &boundedListener{Listener: l, most: most, mostOfOne: mostOfOne, of: make(map[netip.Prefix]int)}
}

type boundedListener struct {
	net.Listener

	most, mostOfOne int

	mu  sync.Mutex
	all int
	of  map[netip.Prefix]int // by source
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := hostOf(conn)
		if l.enter(source) {
			return &boundedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(source) })}, nil
		}
		_ = conn.Close()
	}
}

// hostOf is who is at the other end: one IPv4 address, or the /64 that one host
// can pick its IPv6 addresses from.
func hostOf(conn net.Conn) netip.Prefix {
	const host6 = 64
	a := addrOf(conn.RemoteAddr()).Addr().Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = host6
	}
	p, _ := a.Prefix(bits)
	return p
}

func (l *boundedListener) enter(source netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.most || l.of[source] >= l.mostOfOne {
		return false
	}
	l.all++
	l.of[source]++
	return true
}

func (l *boundedListener) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.of[source]--; l.of[source] <= 0 {
		delete(l.of, source)
	}
}

type boundedConn struct {
	net.Conn

	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
