package quorum

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"carillon/cluster/link"
	"carillon/test/tool"
)

// A counted port knows the connections that it has dialled for Raft.
type counted struct {
	Port

	mu     sync.Mutex
	dialed map[string][]net.Conn // by node
}

func (c *counted) Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error) {
	conn, err := c.Port.Dial(ctx, node, at, protocol)
	if err == nil && protocol == link.ProtocolRaft {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.dialed[node] = append(c.dialed[node], conn)
	}
	return conn, err
}

// counts has the bytes counted that a main sends to others.
func (m *mains) counts(node string, role link.Role, port Port) Port {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.witness[node] = role == link.Witness
	m.counted[node] = &counted{Port: port, dialed: map[string][]net.Conn{}}
	return m.counted[node]
}

func (m *mains) isWitness(node string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.witness[node]
}

// bytes returns the bytes of IP, both directions, of what was dialled to a node:
// the kernel counts bytes of TCP and packets; a packet has 52 bytes of headers.
func (c *counted) bytes(t *testing.T, node string) (total uint64) {
	t.Helper()
	const headers = 20 + 32 // IPv4, TCP with timestamps
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.dialed[node] {
		below, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			t.Fatalf("%T does not say what is below", conn)
		}
		raw, err := below.NetConn().(*net.TCPConn).SyscallConn()
		if err != nil {
			continue // closed
		}
		_ = raw.Control(func(fd uintptr) {
			if i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				total += i.Bytes_sent + i.Bytes_received + headers*uint64(i.Segs_out+i.Segs_in)
			}
		})
	}
	return total
}

// TestIdleBytes counts what Raft says to a witness and to a main when nothing
// happens, and that it says nothing to a LifeGUARD.
func TestIdleBytes(t *testing.T) {
	m := witnessed(t)
	lead := m.leader()
	if lead == "cem" {
		t.Fatal("the witness leads")
	}
	follower := map[string]string{"ada": "bea", "bea": "ada"}[lead]
	port := m.counted[lead]
	const during = 10 * time.Second
	count := func() map[string]uint64 {
		all := make(map[string]uint64)
		for _, node := range []string{"cem", follower} {
			all[node] = port.bytes(t, node)
		}
		return all
	}
	time.Sleep(2 * time.Second) // what was decided last is told
	before := count()
	time.Sleep(during) // the time in which is counted
	after := count()
	perSecond := func(node string) float64 { return float64(after[node]-before[node]) / during.Seconds() }
	tool.Figure(t, "idle Raft on the line of a witness", perSecond("cem"), 1300, "B/s")
	t.Logf("idle Raft between two mains: %.0f B/s", perSecond(follower))
	tool.Figure(t, "idle Raft on the line of a LifeGUARD", float64(port.bytes(t, "mons")), 0, "B")
	if got := perSecond("cem"); got > 1300 || got == 0 {
		t.Errorf("a witness costs %.0f B/s, want at most 1300 and some", got)
	}
	if got := port.bytes(t, "mons"); got > 0 {
		t.Errorf("a LifeGUARD was sent %d bytes of Raft", got)
	}
	propose(t, m.up[lead].Quorum, "still")
}
