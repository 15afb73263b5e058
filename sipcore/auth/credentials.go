package auth

import (
	"strings"

	"carillon/sipcore/message"
)

// credentials is one Authorization or Proxy-Authorization value of the Digest
// scheme (RFC 7616 section 3.4). Its strings are parts of the message; quoted
// ones are taken as they stand between the quotes, for that is what was hashed.
type credentials struct {
	username, realm, nonce, uri, response string
	algorithm, cnonce, qop, nc            string
}

// maxParameter bounds what is hashed for a stranger.
const maxParameter = 2048

// findCredentials returns the digest that m offers for realm under the header
// field name. Other schemes and realms are not our business: a request may
// carry credentials for several servers. malformed is true when something that
// might have been for us could not be read.
func findCredentials(m *message.Message, name message.Name, realm string) (c credentials, found, malformed bool) {
	for i := range m.Lines() {
		n, _, value := m.Line(i)
		if n != name {
			continue
		}
		params, isDigest := cutScheme(value)
		if !isDigest {
			continue
		}
		x, ok := parseCredentials(params)
		switch {
		case !ok:
			malformed = true
		case x.realm != realm || x.isBlank():
		case !x.isComplete():
			malformed = true
		default:
			return x, true, false
		}
	}
	return c, false, malformed
}

func cutScheme(value string) (params string, isDigest bool) {
	const scheme = "Digest"
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	params = trimLeft(value[len(scheme):])
	return params, len(params) < len(value)-len(scheme)
}

func parseCredentials(params string) (c credentials, ok bool) {
	for params != "" {
		var name, value string
		if name, value, params, ok = cutParameter(params); !ok {
			return c, false
		}
		if field := c.field(name); field != nil {
			if *field != "" || len(value) > maxParameter {
				return c, false
			}
			*field = value
		}
	}
	return c, true
}

// isBlank reports whether c only names a user: some phones write that before
// they have been asked (RFC 3310 section 3.3).
func (c *credentials) isBlank() bool { return c.nonce == "" && c.response == "" }

// isComplete reports whether nothing is missing. With a qop, cnonce and nc must
// be there.
func (c *credentials) isComplete() bool {
	if c.username == "" || c.nonce == "" || c.uri == "" || c.response == "" {
		return false
	}
	return c.qop == "" || c.cnonce != "" && c.nc != ""
}

func (c *credentials) field(name string) *string {
	switch strings.ToLower(name) {
	case "username":
		return &c.username
	case "realm":
		return &c.realm
	case "nonce":
		return &c.nonce
	case "uri":
		return &c.uri
	case "response":
		return &c.response
	case "algorithm":
		return &c.algorithm
	case "cnonce":
		return &c.cnonce
	case "qop":
		return &c.qop
	case "nc":
		return &c.nc
	}
	return nil
}

// cutParameter takes name=value or name="value" and a comma off the front.
func cutParameter(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	if name = trimRight(name); !ok || !isWord(name) {
		return "", "", "", false
	}
	s = trimLeft(s)
	if strings.HasPrefix(s, `"`) {
		end := quotedEnd(s)
		if end < 0 {
			return "", "", "", false
		}
		value, s = s[1:end], trimLeft(s[end+1:])
		rest, ok = strings.CutPrefix(s, ",")
		return name, value, trimLeft(rest), ok || s == ""
	}
	value, rest, _ = strings.Cut(s, ",")
	value = trimRight(value)
	return name, value, trimLeft(rest), isWord(value)
}

// quotedEnd returns where the quote that opens s closes, or -1.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// isWord reports whether s can stand without quotes. It takes more than RFC
// 3261 allows: some phones leave the quotes of an address out.
func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == ',' {
			return false
		}
	}
	return s != ""
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimLeft(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
