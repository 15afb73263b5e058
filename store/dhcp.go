package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Pool is what DHCP gives out on one network.
type Pool struct {
	Network      netip.Prefix
	First, Last  netip.Addr // the range that is given out; zero: nothing but the reservations
	Router       netip.Addr // option 3; zero: none
	Lease        time.Duration
	Reservations []Reservation
	Options      []DHCPOption // by code
	Vendors      []Vendor     // the first whose class fits counts
}

// A Reservation is the address that one device alone gets.
type Reservation struct {
	MAC     string // as net.HardwareAddr writes it
	Address netip.Addr
}

// A Vendor has options for the devices whose class identifier (option 60) begins
// with Class; they go before those of the pool.
type Vendor struct {
	Class   string
	Options []DHCPOption
}

// A DHCPOption is an option as people write it: addresses, names or one text.
type DHCPOption struct {
	Code   uint8
	Values []string
}

// The bounds of what is given out.
const (
	DefaultLease = 8 * time.Hour
	LeastLease   = 2 * time.Minute
	MostLease    = 30 * 24 * time.Hour

	mostInPool     = 1 << 16
	leastPoolBits  = 8
	mostPoolBits   = 30
	longestOption  = 255
	privateOptions = 128 // from here on codes mean what phones make of them
	hexMark        = "hex:"
)

// Options that are more than one text.
const (
	optionTimeOffset = 2
	optionDNS        = 6
	optionNTP        = 42
	optionSIP        = 120
	optionTFTP       = 150
)

// Bytes returns what is sent for o, or why it cannot be.
func (o DHCPOption) Bytes() ([]byte, error) {
	b, err := o.encode()
	if err == nil && len(b) > longestOption {
		err = fmt.Errorf("option %d is %d bytes long: %d are the most", o.Code, len(b), longestOption)
	}
	return b, err
}

func (o DHCPOption) encode() ([]byte, error) {
	if len(o.Values) == 0 {
		return nil, fmt.Errorf("option %d has no value", o.Code)
	}
	switch o.Code {
	case optionTimeOffset:
		seconds, err := strconv.ParseInt(o.Values[0], 10, 32)
		if err != nil || len(o.Values) > 1 {
			return nil, fmt.Errorf("option 2 is the difference to UTC in seconds, as 3600")
		}
		return binary.BigEndian.AppendUint32(nil, uint32(seconds)), nil //nolint:gosec // two's complement is what is sent
	case optionDNS, optionNTP, optionTFTP:
		return o.addresses()
	case optionSIP:
		return o.servers()
	case 15, 43, 66, 67: //nolint:mnd // domain, vendor specific, TFTP server, boot file
		return o.text()
	}
	if o.Code < privateOptions || o.Code == 255 {
		return nil, fmt.Errorf("option %d is not one to write here: 2, 6, 15, 42, 43, 66, 67, 120 and those from 128 to 254 are", o.Code)
	}
	return o.text()
}

func (o DHCPOption) addresses() ([]byte, error) {
	var b []byte
	for _, v := range o.Values {
		a, err := netip.ParseAddr(v)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("option %d is a list of IPv4 addresses, and %q is none", o.Code, clip(v))
		}
		b = append(b, a.AsSlice()...)
	}
	return b, nil
}

// servers encodes SIP servers (RFC 3361): names behind a 0, or addresses behind a 1.
func (o DHCPOption) servers() ([]byte, error) {
	if _, err := netip.ParseAddr(o.Values[0]); err == nil {
		b, err := o.addresses()
		return append([]byte{1}, b...), err
	}
	b := []byte{0}
	for _, v := range o.Values {
		if !isHostname(v) {
			return nil, fmt.Errorf("option 120 is a list of names or a list of IPv4 addresses, and %q is no name", clip(v))
		}
		for label := range strings.SplitSeq(v, ".") {
			b = append(append(b, byte(len(label))), label...) //nolint:gosec // at most 63
		}
		b = append(b, 0)
	}
	return b, nil
}

