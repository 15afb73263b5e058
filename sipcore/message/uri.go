package message

import (
	"net/netip"
	"strconv"
	"strings"
)

// A URI is a parsed SIP, SIPS or tel URI (RFC 3261 19.1, RFC 3966), or any other with the scheme cut off. Its strings are
// pieces of the parsed text, as written: escapes are not resolved.
type URI struct {
	Scheme   string // as written; compare with IsSIP, or in any case
	User     string // with the user part's own parameters; the number of a tel URI
	Password string
	Host     string // an IPv6 address with its brackets; "" unless sip or sips
	Port     uint16 // 0 = none
	Params   string // without the leading semicolon
	Headers  string // without the question mark
	Opaque   string // what follows the colon of an unknown scheme
}

// ParseURI reads an addr-spec: no <> around it, no space in it.
func ParseURI(s string) (URI, error) {
	i := strings.IndexByte(s, ':')
	if i <= 0 || !isScheme(s[:i]) || !isURIText(s[i+1:]) || i+1 == len(s) {
		return URI{}, errURI
	}
	u := URI{Scheme: s[:i]}
	ok := true
	switch {
	case u.IsSIP():
		ok = u.parseSIP(s[i+1:])
	case sameFold(u.Scheme, "tel"):
		u.User, u.Params, _ = strings.Cut(s[i+1:], ";")
		ok = u.User != ""
	default:
		u.Opaque = s[i+1:]
	}
	if !ok {
		return URI{}, errURI
	}
	return u, nil
}

// IsSIP reports whether the scheme is sip or sips.
func (u URI) IsSIP() bool { return sameFold(u.Scheme, "sip") || u.IsSIPS() }

// IsSIPS reports whether the scheme is sips.
func (u URI) IsSIPS() bool { return sameFold(u.Scheme, "sips") }

// parseSIP reads [user[:password]@]host[:port][;params][?headers]. Semicolons and question marks may stand in a user part,
// an @ only behind it.
func (u *URI) parseSIP(s string) bool {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		u.User, u.Password, _ = strings.Cut(s[:i], ":")
		if u.User == "" {
			return false
		}
		s = s[i+1:]
	}
	n := spanHost(s)
	if n == 0 {
		return false
	}
	u.Host, s = s[:n], s[n:]
	if s != "" && s[0] == ':' {
		if u.Port, n = parsePort(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	s, u.Headers, _ = strings.Cut(s, "?")
	u.Params = strings.TrimPrefix(s, ";")
	return (s == "" || s[0] == ';') && strings.IndexByte(s, '@') < 0
}

// Param finds a URI parameter by name, in any case, escaped or not; its value is as written.
func (u URI) Param(name string) (value string, ok bool) {
	for rest := u.Params; rest != ""; {
		var text string
		text, rest, _ = strings.Cut(rest, ";")
		n, v, _ := strings.Cut(text, "=")
		if n != "" && sameText(n, name, true) {
			return v, true
		}
	}
	return "", false
}

// String is the URI as text; parsed again, it gives the same URI.
func (u URI) String() string { return string(u.AppendTo(nil)) }

// AppendTo appends the URI as text.
func (u URI) AppendTo(dst []byte) []byte {
	dst = append(append(dst, u.Scheme...), ':')
	dst = append(dst, u.Opaque...)
	dst = append(dst, u.User...)
	if u.Password != "" {
		dst = append(append(dst, ':'), u.Password...)
	}
	if u.User != "" && u.Host != "" {
		dst = append(dst, '@')
	}
	dst = append(dst, u.Host...)
	if u.Port != 0 {
		dst = strconv.AppendUint(append(dst, ':'), uint64(u.Port), 10)
	}
	if u.Params != "" {
		dst = append(append(dst, ';'), u.Params...)
	}
	if u.Headers != "" {
		dst = append(append(dst, '?'), u.Headers...)
	}
	return dst
}

// UserUnescaped is the user part without its own parameters (what follows a semicolon), %-escapes resolved.
func (u URI) UserUnescaped() string {
	user, _, _ := strings.Cut(u.User, ";")
	if strings.IndexByte(user, '%') < 0 {
		return user
	}
	b := make([]byte, 0, len(user))
	for i := 0; i < len(user); {
		var c byte
		c, i = unescape(user, i)
		b = append(b, c)
	}
	return string(b)
}

// HostAddr is the address a host of a URI or Via is, if it is one and not a name; IPv6 with or without brackets.
func HostAddr(host string) (a netip.Addr, ok bool) {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if !looksNumeric(host) { // told apart without the error that ParseAddr would allocate
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a, err == nil
}

// looksNumeric reports whether host may be an address; one with a zone is none, which means nothing elsewhere.
func looksNumeric(host string) bool {
	if strings.IndexByte(host, ':') >= 0 {
		return strings.IndexByte(host, '%') < 0
	}
	return host != "" && isDigit(host[0]) && isDigit(host[len(host)-1])
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := lower(c)-'a' < 26
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return true
}

// isURIText checks what every part of a URI must keep to: nothing blank or bracketing, and whole escapes.
func isURIText(s string) bool {
	for i := range len(s) {
		if c := s[i]; !uriChars.has(c) && (c != '%' || i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return true
}

// spanHost is the length of the host s starts with; 0 when there is none or a bad IPv6 reference.
func spanHost(s string) int {
	if s != "" && s[0] == '[' {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return 0
		}
		if a, ok := HostAddr(s[:i+1]); !ok || !a.Is6() {
			return 0
		}
		return i + 1
	}
	return hostChars.span(s)
}

// parsePort reads the port s starts with; n is 0 when there is no valid one.
func parsePort(s string) (port uint16, n int) {
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	port, ok := parseNumber[uint16](s[:n], 1<<16-1)
	if !ok || port == 0 {
		return 0, 0
	}
	return port, n
}
