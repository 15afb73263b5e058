package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	udpBuffer = 4 << 20   // of each UDP socket, both ways: a burst of a whole site's phones
	tcpUnsent = 256 << 10 // in the kernel for a peer that does not read; doubled by Linux
)

// Dead TCP peers are noticed by the kernel: a quiet one is probed, and after
// userTimeout without an acknowledgement the connection ends.
const (
	keepIdle     = 30     // s
	keepInterval = 5      // s
	keepCount    = 4      // probes
	userTimeout  = 20_000 // ms
)

// A door is a listening socket and what comes in by it.
type door struct {
	*net.TCPListener

	kind   Kind
	served bool // accept runs; of those for browsers
}

// listen binds UDP, TCP and TLS for each address family in use.
func (l *Layer) listen() error {
	if l.opts.Indoors {
		return nil
	}
	for _, addr := range l.families() {
		err := l.listenOn(addr)
		if err == nil || l.canDoWithout(addr, err) {
			continue
		}
		return err
	}
	return nil
}

// families returns the addresses to bind. Both families have a socket of their
// own, so that no IPv4 address is ever seen mapped into IPv6.
func (l *Layer) families() []netip.Addr {
	if l.opts.Addr.IsValid() {
		return []netip.Addr{l.opts.Addr}
	}
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// canDoWithout reports whether err means that the machine has no IPv6, which
// matters only to who asked for it.
func (l *Layer) canDoWithout(addr netip.Addr, err error) bool {
	none := errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
	return none && addr.Is6() && !l.opts.Addr.IsValid()
}

// listenOn binds all transports of phones on one address.
func (l *Layer) listenOn(addr netip.Addr) error {
	p, err := l.bind(addr)
	if p.udp != nil {
		l.udp = append(l.udp, p.udp)
	}
	l.doors = append(l.doors, p.doors...)
	return err
}

// A place is one address that is listened on.
type place struct {
	addr  netip.Addr
	udp   *udpSocket
	doors []door
}

// bind binds all transports of phones on one address; what was opened before an
// error is returned with it.
func (l *Layer) bind(addr netip.Addr) (p place, err error) {
	p.addr = addr
	at := net.JoinHostPort(addr.String(), strconv.Itoa(int(l.opts.Port)))
	udpConfig := net.ListenConfig{Control: control(func(fd int) error { return setUDP(fd, addr) })}
	pc, err := udpConfig.ListenPacket(context.Background(), "udp"+family(addr), at)
	if err != nil {
		return p, fmt.Errorf("listening on %s: %w", at, err)
	}
	s, err := newUDPSocket(l, pc.(*net.UDPConn), addr) //nolint:forcetypeassert // of a udp network
	if err != nil {
		return p, errors.Join(err, pc.Close())
	}
	p.udp = s
	for _, k := range []Kind{TCP, TLS} {
		if k == TLS && l.opts.Certificate == nil {
			continue
		}
		ln, e := listenTCP(addr, l.Ports().Of(k))
		if e != nil {
			return p, e
		}
		p.doors = append(p.doors, door{TCPListener: ln, kind: k})
	}
	return p, nil
}

// close gives back what bind bound.
func (p place) close() {
	for _, d := range p.doors {
		_ = d.Close() // nothing is lost with a listener
	}
	if p.udp != nil {
		_ = p.udp.pc.Close() // datagrams are not buffered by us
	}
}

func listenTCP(addr netip.Addr, port uint16) (*net.TCPListener, error) {
	at := net.JoinHostPort(addr.String(), strconv.Itoa(int(port)))
	config := net.ListenConfig{Control: control(setTCP), KeepAlive: -1} // setTCP does it, once for all
	ln, err := config.Listen(context.Background(), "tcp"+family(addr), at)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", at, err)
	}
	return ln.(*net.TCPListener), nil //nolint:forcetypeassert // of a tcp network
}

// family returns the suffix that makes net keep to one address family.
func family(addr netip.Addr) string {
	if addr.Is4() {
		return "4"
	}
	return "6"
}

// control adapts set, which acts on a socket, to net.ListenConfig and net.Dialer.
func control(set func(fd int) error) func(string, string, syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		cerr := raw.Control(func(fd uintptr) { err = set(int(fd)) })
		return errors.Join(cerr, err)
	}
}

// setUDP sizes the buffers, and asks for each datagram's destination where it
// is not known beforehand.
func setUDP(fd int, addr netip.Addr) error {
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF)
	switch {
	case !addr.IsUnspecified():
		return nil
	case addr.Is4():
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	default:
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
}

// setBuffer asks for udpBuffer, beyond the system's maximum if we may; a smaller
// buffer is no reason not to run.
func setBuffer(fd, force, ask int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, udpBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, ask, udpBuffer)
	}
}

// setTCP prepares a connection, or a listener, whose connections inherit it.
func setTCP(fd int) error {
	for _, o := range [...]struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_SNDBUF, tcpUnsent},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepIdle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepInterval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepCount},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("setting socket option %d: %w", o.name, err)
		}
	}
	return nil
}
