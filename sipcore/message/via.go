package message

import "strings"

// A ViaValue is one parsed value of Via (RFC 3261 20.42): a hop the request took. Its strings are pieces of the parsed text.
type ViaValue struct {
	Transport string // as written: "UDP", "TCP", "TLS", "WS"...
	Host      string // sent-by; an IPv6 address with its brackets
	Port      uint16 // 0 = none
	Branch    string
	Received  string
	RPort     uint16 // 0 = none yet (RFC 3581)
	HasRPort  bool   // rport was asked for
	Params    string // all parameters, raw, after the first semicolon
}

// ParseVia reads one value. Any version of SIP is read, so that its sender can be told; on an error the result has what came
// before it.
func ParseVia(value string) (ViaValue, error) {
	var v ViaValue
	_, ok := v.parse(value)
	if !ok {
		return v, errVia
	}
	return v, nil
}

// Param finds a parameter; see the function Param.
func (v ViaValue) Param(name string) (value string, ok bool) { return Param(v.Params, name) }

// parse reads "SIP/2.0/UDP host:port;params" with space about each separator, and says which version stood there.
func (v *ViaValue) parse(s string) (version string, ok bool) {
	protocol, s, ok := cutUntilSlash(trimSpace(s))
	if !ok || !sameFold(protocol, "SIP") {
		return "", false
	}
	if version, s, ok = cutUntilSlash(s); !ok {
		return "", false
	}
	n := tokenChars.span(s)
	v.Transport = s[:n]
	s = skipSpace(s[n:])
	if n = spanHost(s); n == 0 || v.Transport == "" {
		return "", false
	}
	v.Host, s = s[:n], skipSpace(s[n:])
	if s != "" && s[0] == ':' {
		s = skipSpace(s[1:])
		if v.Port, n = parsePort(s); n == 0 {
			return "", false
		}
		s = skipSpace(s[n:])
	}
	return version, v.parseParams(s)
}

// parseParams refuses what stands twice (RFC 3261 7.3.1): a branch that we and the next hop read differently would let one
// request pass for another.
func (v *ViaValue) parseParams(s string) bool {
	v.Params = strings.TrimPrefix(s, ";")
	ok := s == "" || s[0] == ';'
	var seen viaParam
	for s != "" && ok {
		var name, value string
		if name, value, s, ok = nextParam(s); ok {
			var p viaParam
			p, ok = v.setParam(name, value)
			ok = ok && seen&p == 0
			seen |= p
		}
	}
	return ok
}

// A viaParam is a bit for each parameter that means something here.
type viaParam uint8

const (
	viaBranch viaParam = 1 << iota
	viaReceived
	viaRPort
)

func (v *ViaValue) setParam(name, value string) (p viaParam, ok bool) {
	switch {
	case sameFold(name, "branch"):
		v.Branch = value
		return viaBranch, true
	case sameFold(name, "received"):
		v.Received = value
		return viaReceived, true
	case sameFold(name, "rport"):
		v.HasRPort = true
		v.RPort, ok = parseNumber[uint16](value, 1<<16-1)
		return viaRPort, ok || value == ""
	}
	return 0, true
}

// cutUntilSlash takes a token and the slash behind it, with the space about them.
func cutUntilSlash(s string) (token, rest string, ok bool) {
	n := tokenChars.span(s)
	rest = skipSpace(s[n:])
	if n == 0 || rest == "" || rest[0] != '/' {
		return "", "", false
	}
	return s[:n], skipSpace(rest[1:]), true
}
