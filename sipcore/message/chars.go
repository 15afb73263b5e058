package message

// A charSet is a set of characters that parts of a message are made of (RFC 3261 25.1); the table has a bit for each.
type charSet uint8

const (
	tokenChars charSet = 1 << iota
	hostChars          // of names and IPv4 addresses
	// uriChars are wider than the grammar on purpose: phones dial '#' and write UTF-8. Escapes are not among them.
	uriChars
	// valueChars are those of a parameter's value, without quotes: all that separates nothing, for IPv6 addresses come
	// without brackets (RFC 5118 4.5), and base64.
	valueChars
)

//nolint:gochecknoglobals // a constant table
var charSets = makeCharSets()

func makeCharSets() (table [256]charSet) {
	for c := range table {
		if c > ' ' && c != 0x7f {
			table[c] = uriChars | valueChars
		}
	}
	for c := range table {
		if isDigit(byte(c)) || lower(byte(c))-'a' < 26 {
			table[c] |= tokenChars | hostChars
		}
	}
	for _, c := range []byte("-.!%*_+`'~") {
		table[c] |= tokenChars
	}
	for _, c := range []byte("-._") {
		table[c] |= hostChars
	}
	for _, c := range []byte(`"<>%`) {
		table[c] &^= uriChars
	}
	for _, c := range []byte(`"<>;,`) {
		table[c] &^= valueChars
	}
	return table
}

func (set charSet) has(c byte) bool { return charSets[c]&set != 0 }

// span is the length of what s starts with from the set.
func (set charSet) span(s string) int {
	i := 0
	for i < len(s) && set.has(s[i]) {
		i++
	}
	return i
}

func isToken(s string) bool { return s != "" && tokenChars.span(s) == len(s) }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func isHex(c byte) bool { return isDigit(c) || lower(c)-'a' < 6 }

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// sameFold compares in any case of ASCII letters, and of no others.
func sameFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}
