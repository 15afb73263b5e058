package lab

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"carillon/cluster/link"
	"carillon/node/admin"
)

// Of each kind of outsider so many come to each node.
const outsiders = 4

// outsidersGetNothing: a stranger without a certificate, a removed node, a packet
// that comes twice and a forged one get nothing, at a main and at a LifeGUARD, and
// each is counted, exactly.
func outsidersGetNothing(s *System) {
	t := s.tb
	second := s.removedNode()
	h := s.Host("namur", "outsider")
	for _, pair := range [][2]string{{"mons-node", "laurel"}, {"laurel", "mons-node"}} {
		from, target := s.nodes[pair[0]], s.nodes[pair[1]]
		at := netip.AddrPortFrom(target.Addr, 7946)
		before := target.status().Refused
		visitors := map[string]*tls.Config{
			"a stranger":     {InsecureSkipVerify: true},
			"a removed node": {InsecureSkipVerify: true, Certificates: []tls.Certificate{second}},
		}
		for who, config := range visitors {
			for _, protocol := range []string{link.ProtocolSession, link.ProtocolRing, link.ProtocolAsk, link.ProtocolSIP} {
				config.NextProtos = []string{protocol}
				if err := h.from(func() error { return visit(at, config) }); err != nil {
					t.Errorf("%s at %s for %s: %v", who, target.name, protocol, err)
				}
			}
		}
		var sealed []byte
		err := target.host.from(func() (err error) { sealed, err = overhear(from.Addr, 20*time.Second); return err })
		if err != nil {
			t.Fatalf("no packet from %s to %s: %v", from.name, target.name, err)
		}
		forged := bytes.Clone(sealed)
		forged[len(forged)-1] ^= 1
		for what, packet := range map[string][]byte{"a packet that comes twice": sealed, "a forged one": forged} {
			if err = h.from(func() error { return sendsInVain(at, packet, outsiders) }); err != nil {
				t.Errorf("%s at %s: %v", what, target.name, err)
			}
		}
		want := before
		want.Strangers += outsiders
		want.Removed += outsiders
		want.Replayed += outsiders
		want.Forged += outsiders
		target.eventually("all are counted", 10*time.Second, func() bool { return target.status().Refused == want })
		t.Logf("at %s: %+v", target.name, counted(before, target.status().Refused))
		target.showsInFigures(want)
	}
}

// counted is what was counted since before.
func counted(before, after admin.Refused) admin.Refused {
	return admin.Refused{
		Strangers: after.Strangers - before.Strangers, Removed: after.Removed - before.Removed,
		Forged: after.Forged - before.Forged, Replayed: after.Replayed - before.Replayed,
	}
}

// removedNode has a node join and removes it, and returns its certificate, which it
// has been robbed of.
func (s *System) removedNode() tls.Certificate {
	t := s.tb
	s.join("mons", "mons-second", "lifeguard")
	n := s.nodes["mons-second"]
	n.Stop()
	delete(s.nodes, n.name)
	for _, name := range []string{"laurel", "mons-node"} {
		s.nodes[name].eventually("it knows the node", 20*time.Second, func() bool { return s.nodes[name].lists(n.name) })
	}
	if out, err := s.nodes["laurel"].command("node", "remove", n.name).CombinedOutput(); err != nil {
		t.Fatalf("removing a node: %v\n%s", err, out)
	}
	for _, name := range []string{"laurel", "mons-node"} {
		s.nodes[name].eventually("the node is removed", 20*time.Second, func() bool { return !s.nodes[name].lists(n.name) })
	}
	text, err := os.ReadFile(filepath.Join(n.data, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept struct{ Certificate []byte }
	if err = json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(kept.Certificate, kept.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// lists reports whether a node is a member, dead or alive.
func (n *Node) lists(name string) bool {
	var all []admin.Member
	n.Ask("members", &all)
	return slices.ContainsFunc(all, func(m admin.Member) bool { return m.Name == name })
}

// showsInFigures checks that Prometheus is told the same.
func (n *Node) showsInFigures(want admin.Refused) {
	out, err := n.command("metrics").Output()
	if err != nil {
		n.tb.Fatal(err)
	}
	for reason, count := range map[string]uint64{
		"stranger": want.Strangers, "revoked": want.Removed, "replay": want.Replayed, "bad_packet": want.Forged,
	} {
		line := fmt.Sprintf("carillon_cluster_refused_total{reason=%q} %d\n", reason, count)
		if !bytes.Contains(out, []byte(line)) {
			n.tb.Errorf("the figures of %s lack %s", n.name, line)
		}
	}
}

// overhear returns a sealed packet that comes from a node to the host's cluster
// port.
func overhear(from netip.Addr, within time.Duration) ([]byte, error) {
	ip := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_IP))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(ip))
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	patience := unix.NsecToTimeval(within.Nanoseconds())
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		return nil, err
	}
	b := make([]byte, 2048)
	for end := time.Now().Add(within); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(fd, b, 0)
		switch {
		case errors.Is(err, unix.EINTR): // by Go's scheduler
			continue
		case err != nil:
			return nil, err
		}
		if payload := sealedFrom(b[:n], from); payload != nil {
			return payload, nil
		}
	}
	return nil, errors.New("there was none")
}

// sealedFrom returns what a packet from a node to the cluster port carries, if it is
// data.
func sealedFrom(b []byte, from netip.Addr) []byte {
	const udp, data = 17, 0xD1
	if len(b) < 20 || b[9] != udp || netip.AddrFrom4([4]byte(b[12:16])) != from {
		return nil
	}
	b = b[int(b[0]&15)*4:]
	if len(b) < 8+link.Overhead || binary.BigEndian.Uint16(b[2:]) != 7946 || b[8] != data {
		return nil
	}
	return b[8:]
}

// sendsInVain sends a packet some times and returns an error if one is answered.
func sendsInVain(at netip.AddrPort, packet []byte, times int) error {
	conn, err := net.DialTimeout("udp", at.String(), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for range times {
		if _, err = conn.Write(packet); err != nil {
			return err
		}
	}
	if err = conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if n, err := conn.Read(make([]byte, 2000)); err == nil {
		return fmt.Errorf("got an answer of %d bytes", n)
	}
	return nil
}
