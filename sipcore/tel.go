package sipcore

import (
	"strings"

	"carillon/sipcore/message"
)

// isTel reports whether uri is a telephone number by itself (RFC 3966), which is
// a number of ours.
func isTel(uri message.URI) bool { return strings.EqualFold(uri.Scheme, "tel") }

// withoutSeparators takes out what only helps the eye (RFC 3966 section 3).
func withoutSeparators(number string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, number)
}
