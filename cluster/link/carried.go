package link

import (
	"crypto/tls"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Carried is what the line has carried, each way, in bytes as it sees them: of IP,
// with acknowledgements and what was sent again.
type Carried struct{ Out, In uint64 }

// Sum returns both ways together.
func (c Carried) Sum() uint64 { return c.Out + c.In }

func (c Carried) plus(d Carried) Carried { return Carried{c.Out + d.Out, c.In + d.In} }

// What the kernel does not count as the connection's: the handshake of a listening
// socket before it, the good-byes of both after it.
const (
	ipv4Head       = 20
	ipv6Head       = 40
	udpHead        = 8
	tcpHead        = 20
	timestamps     = 12
	beyondTheCount = 2 * (ipv4Head + tcpHead + timestamps)
)

// A ledger keeps what was carried to and from each node, by what for: the words of
// protocols, and those of classes of packets.
type ledger struct {
	mu    sync.Mutex
	nodes map[string]map[string]Carried
}

func (l *ledger) add(node, what string, c Carried) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.nodes == nil {
		l.nodes = map[string]map[string]Carried{}
	}
	if l.nodes[node] == nil {
		l.nodes[node] = map[string]Carried{}
	}
	l.nodes[node][what] = l.nodes[node][what].plus(c)
}

func (l *ledger) read(node string) map[string]Carried {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.nodes[node])
}

// Carried returns what the port has carried to and from a node since it was opened,
// by what for: "session", "ring", "hello", "ask", "raft", "sip", and "meet" for how
// they came to know each other. The connections that are open count.
func (p *Port) Carried(node string) map[string]Carried {
	all := p.conns.carried(node)
	for what, c := range p.ledger.read(node) {
		all[what] = all[what].plus(c)
	}
	return all
}

// word is what a protocol is called in a ledger.
func word(protocol string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(protocol, "carillon-"), "/")
	return name
}

const meeting = "meet"

// packetWord is what a class of packets is called in a ledger.
func packetWord(class byte) string {
	switch class {
	case 'h':
		return "hello"
	case 'r':
		return "ring"
	}
	return "packet"
}

// onLine returns what the line carries for a packet.
func onLine(packet int, at netip.Addr) uint64 {
	head := ipv6Head
	if at.Unmap().Is4() {
		head = ipv4Head
	}
	return uint64(head + udpHead + packet) //nolint:gosec // not negative
}

// Carried returns what the line has carried for the connection, with what waits to
// be sent. It is nothing when the connection is closed.
func (c *conn) Carried() Carried { return carriedBy(c.Conn) }

func carriedBy(c *tls.Conn) Carried {
	raw := c.NetConn()
	if s, ok := raw.(*stranger); ok {
		raw = s.Conn
	}
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return Carried{}
	}
	socket, err := tcp.SyscallConn()
	if err != nil {
		return Carried{}
	}
	var info *unix.TCPInfo
	var asking error
	if err = socket.Control(func(fd uintptr) {
		info, asking = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); err != nil || asking != nil {
		return Carried{}
	}
	return counted(info, addressOf(c).Addr())
}

func counted(info *unix.TCPInfo, far netip.Addr) Carried {
	const withTimestamps = 1 // TCPI_OPT_TIMESTAMPS
	head := uint64(tcpHead + ipv6Head)
	if far.Unmap().Is4() {
		head = tcpHead + ipv4Head
	}
	if info.Options&withTimestamps != 0 {
		head += timestamps
	}
	return Carried{
		Out: head*uint64(info.Segs_out) + info.Bytes_sent + uint64(info.Notsent_bytes),
		In:  head*uint64(info.Segs_in) + info.Bytes_received,
	}
}
