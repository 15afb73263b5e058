package auth

import (
	"strings"

	"carillon/sipcore/message"
)

// NamesRealm reports whether the value of a challenge or of credentials, of
// whatever scheme, is for realm: one of its parameters says so, in any case of
// letters. A value that cannot be read might be, so it counts as one that is.
func NamesRealm(value, realm string) bool {
	for {
		i := strings.IndexAny(value, `="`)
		if i < 0 {
			return false
		}
		name := lastWord(value[:i])
		if value[i] == '=' {
			value = trimLeft(value[i+1:])
		} else {
			name, value = "", value[i:]
		}
		text, rest, ok := cutText(value)
		if !ok || strings.EqualFold(name, "realm") && strings.EqualFold(text, realm) {
			return true
		}
		value = rest
	}
}

// lastWord returns what stands behind the last space or comma.
func lastWord(s string) string {
	s = trimRight(s)
	return s[strings.LastIndexAny(s, " \t\r\n,")+1:]
}

// cutText takes a quoted text, without its quotes and as it is meant (some phones
// hash that), or a word off the front.
func cutText(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, " \t\r\n,")
		if i < 0 {
			return s, "", true
		}
		return s[:i], s[i:], true
	}
	end := quotedEnd(s)
	if end < 0 {
		return "", "", false
	}
	return trimLeft(trimRight(message.Unquote(s[1:end]))), s[end+1:], true
}
