package message

import "strings"

// Equal compares as RFC 3261 19.1.4 says: users exactly, all else in any case, escapes resolved unless they hide a reserved
// character, parameters in any order. Absent parts do not match their defaults. It is not transitive, by the RFC.
// tel URIs compare by RFC 3966, unknown schemes by their text.
func (u URI) Equal(v URI) bool {
	if u == v {
		return true
	}
	if !sameFold(u.Scheme, v.Scheme) || u.Opaque != v.Opaque {
		return false
	}
	if sameFold(u.Scheme, "tel") {
		return sameNumber(u.User, v.User) && allParamsIn(u, v) && allParamsIn(v, u)
	}
	return sameText(u.User, v.User, false) && sameText(u.Password, v.Password, false) &&
		sameFold(u.Host, v.Host) && u.Port == v.Port &&
		paramsAgree(u, v) && paramsAgree(v, u) &&
		headersIn(u.Headers, v.Headers) && headersIn(v.Headers, u.Headers)
}

// paramsAgree checks u's parameters against v's: one in both must be the same, and some must not be in u only.
func paramsAgree(u, v URI) bool {
	for rest := u.Params; rest != ""; {
		var text string
		text, rest, _ = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(text, "=")
		other, ok := v.Param(name)
		if ok && !sameText(value, other, true) || !ok && mustMatch(name) {
			return false
		}
	}
	return true
}

// mustMatch names the parameters that make a URI differ from one without them.
func mustMatch(param string) bool {
	for _, name := range [...]string{"user", "ttl", "method", "maddr", "transport"} {
		if sameText(param, name, true) {
			return true
		}
	}
	return false
}

// allParamsIn says whether each parameter of u is in v with the same value.
func allParamsIn(u, v URI) bool {
	for rest := u.Params; rest != ""; {
		var text string
		text, rest, _ = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(text, "=")
		if other, ok := v.Param(name); name != "" && (!ok || !sameText(value, other, true)) {
			return false
		}
	}
	return true
}

// headersIn says whether each header component of a is in b.
func headersIn(a, b string) bool {
	for a != "" {
		var text string
		text, a, _ = strings.Cut(a, "&")
		name, value, _ := strings.Cut(text, "=")
		if !hasHeader(b, name, value) {
			return false
		}
	}
	return true
}

func hasHeader(headers, name, value string) bool {
	for headers != "" {
		var text string
		text, headers, _ = strings.Cut(headers, "&")
		n, v, _ := strings.Cut(text, "=")
		if sameText(n, name, true) && sameText(v, value, false) {
			return true
		}
	}
	return false
}

// sameNumber compares telephone numbers without their visual separators (RFC 3966 5.1.1).
func sameNumber(a, b string) bool {
	for {
		a, b = strings.TrimLeft(a, "-.()"), strings.TrimLeft(b, "-.()")
		if a == "" || b == "" {
			return a == b
		}
		if lower(a[0]) != lower(b[0]) {
			return false
		}
		a, b = a[1:], b[1:]
	}
}

// sameText compares two texts of URIs: an escape equals its character, but for reserved ones.
func sameText(a, b string, fold bool) bool {
	if a == b {
		return true
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		escapedA, escapedB := a[i] == '%', b[j] == '%'
		var x, y byte
		x, i = unescape(a, i)
		y, j = unescape(b, j)
		if fold {
			x, y = lower(x), lower(y)
		}
		if x != y || escapedA != escapedB && isReserved(x) {
			return false
		}
	}
	return i == len(a) && j == len(b)
}

// isReserved names the characters that mean something else when escaped (RFC 3261 25.1), and the percent sign.
func isReserved(c byte) bool { return strings.IndexByte(";/?:@&=+$,%", c) >= 0 }

// unescape reads the character at s[i], escaped or not, and where the next one starts.
func unescape(s string, i int) (c byte, next int) {
	if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
		return hexValue(s[i+1])<<4 | hexValue(s[i+2]), i + 3
	}
	return s[i], i + 1
}

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}
