package message

import "strings"

// A NameAddr is a parsed value of From, To, Contact, Route and their like (RFC 3261 20.10). Its strings are pieces of the
// parsed text.
type NameAddr struct {
	Display string // without quotes, backslashes kept (see Unquote)
	URI     string // the addr-spec, not checked; see ParseURI
	Params  string // the header's parameters, raw, from their first semicolon on
}

// ParseNameAddr reads one value, with or without <>. Without them the URI ends at the first semicolon and must have neither
// question mark nor comma (RFC 3261 20).
func ParseNameAddr(s string) (NameAddr, error) {
	s = trimSpace(s)
	display, rest, ok := cutDisplay(s)
	if !ok {
		return NameAddr{}, errNameAddr
	}
	a := NameAddr{Display: display}
	if rest != "" && rest[0] == '<' {
		i := strings.IndexByte(rest, '>')
		if i < 0 {
			return NameAddr{}, errNameAddr
		}
		a.URI, a.Params = trimSpace(rest[1:i]), skipSpace(rest[i+1:])
	} else {
		i := strings.IndexByte(rest, ';')
		if i < 0 {
			i = len(rest)
		}
		a.URI, a.Params = trimSpace(rest[:i]), rest[i:]
		if strings.ContainsAny(a.URI, "?>") {
			return NameAddr{}, errNameAddr
		}
	}
	if a.URI == "" || !validParams(a.Params) {
		return NameAddr{}, errNameAddr
	}
	return a, nil
}

// cutDisplay takes the display name off. Without <> there is none, and rest is all of s.
func cutDisplay(s string) (display, rest string, ok bool) {
	if s != "" && s[0] == '"' {
		n := spanQuoted(s)
		if n == 0 {
			return "", "", false
		}
		rest = skipSpace(s[n:])
		return s[1 : n-1], rest, rest != "" && rest[0] == '<'
	}
	for i := range len(s) {
		switch s[i] {
		case '<':
			return trimSpace(s[:i]), s[i:], true
		case ';':
			return "", s, true
		case '"', ',', '\\', 0:
			return "", "", false
		}
	}
	return "", s, true
}

// Param finds a header parameter; see the function Param.
func (a NameAddr) Param(name string) (value string, ok bool) { return Param(a.Params, name) }

// String is the value as text, always with <>; parsed again, it gives the same NameAddr.
func (a NameAddr) String() string { return string(a.AppendTo(nil)) }

// AppendTo appends the value as text.
func (a NameAddr) AppendTo(dst []byte) []byte {
	if a.Display != "" {
		dst = append(append(append(dst, '"'), a.Display...), '"', ' ')
	}
	dst = append(append(append(dst, '<'), a.URI...), '>')
	return append(dst, a.Params...)
}
