package transport

import "strings"

// Kind is the transport protocol of a flow. The zero Kind is none.
type Kind uint8

// The transports that this package speaks.
const (
	UDP Kind = iota + 1
	TCP
	Node // a connection to another node, whatever carries it
)

// String returns the name used in URIs and tables: "udp", "tcp"; "node", which
// no URI has.
func (k Kind) String() string {
	switch k {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case Node:
		return "node"
	default:
		return ""
	}
}

// Via returns the name used in a Via header: "UDP", "TCP", "TLS".
func (k Kind) Via() string {
	switch k {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case Node:
		return "TLS"
	default:
		return ""
	}
}

// Reliable reports whether the transport itself retransmits, so that
// transactions need not (RFC 3261 section 17).
func (k Kind) Reliable() bool { return k != UDP && k != 0 }

// KindOf returns the Kind that a URI calls name, in any case.
func KindOf(name string) (k Kind, ok bool) {
	switch {
	case strings.EqualFold(name, "udp"):
		return UDP, true
	case strings.EqualFold(name, "tcp"):
		return TCP, true
	default:
		return 0, false
	}
}
