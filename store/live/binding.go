package live

import (
	"net/netip"
	"strings"
	"time"
)

// A Binding says that a device of a user can be reached at a node (RFC 3261
// section 10).
type Binding struct {
	User    string
	Device  string // names the device among the user's: +sip.instance and reg-id, else drawn from Call-ID
	Node    string // the owner: the node that the phone registered with
	Contact string // a URI, as the phone wrote it

	Transport string         // "udp", "tcp", ... in lower case
	Flow      uint64         // the flow that the phone registered on, at Node; 0 = none now
	Source    netip.AddrPort // where the REGISTER came from
	Local     netip.AddrPort // and the address of ours that it came to
	Path      []string       // header field values (RFC 3327), in the order of the REGISTER

	Site      string  // where the phone stands, by the network that the REGISTER came from; may be empty
	Q         float32 // 0 to 1, kept to three digits
	UserAgent string
	CallID    string
	CSeq      uint32
	RegID     int    // RFC 5626; 0 = none
	Move      uint32 // how often the device has gone to another node

	Gone    bool // it unregistered at Node while another node had it: owners tell each other, no table shows it
	Silent  bool // nothing is heard of Node: SetNodeAlive said so
	Refused bool // it did not accept a connection since it lost its flow

	Granted time.Duration // the lifetime given by the last refresh, in whole seconds
	Expires time.Time     // when it ends, by this node's clock; zero = its owner decides
	Since   time.Time     // when the device came to Node; another node's to the second, by that one's clock
}

// The states of a binding.
const (
	BindingUp   = "up"   // can be called
	BindingDown = "down" // its flow is lost: the phone must come back first
)

// State says whether the phone can be called: BindingUp or BindingDown.
func (x Binding) State(now time.Time) string {
	if x.Flow == 0 || x.ended(now) {
		return BindingDown
	}
	return BindingUp
}

// Instance names the phone itself: two flows of one phone (RFC 5626) are two
// bindings with different Devices and the same Instance.
func (x Binding) Instance() string {
	if x.RegID == 0 {
		return x.Device
	}
	if i := strings.LastIndexByte(x.Device, '#'); i >= 0 {
		return x.Device[:i]
	}
	return x.Device
}

// Key names the binding in journals and on disk.
func (x Binding) Key() string { return x.User + separator + x.Device }

// separator stands in no number: store allows no control characters there.
const separator = "\x1f"

func splitKey(key string) (user, device string, ok bool) { return strings.Cut(key, separator) }

func (x *Binding) ended(now time.Time) bool { return !x.Expires.IsZero() && !now.Before(x.Expires) }

// isStream reports whether the binding's flow is a connection, which can close.
func (x *Binding) isStream() bool { return isStream(x.Transport) }

func isStream(transport string) bool { return transport != "udp" }
