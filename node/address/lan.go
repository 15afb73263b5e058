package address

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A language is how an address of one family is asked and told about on a LAN.
type language interface {
	probe(self mac) (packet []byte, group mac)
	announce(self mac) (packet []byte, group mac)
	read(packet []byte, from mac) (s sighting, about bool)
}

// A lan is the interface of this machine that the address belongs on, and a
// socket for what is said of it there.
type lan struct {
	language

	name  string
	index int
	self  mac
	link  netlink.Link
	one   netlink.Addr // the address, alone: it never stands for the network
	proto uint16       // in the order of the network
	file  *os.File
	raw   syscall.RawConn
}

// openLAN finds the interface that is in the network of the address, and listens.
func openLAN(address netip.Prefix) (*lan, error) {
	found, err := interfaceIn(address)
	if err != nil {
		return nil, err
	}
	a := address.Addr()
	l := &lan{name: found.Name, index: found.Index, self: mac(found.HardwareAddr), language: arp{a}, proto: htons(unix.ETH_P_ARP)}
	if !a.Is4() {
		l.language, l.proto = ndp{a}, htons(unix.ETH_P_IPV6)
	}
	l.one.IPNet = &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
	if l.link, err = netlink.LinkByIndex(l.index); err != nil {
		return nil, fmt.Errorf("looking at %s: %w", l.name, err)
	}
	if err = l.listen(a); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", l.name, err)
	}
	return l, nil
}

// interfaceIn returns the interface that has another address of the network.
func interfaceIn(address netip.Prefix) (net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return net.Interface{}, fmt.Errorf("listing the interfaces: %w", err)
	}
	for _, i := range all {
		addrs, _ := i.Addrs() // one that is just gone has none
		for _, a := range addrs {
			p, e := netip.ParsePrefix(a.String())
			if e == nil && len(i.HardwareAddr) == len(mac{}) && address.Contains(p.Addr().Unmap()) && p.Addr().Unmap() != address.Addr() {
				return i, nil
			}
		}
	}
	return net.Interface{}, fmt.Errorf("no interface of this machine is in %s", address.Masked())
}

func (l *lan) listen(a netip.Addr) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err = l.tune(fd, a); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	l.file = os.NewFile(uintptr(fd), "the LAN "+l.name)
	l.raw, err = l.file.SyscallConn()
	return err //nolint:wrapcheck // the caller says what for
}

// tune has the socket hear what is about addresses, and no more.
func (l *lan) tune(fd int, a netip.Addr) error {
	if l.proto == htons(unix.ETH_P_IPV6) {
		if err := l.tuneIPv6(fd, a); err != nil {
			return err
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: l.proto, Ifindex: l.index}))
}

// tuneIPv6 filters what is no word about neighbours, and joins the group in
// which others ask.
func (l *lan) tuneIPv6(fd int, a netip.Addr) error {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: at}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	filter := []unix.SockFilter{
		load(6), unless(icmpv6, 4), //nolint:mnd // the next header
		load(headerLength),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: solicitation, Jt: 1},
		unless(advertisement, 1),
		{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
		{Code: unix.BPF_RET | unix.BPF_K},
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}); err != nil { //nolint:gosec // seven
		return os.NewSyscallError("setsockopt", err)
	}
	group := multicast(ndp{a}.solicited())
	member := unix.PacketMreq{Ifindex: int32(l.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(group))} //nolint:gosec // an index
	copy(member.Address[:], group[:])
	return os.NewSyscallError("setsockopt", unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member))
}

func htons(n uint16) uint16 { return n<<8 | n>>8 }

// plugged reports whether the line is: there is somebody at the other end.
func (l *lan) plugged() (bool, error) {
	link, err := netlink.LinkByIndex(l.index)
	if err != nil {
		return false, fmt.Errorf("looking at %s: %w", l.name, err)
	}
	const both = unix.IFF_UP | unix.IFF_LOWER_UP
	return link.Attrs().RawFlags&both == both, nil
}

// set has the kernel have the address for its lifetime from now on.
func (l *lan) set() error {
	a := l.one
	a.ValidLft, a.PreferedLft = int(lifetime/time.Second), int(lifetime/time.Second)
	if !l.is4() {
		a.Flags = unix.IFA_F_NODAD // nobody has it: that was asked
	}
	return netlink.AddrReplace(l.link, &a) //nolint:wrapcheck // explained by who calls
}

// unset takes it back; it may be gone already.
func (l *lan) unset() { _ = netlink.AddrDel(l.link, &l.one) }

func (l *lan) is4() bool { return l.proto == htons(unix.ETH_P_ARP) }

// ask sends a probe, to one machine or, if to is zero, to all.
func (l *lan) ask(to mac) {
	packet, group := l.probe(l.self)
	if to == (mac{}) {
		to = group
	}
	l.send(packet, to)
}

// tell sends an announcement.
func (l *lan) tell() { l.send(l.announce(l.self)) }

// send sends what may be lost: it is sent again.
func (l *lan) send(packet []byte, to mac) {
	at := &unix.SockaddrLinklayer{Protocol: l.proto, Ifindex: l.index, Halen: uint8(len(to))}
	copy(at.Addr[:], to[:])
	_ = l.raw.Write(func(fd uintptr) bool {
		_ = unix.Sendto(int(fd), packet, 0, at)
		return true
	})
}

// listenTo passes on what others say of the address until the socket is closed
// or ctx ends.
func (l *lan) listenTo(ctx context.Context, hear chan<- sighting) {
	packet := make([]byte, 512) //nolint:mnd // what is longer is cut: all that counts is at the beginning
	for ctx.Err() == nil {
		n, from, err := l.receive(packet)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil: // the interface went down
			pause(ctx, beat)
			continue
		case from == nil || from.Pkttype == unix.PACKET_OUTGOING:
			continue
		}
		s, about := l.read(packet[:n], mac(from.Addr[:6]))
		if !about {
			continue
		}
		select {
		case hear <- s:
		case <-ctx.Done():
		}
	}
}

// receive waits for one packet.
func (l *lan) receive(packet []byte) (n int, from *unix.SockaddrLinklayer, err error) {
	var at unix.Sockaddr
	closed := l.raw.Read(func(fd uintptr) bool {
		n, at, err = unix.Recvfrom(int(fd), packet, 0)
		return !errors.Is(err, unix.EAGAIN)
	})
	if closed != nil {
		return 0, nil, os.ErrClosed
	}
	from, _ = at.(*unix.SockaddrLinklayer)
	return n, from, err
}

func (l *lan) close() { _ = l.file.Close() }