func (o DHCPOption) text() ([]byte, error) {
	v := o.Values[0]
	if len(o.Values) > 1 {
		return nil, fmt.Errorf("option %d is one text", o.Code)
	}
	if digits, ok := strings.CutPrefix(v, hexMark); ok {
		b := unhex(strings.NewReplacer(":", "", " ", "").Replace(digits))
		if len(b) == 0 {
			return nil, fmt.Errorf("option %d: behind hex: stand pairs of hexadecimal digits", o.Code)
		}
		return b, nil
	}
	if v == "" || strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, fmt.Errorf("option %d is a text of printable ASCII characters, or hex: and bytes", o.Code)
	}
	return []byte(v), nil
}

// Contains reports whether the range of p has the address.
func (p *Pool) Contains(a netip.Addr) bool {
	return p.First.IsValid() && p.First.Compare(a) <= 0 && a.Compare(p.Last) <= 0
}

// Reserved returns for whom an address is kept; empty for nobody.
func (p *Pool) Reserved(a netip.Addr) (mac string) {
	for _, r := range p.Reservations {
		if r.Address == a {
			return r.MAC
		}
	}
	return ""
}

// ReservedFor returns the address that is kept for a device; zero for none.
func (p *Pool) ReservedFor(mac string) netip.Addr {
	for _, r := range p.Reservations {
		if r.MAC == mac {
			return r.Address
		}
	}
	return netip.Addr{}
}

// withDefaults returns p in the one form that its content has.
func (p Pool) withDefaults() Pool {
	if p.Lease == 0 {
		p.Lease = DefaultLease
	}
	p.Options = sortedOptions(p.Options)
	p.Vendors = slices.Clone(p.Vendors)
	for i, v := range p.Vendors {
		p.Vendors[i].Options = sortedOptions(v.Options)
	}
	return p
}

func sortedOptions(all []DHCPOption) []DHCPOption {
	return slices.SortedFunc(slices.Values(all), func(a, b DHCPOption) int { return cmp.Compare(a.Code, b.Code) })
}

// text returns p for people, in one line.
func (p Pool) text() string {
	p = p.withDefaults()
	said := []string{p.Network.String()}
	if p.First.IsValid() {
		said = append(said, p.First.String()+"-"+p.Last.String())
	}
	if p.Router.IsValid() {
		said = append(said, "router "+p.Router.String())
	}
	if p.Lease != DefaultLease {
		said = append(said, "lease "+p.Lease.String())
	}
	for _, r := range p.Reservations {
		said = append(said, r.MAC+"="+r.Address.String())
	}
	said = append(said, optionsText(p.Options)...)
	for _, v := range p.Vendors {
		said = append(said, fmt.Sprintf("%q:", v.Class))
		said = append(said, optionsText(v.Options)...)
	}
	return "(" + strings.Join(said, " ") + ")"
}

func optionsText(all []DHCPOption) []string {
	return each(all, func(o DHCPOption) string { return fmt.Sprintf("%d=%s", o.Code, strings.Join(o.Values, ",")) })
}

// pool checks what is given out at a site.
func (v *validator) pool(field string, s Site, p Pool) {
	if !p.Network.IsValid() || !p.Network.Addr().Is4() || p.Network != p.Network.Masked() || p.Network.Bits() < leastPoolBits || p.Network.Bits() > mostPoolBits {
		v.add(field+".network", "this is no network to give addresses of: write one like 192.0.2.0/24, of at most /%d", mostPoolBits)
		return
	}
	if !slices.ContainsFunc(s.Networks, func(n netip.Prefix) bool { return n.Contains(p.Network.Addr()) && n.Bits() <= p.Network.Bits() }) {
		v.add(field+".network", "%s is in no network of site %s: its phones could not register", p.Network, s.Name)
	}
	for other, first := range v.pools {
		if other.Overlaps(p.Network) {
			v.addAlso(field+".network", first.path, "%s and %s are one network: give it one pool", p.Network, other)
		}
	}
	v.pools[p.Network] = claim{s.Name, field + ".network"}
	v.poolRange(field+".range", s, p)
	if p.Router.IsValid() && !isHost(p.Network, p.Router) {
		v.add(field+".router", "the router %s is not in %s", p.Router, p.Network)
	}
	if p.Lease != 0 && (p.Lease < LeastLease || p.Lease > MostLease || p.Lease%time.Second != 0) {
		v.add(field+".lease", "a lease lasts at least %s and at most 720h, in whole seconds", LeastLease)
	}
	v.reservations(field+".reservations", p)
	v.options(field+".options", p.Options)
	v.vendors(field+".vendors", p.Vendors)
}

