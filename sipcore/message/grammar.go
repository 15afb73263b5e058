package message

import "strings"

// linearSpace is what LWS is made of. Inside a value a line break is always folding: the index has seen to that.
const linearSpace = " \t\r\n"

func skipSpace(s string) string {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return s[i:]
}

func trimSpace(s string) string {
	s = skipSpace(s)
	i := len(s)
	for i > 0 && isSpace(s[i-1]) {
		i--
	}
	return s[:i]
}

// spanQuoted is the length of the quoted-string s starts with, quotes included; 0 when it does not end.
func spanQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// parseNumber reads digits, leading zeros allowed, up to limit.
func parseNumber[N uint16 | uint32 | int](s string, limit N) (n N, ok bool) {
	var sum uint64
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		if sum = sum*10 + uint64(s[i]-'0'); sum > uint64(limit) {
			return 0, false
		}
	}
	return N(sum), s != ""
}

// parseCSeq reads "314159 INVITE" (RFC 3261 20.16).
func parseCSeq(s string) (number uint32, method string, ok bool) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	number, ok = parseNumber[uint32](s[:i], 1<<32-1)
	method = skipSpace(s[i:])
	if !ok || len(method) == len(s)-i || !isToken(method) {
		return 0, "", false
	}
	return number, method, true
}

// Unfold is a header value on one line: each folding (a line break and the spaces around it, RFC 3261 7.3.1) becomes one
// space. A value without folding is returned as it is.
func Unfold(value string) string {
	if strings.IndexByte(value, '\n') < 0 {
		return value
	}
	var b strings.Builder
	b.Grow(len(value))
	for line := range strings.SplitSeq(value, "\n") {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(trimSpace(line))
	}
	return b.String()
}
