package message

import (
	"strconv"
	"strings"
)

// What is written by us is well-formed whatever it is made of: a value cannot end its line, a name is a token.

// appendHeader appends a header line; none when the name is not a token.
func appendHeader(dst []byte, name, value string) []byte {
	if !isToken(name) {
		return dst
	}
	dst = append(append(dst, name...), ": "...)
	return append(appendValue(dst, value), "\r\n"...)
}

// appendValue appends a value with its line breaks, if any, turned into spaces; a folded value stays what it is.
func appendValue(dst []byte, value string) []byte {
	start := len(dst)
	dst = append(dst, value...)
	if strings.IndexByte(value, '\n') < 0 && strings.IndexByte(value, '\r') < 0 {
		return dst
	}
	for i, c := range dst[start:] {
		if c == '\r' || c == '\n' {
			dst[start+i] = ' '
		}
	}
	return dst
}

// appendURIText appends a Request-URI with what would end it escaped.
func appendURIText(dst []byte, uri string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c == 0x7f {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func appendLength(dst []byte, n int) []byte {
	dst = append(dst, "Content-Length: "...)
	return append(strconv.AppendInt(dst, int64(n), 10), "\r\n"...)
}
