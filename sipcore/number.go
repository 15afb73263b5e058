package sipcore

import (
	"strings"

	"carillon/sipcore/message"
	"carillon/store"
)

func isTel(uri message.URI) bool { return strings.EqualFold(uri.Scheme, "tel") }

// numberOf is the number, or name, that a URI names. What a tel URI has in it for
// the eye alone is left out (RFC 3966 section 5.1.1).
func numberOf(uri message.URI) string {
	number := uri.UserUnescaped()
	if !isTel(uri) || !strings.ContainsAny(number, "-.()") {
		return number
	}
	return strings.Map(func(c rune) rune {
		switch c {
		case '-', '.', '(', ')':
			return -1
		}
		return c
	}, number)
}

// userCalled returns the user whose number, inside or in E.164, this is.
func userCalled(view *store.View, number string) (store.User, bool) {
	if user, ok := view.User(number); ok {
		return user, true
	}
	return view.UserByDirect(number)
}

// fromURI returns the URI of the From header field.
func (r *request) fromURI() (message.URI, bool) {
	value, _ := r.Header(message.From)
	address, err := message.ParseNameAddr(value)
	if err != nil {
		return message.URI{}, false
	}
	uri, err := message.ParseURI(address.URI)
	return uri, err == nil
}

// isWithheld reports whether who sends a From with this URI does not want to be
// named (RFC 3323 section 4.1.1.3).
func isWithheld(uri message.URI) bool { return strings.EqualFold(uri.Host, "anonymous.invalid") }
