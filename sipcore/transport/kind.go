package transport

import "strings"

// Kind is the transport protocol of a flow. The zero Kind is none.
type Kind uint8

// The transports that this package speaks.
const (
	UDP Kind = iota + 1
	TCP
	TLS
	WS   // WebSocket (RFC 7118)
	WSS  // WebSocket over TLS
	Node // a connection to another node, whatever carries it
)

// String returns the name used in URIs and tables: "udp", "tcp", "tls", "ws",
// "wss"; "node", which no URI has.
func (k Kind) String() string {
	switch k {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case WS:
		return "ws"
	case WSS:
		return "wss"
	case Node:
		return "node"
	default:
		return ""
	}
}

// Via returns the name used in a Via header: "UDP", "TCP", "TLS", "WS", "WSS".
func (k Kind) Via() string {
	switch k {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS, Node:
		return "TLS"
	case WS:
		return "WS"
	case WSS:
		return "WSS"
	default:
		return ""
	}
}

// Reliable reports whether the transport itself retransmits, so that
// transactions need not (RFC 3261 section 17).
func (k Kind) Reliable() bool { return k != UDP && k != 0 }

// Secure reports whether nobody on the way can read or change what is sent: what
// a sips URI asks for (RFC 3261 section 26.2.2).
func (k Kind) Secure() bool { return k == TLS || k == WSS || k == Node }

// Dials reports whether a connection of this kind can be opened from here.
// Browsers come by themselves and are reached over the connection they keep
// (RFC 7118 section 5.2.4).
func (k Kind) Dials() bool { return k == UDP || k == TCP || k == TLS }

// KindOf returns the Kind that a URI calls name, in any case.
func KindOf(name string) (k Kind, ok bool) {
	for _, k = range [...]Kind{UDP, TCP, TLS, WS, WSS} {
		if strings.EqualFold(name, k.String()) {
			return k, true
		}
	}
	return 0, false
}
