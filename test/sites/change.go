package sites

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"carillon/store/live"
)

// changes are what nodes are still to hear of.
type changes struct {
	mu    sync.Mutex
	under map[string]*change // by user
	took  []time.Duration    // of those that are known everywhere
}

// A change is a phone that has come.
type change struct {
	began time.Time
	left  int // nodes that have not heard of it
}

// userSize is how long the name of each user is, with which a key begins.
const userSize = 6

// phone is the i-th one, of a user of its own.
func phone(i int) live.Binding {
	source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i%60000)) //nolint:gosec // bounded
	user := fmt.Sprintf("u%05d", i)
	return live.Binding{
		User: user, Device: fmt.Sprintf("<urn:uuid:f81d4fae-7dec-11d0-a765-%012x>", i*7919),
		Contact:   fmt.Sprintf("sip:%s@%s;transport=tcp", user, source),
		Transport: "tcp", Flow: uint64(i + 1), Source: source, Local: netip.MustParseAddrPort("192.0.2.9:5060"), //nolint:gosec // not negative
		UserAgent: "Yealink SIP-T46S 66.86.0.15", CallID: fmt.Sprintf("0_%010d@10.20.30.40", i),
		CSeq: 2, Granted: time.Minute, Expires: time.Now().Add(time.Hour),
	}
}

// comes has a phone register at a node, of which so many others are to hear.
func (c *changes) comes(n *node, x live.Binding, others int) {
	c.mu.Lock()
	c.under[x.User] = &change{time.Now(), others}
	c.mu.Unlock()
	n.table.Put(x)
}

// heard is called when a node has heard of a key.
func (c *changes) heard(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.under[key[:min(userSize, len(key))]]
	if x == nil {
		return
	}
	if x.left--; x.left == 0 {
		c.took = append(c.took, time.Since(x.began))
		delete(c.under, key[:userSize])
	}
}

// known returns how long those took that are known everywhere, and forgets them;
// and how many are not yet.
func (c *changes) known() (took []time.Duration, under int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took, c.took = c.took, nil
	return took, len(c.under)
}
