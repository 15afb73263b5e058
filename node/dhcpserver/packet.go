package dhcpserver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"carillon/store"
)

const (
	mostPacket  = 1500
	leastReply  = 576 // bytes of IP that every device takes (RFC 2131)
	headers     = 28  // of IP and UDP
	longestID   = 31  // a longer client identifier is known by its hash
	longestHost = 64
	longestMAC  = 16
)

var errPacket = errors.New("malformed packet")

// parse reads a packet of a device or a relay.
func parse(b []byte) (p *dhcpv4.DHCPv4, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, errPacket
		}
	}()
	if len(b) > mostPacket {
		return nil, errPacket
	}
	p, err = dhcpv4.FromBytes(b)
	switch {
	case err != nil:
		return nil, errPacket
	case p.OpCode != dhcpv4.OpcodeBootRequest, p.MessageType() == dhcpv4.MessageTypeNone, len(p.ClientHWAddr) == 0 && len(clientID(p)) == 0:
		return nil, errPacket
	}
	return p, nil
}

func clientID(p *dhcpv4.DHCPv4) []byte {
	if id := p.Options.Get(dhcpv4.OptionClientIdentifier); len(id) > 1 {
		return id
	}
	return nil
}

// queryOf returns who asks.
func queryOf(p *dhcpv4.DHCPv4) query {
	q := query{mac: p.ClientHWAddr.String(), id: p.ClientHWAddr, requested: addr(p.RequestedIPAddress())}
	q.client = q.mac
	if id := clientID(p); id != nil {
		q.id = id
		if len(id) > longestID {
			sum := sha256.Sum256(id)
			id = sum[:longestID]
		}
		q.client = hex.EncodeToString(id)
	}
	for _, c := range p.HostName() {
		if c > ' ' && c < 0x7f && len(q.host) < longestHost {
			q.host += string(c)
		}
	}
	return q
}

// addr returns an IPv4 address; zero for none.
func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// An answer is what goes into a reply beside what is leased.
type answer struct {
	pool   *store.Pool
	server netip.Addr
	domain string
	dns    []netip.Addr
}

// reply makes the packet that answers p: an offer, an acknowledgement or a refusal.
// Where a is nil it has nothing but that.
func (s answer) reply(p *dhcpv4.DHCPv4, kind dhcpv4.MessageType, a netip.Addr) (*dhcpv4.DHCPv4, error) {
	r, err := dhcpv4.NewReplyFromRequest(p, dhcpv4.WithMessageType(kind))
	if err != nil {
		return nil, err
	}
	for _, code := range []dhcpv4.OptionCode{dhcpv4.OptionRelayAgentInformation, dhcpv4.OptionClientIdentifier} { // RFC 3046, RFC 6842
		if v := p.Options.Get(code); v != nil {
			r.Options[code.Code()] = v
		}
	}
	r.UpdateOption(dhcpv4.OptServerIdentifier(s.server.AsSlice()))
	if kind == dhcpv4.MessageTypeNak {
		r.SetBroadcast()
		return r, nil
	}
	if kind == dhcpv4.MessageTypeAck {
		r.ClientIPAddr = p.ClientIPAddr
	}
	if a.IsValid() {
		r.YourIPAddr = a.AsSlice()
		r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(s.pool.Lease))
		r.UpdateOption(dhcpv4.OptRenewTimeValue(s.pool.Lease / 2))         //nolint:mnd // RFC 2131, 4.4.5
		r.UpdateOption(dhcpv4.OptRebindingTimeValue(s.pool.Lease * 7 / 8)) //nolint:mnd // likewise
	}
	s.fill(r, p)
	return r, nil
}

// fill adds what is configured: all of it, for phones do not ask for everything that
// they understand. What does not fit goes, what the device did not ask for first.
func (s answer) fill(r, p *dhcpv4.DHCPv4) {
	options := s.options(p.ClassIdentifier())
	maps.Copy(r.Options, options)
	size, err := p.MaxMessageSize()
	if err != nil || size < leastReply {
		size = leastReply
	}
	for _, asked := range []bool{false, true} {
		for code := range options {
			if len(r.ToBytes())+headers > min(int(size), mostPacket) && p.IsOptionRequested(dhcpv4.GenericOptionCode(code)) == asked {
				delete(r.Options, code)
			}
		}
	}
}

// options returns what a device of a class gets, by code.
func (s answer) options(class string) map[uint8][]byte {
	mask := net.CIDRMask(s.pool.Network.Bits(), s.pool.Network.Addr().BitLen())
	all := map[uint8][]byte{dhcpv4.OptionSubnetMask.Code(): mask}
	if s.pool.Router.IsValid() {
		all[dhcpv4.OptionRouter.Code()] = s.pool.Router.AsSlice()
	}
	for _, a := range s.dns {
		all[dhcpv4.OptionDomainNameServer.Code()] = append(all[dhcpv4.OptionDomainNameServer.Code()], a.AsSlice()...)
	}
	if s.domain != "" {
		all[dhcpv4.OptionDomainName.Code()] = []byte(s.domain)
		put(all, store.DHCPOption{Code: 120, Values: []string{s.domain}})
	}
	for _, o := range s.pool.Options {
		put(all, o)
	}
	i := slices.IndexFunc(s.pool.Vendors, func(v store.Vendor) bool { return strings.HasPrefix(class, v.Class) })
	if i >= 0 && class != "" {
		for _, o := range s.pool.Vendors[i].Options {
			put(all, o)
		}
	}
	return all
}

func put(all map[uint8][]byte, o store.DHCPOption) {
	if b, err := o.Bytes(); err == nil { // it was checked when it was configured
		all[o.Code] = b
	}
}

// destination returns where a reply goes (RFC 2131, 4.1). A device that has no
// address yet gets a broadcast, also when it would take a frame of its own: that
// needs a raw socket.
func destination(p, r *dhcpv4.DHCPv4) netip.AddrPort {
	const toServer, toClient = 67, 68
	broadcast := netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), toClient)
	relay, own := addr(p.GatewayIPAddr), addr(p.ClientIPAddr)
	switch {
	case relay.IsValid():
		return netip.AddrPortFrom(relay, toServer)
	case r.MessageType() == dhcpv4.MessageTypeNak || !own.IsValid():
		return broadcast
	}
	return netip.AddrPortFrom(own, toClient)
}

// since is how long the device says that it has tried.
func since(p *dhcpv4.DHCPv4) time.Duration { return time.Duration(p.NumSeconds) * time.Second }
