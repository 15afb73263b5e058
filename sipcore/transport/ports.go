package transport

// Ports are where a node listens, on each of its addresses.
type Ports struct {
	SIP     uint16 // UDP and TCP
	TLS     uint16
	WS, WSS uint16 // for browsers, if any may come
}

// Of returns the port for a kind; that of UDP and TCP for one that has none.
func (p Ports) Of(k Kind) uint16 {
	switch k {
	case TLS:
		return p.TLS
	case WS:
		return p.WS
	case WSS:
		return p.WSS
	default:
		return p.SIP
	}
}

// Has reports whether port is one of them.
func (p Ports) Has(port uint16) bool {
	return port == p.SIP || port == p.TLS || port == p.WS || port == p.WSS
}
