package wire

import "strings"

// Split cuts a header value at the commas outside quotes and angle brackets.
func Split(value string) []string {
	var parts []string
	var quoted, bracket bool
	start := 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			bracket = true
		case c == '>':
			bracket = false
		case c == ',' && !bracket:
			parts = append(parts, strings.TrimSpace(value[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(value[start:]))
}

// Param returns the value of a parameter behind the address of a header value,
// without quotes; "" when there is none.
func Param(value, name string) string {
	if _, after, ok := strings.Cut(value, ">"); ok {
		value = after
	}
	for part := range strings.SplitSeq(value, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// AddrURI returns the URI of a name-addr or addr-spec.
func AddrURI(value string) string {
	if _, after, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(after, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}
