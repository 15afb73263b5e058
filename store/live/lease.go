package live

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"strings"
	"time"
)

// What is said of an address that DHCP gives out.
const (
	LeaseHeld     = 1 + iota // a device has it
	LeaseDeclined            // somebody else is on it
	LeaseRecalled            // its node wants to give it to another device
	LeaseCeded               // the node that says so renews it for nobody any more
)

// A Lease is what one node says of one address. What all nodes say of it together
// is in [Leases].
type Lease struct {
	Address netip.Addr
	Node    string // who says it
	State   int
	Turn    uint64 // rises whenever the address may go to another device: a later turn counts
	Client  string // how the device names itself: its client identifier or MAC address
	MAC     string
	Host    string // its name, if it tells one
	Until   time.Time
	Stamp   int64 // tells two sayings of a node apart
}

const (
	mostClient = 64
	mostHost   = 64
	mostLease  = 31 * 24 * time.Hour
)

var errLease = errors.New("malformed lease")

// HeldBy reports whether x is of the device: it may go on with the address, even
// if the time is over.
func (x *Lease) HeldBy(client string) bool { return x.State == LeaseHeld && x.Client == client }

// isAfter orders what is said of one address: the later turn, then what was
// declined, then what lasts longer.
func (x *Lease) isAfter(y *Lease) bool {
	switch {
	case x.Turn != y.Turn:
		return x.Turn > y.Turn
	case (x.State == LeaseDeclined) != (y.State == LeaseDeclined):
		return x.State == LeaseDeclined
	case (x.State == LeaseRecalled) != (y.State == LeaseRecalled):
		return x.State == LeaseRecalled
	case !x.Until.Equal(y.Until):
		return x.Until.After(y.Until)
	}
	return strings.Compare(x.Node, y.Node) > 0
}

// AppendShared appends what other nodes are told: how long it lasts, not until when.
func (x *Lease) AppendShared(dst []byte, now time.Time) []byte {
	left := max(0, x.Until.Sub(now))
	dst = append(dst, codecVersion, byte(x.State)) //nolint:gosec // one of four
	dst = binary.AppendUvarint(dst, x.Turn)
	dst = binary.AppendUvarint(dst, uint64((left+time.Second-1)/time.Second))
	dst = binary.AppendVarint(dst, x.Stamp)
	dst = appendText(dst, x.Client)
	dst = appendText(dst, x.MAC)
	return appendText(dst, x.Host)
}

// AppendRecord appends what this node needs after a restart.
func (x *Lease) AppendRecord(dst []byte) []byte {
	dst = binary.AppendVarint(dst, x.Until.UnixMilli())
	return x.AppendShared(dst, x.Until)
}

// parseLease reads what AppendShared has written at an instant that passes for now.
func parseLease(key, value string, now time.Time) (x Lease, err error) {
	r := reader{data: value}
	r.version()
	x.State = int(r.byte())
	x.Turn = r.number(math.MaxInt64)
	x.Until = now.Add(time.Duration(r.number(uint64(mostLease/time.Second))) * time.Second) //nolint:gosec // bounded
	n, size := binary.Varint(r.front())
	if size <= 0 {
		return x, errLease
	}
	x.Stamp, r.data = n, r.data[size:]
	x.Client, x.MAC, x.Host = r.text(), r.text(), r.text()
	x.Address, err = netip.ParseAddr(key)
	if err != nil || r.bad || !x.Address.Is4() || x.State < LeaseHeld || x.State > LeaseCeded ||
		len(x.Client) > mostClient || len(x.MAC) > mostClient || len(x.Host) > mostHost || x.Address.String() != key {
		return x, errLease
	}
	return x, nil
}

// parseLeaseRecord reads what AppendRecord has written.
func parseLeaseRecord(key, value string) (Lease, error) {
	r := reader{data: value}
	until := r.instant()
	if r.bad {
		return Lease{}, errLease
	}
	x, err := parseLease(key, r.data, until)
	x.Until = until
	return x, err
}
