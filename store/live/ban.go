package live

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"time"
	"unicode/utf8"
)

// A Ban keeps an address out for some time: one IPv4 address, or the /64 that one
// IPv6 host can pick its addresses from.
type Ban struct {
	Address netip.Prefix
	Why     string // for people
	Node    string // which has decided it
	Times   int    // how many bans in a row this is
	Since   time.Time
	Until   time.Time
}

const (
	longestBan = 24 * time.Hour
	longestWhy = 200
)

var errBan = errors.New("malformed ban")

// household returns the prefix that a ban of the address a has.
func household(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked()
	}
	return netip.PrefixFrom(a, 32)
}

// shared is what other nodes are told of x. Durations are told, not instants:
// clocks differ.
func (x *Ban) shared() []byte {
	dst := []byte{codecVersion}
	dst = binary.AppendUvarint(dst, uint64(x.Until.Sub(x.Since)/time.Second)) //nolint:gosec // not negative
	dst = binary.AppendUvarint(dst, uint64(x.Times))                          //nolint:gosec // not negative
	return appendText(dst, x.Why)
}

// parseBan reads what shared returned under a key; the ban begins now.
func parseBan(key string, value []byte, now time.Time) (Ban, error) {
	address, err := netip.ParsePrefix(key)
	if err != nil || household(address.Addr()) != address || address.String() != key {
		return Ban{}, errBan
	}
	r := reader{data: string(value)}
	r.version()
	length := time.Duration(r.number(uint64(longestBan/time.Second))) * time.Second //nolint:gosec // bounded
	times := int(r.number(math.MaxInt32))                                           //nolint:gosec // bounded
	why := r.text()
	if r.bad || len(why) > longestWhy || !utf8.ValidString(why) {
		return Ban{}, errBan
	}
	return Ban{Address: address, Why: why, Times: times, Since: now, Until: now.Add(length)}, nil
}