func (v *validator) vendors(field string, all []Vendor) {
	for i, x := range all {
		at := fmt.Sprintf("%s[%d]", field, i)
		if x.Class == "" || len(x.Class) > longestOption || !isText(x.Class) {
			v.add(at+".class", "a class is what the class identifiers (option 60) of the devices begin with, as Cisco")
		}
		v.options(at+".options", x.Options)
	}
}

func (v *validator) poolRange(field string, s Site, p Pool) {
	switch {
	case !p.First.IsValid() && !p.Last.IsValid():
		if len(p.Reservations) == 0 {
			v.add(field, "a pool needs a range, as %s, or reservations", exampleRange(p.Network))
		}
	case !isHost(p.Network, p.First) || !isHost(p.Network, p.Last) || p.Last.Less(p.First):
		v.add(field, "%s-%s is no range of addresses in %s: write one like %s", p.First, p.Last, p.Network, exampleRange(p.Network))
	case number(p.Last)-number(p.First) >= mostInPool:
		v.add(field, "a range has at most %d addresses", mostInPool)
	case p.Router.IsValid() && p.Contains(p.Router):
		v.add(field, "the range has the router's own address %s in it", p.Router)
	case s.Address.IsValid() && p.Contains(s.Address.Addr()):
		v.add(field, "the range has the service address of the site, %s, in it", s.Address.Addr())
	}
}

// exampleRange is the upper half of a network.
func exampleRange(n netip.Prefix) string {
	base := number(n.Addr())
	size := uint32(1) << (32 - n.Bits())                                          //nolint:mnd // 2 to 24 bits are left
	return fmt.Sprintf("%s-%s", fromNumber(base+size/2), fromNumber(base+size-2)) //nolint:mnd // the last is for broadcasts
}

func (v *validator) reservations(field string, p Pool) {
	macs, addresses := map[string]string{}, map[netip.Addr]string{}
	for i, r := range p.Reservations {
		at := fmt.Sprintf("%s[%d]", field, i)
		if m, err := net.ParseMAC(r.MAC); err != nil || m.String() != r.MAC || len(m) != 6 {
			v.add(at+".mac", "%q is no MAC address: write one like 00:15:65:12:34:56", clip(r.MAC))
			continue
		}
		if !isHost(p.Network, r.Address) || r.Address == p.Router {
			v.add(at+".address", "this is no address of a device in %s", p.Network)
			continue
		}
		if first, taken := macs[r.MAC]; taken {
			v.addAlso(at+".mac", first+".mac", "the device %s is given twice", r.MAC)
		}
		if first, taken := addresses[r.Address]; taken {
			v.addAlso(at+".address", first+".address", "the address %s is given twice", r.Address)
		}
		macs[r.MAC], addresses[r.Address] = at, at
	}
}

func (v *validator) options(field string, all []DHCPOption) {
	seen := map[uint8]bool{}
	for _, o := range all {
		at := fmt.Sprintf("%s.%d", field, o.Code)
		if _, err := o.Bytes(); err != nil {
			v.add(at, "%v", err)
		} else if seen[o.Code] {
			v.add(at, "option %d is given twice", o.Code)
		}
		seen[o.Code] = true
	}
}

// isHost reports whether a machine of the network may have the address.
func isHost(n netip.Prefix, a netip.Addr) bool {
	return a.Is4() && n.Contains(a) && a != n.Addr() && n.Contains(a.Next())
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func fromNumber(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}
