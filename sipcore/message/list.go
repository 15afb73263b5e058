package message

import "strings"

// cutValue takes the first value of a comma-separated list. more says that a comma followed it.
func cutValue(list string) (value, rest string, more bool) {
	if strings.IndexByte(list, ',') < 0 {
		return trimSpace(list), "", false
	}
	i := spanUntil(list, ',')
	if i == len(list) {
		return trimSpace(list), "", false
	}
	return trimSpace(list[:i]), skipSpace(list[i+1:]), true
}

// spanUntil is where sep first stands outside of quotes and <>, or the length of s. Quotes mean nothing inside <>. An
// unterminated quote or < reaches to the end.
func spanUntil(s string, sep byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case sep:
			return i
		case '"':
			n := spanQuoted(s[i:])
			if n == 0 {
				return len(s)
			}
			i += n - 1
		case '<':
			n := strings.IndexByte(s[i:], '>')
			if n < 0 {
				return len(s)
			}
			i += n
		}
	}
	return len(s)
}
