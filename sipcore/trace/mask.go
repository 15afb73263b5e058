package trace

import (
	"iter"
	"regexp"
	"strings"
)

// A masker takes secrets out of messages. Each byte of a secret becomes a star,
// so that all lengths stay true. It works on any text, also on what is no message.
type masker struct {
	hash, embedded, userinfo, media, signal *regexp.Regexp
}

func newMasker() *masker {
	return &masker{
		// Wherever it stands in the credentials and however they are written:
		// no proof of a password is shorter than MD5, and none is not hex.
		hash: regexp.MustCompile(`()([0-9A-Fa-f]{32,})()`),
		// RFC 3261 section 19.1.1: header fields and passwords in URIs.
		embedded: regexp.MustCompile(`(?i)(authorization(?:=|%3d))([^&>"\s]+)()`),
		userinfo: regexp.MustCompile(`(?i)(sips?:[^\s:@<>;?]*:)([^\s@<>;?]+)(@)`),
		// RFC 4568, RFC 8839, RFC 4566 and RFC 4567: keys in SDP.
		media: regexp.MustCompile(`(?im)(inline:|^a=ice-pwd:|^k=[a-z0-9]+:|^a=key-mgmt:\S+[ \t]+)([^\s|;]+)()`),
		// What phones send for each digit: application/dtmf-relay.
		signal: regexp.MustCompile(`(?im)(^[ \t]*signal[ \t]*=[ \t]*)(\S+)()`),
	}
}

// masked is [Ring.Text].
func (m *masker) masked(text string) string {
	head, body := cutHead(text)
	var b strings.Builder
	b.Grow(len(text))
	digits := false
	for field := range fields(head) {
		name, value, _ := strings.Cut(field, ":")
		switch strings.ToLower(strings.Trim(name, " \t\r\n")) {
		case "authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info":
			field = field[:len(field)-len(value)] + m.credentials(value)
		case "content-type", "c":
			kind, _, _ := strings.Cut(strings.TrimSpace(value), ";")
			digits = strings.EqualFold(strings.TrimSpace(kind), "application/dtmf")
		}
		b.WriteString(field)
	}
	head = stars(m.userinfo, stars(m.embedded, b.String()))
	if digits {
		return head + starred(body)
	}
	return head + stars(m.signal, stars(m.media, body))
}

// credentials masks the value of a header field that proves something: of a
// digest the hashes, of anything else all.
func (m *masker) credentials(value string) string {
	scheme := strings.ToLower(strings.TrimLeft(value, " \t\r\n"))
	if strings.HasPrefix(scheme, "digest") || strings.Contains(scheme, "rspauth") {
		return stars(m.hash, value)
	}
	return starred(value)
}

// stars replaces the second of three groups wherever secret is found.
func stars(secret *regexp.Regexp, text string) string {
	return secret.ReplaceAllStringFunc(text, func(found string) string {
		part := secret.FindStringSubmatch(found)
		if part == nil { // found only together with what stands around it
			return starred(found)
		}
		return part[1] + starred(part[2]) + part[3]
	})
}

// starred replaces all but spaces and line breaks.
func starred(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c > ' ' {
			b[i] = '*'
		}
	}
	return string(b)
}

// cutHead cuts a message behind its empty line; all is head without one.
func cutHead(text string) (head, body string) {
	n := len(text) - len(strings.TrimLeft(text, "\r\n"))
	for field := range fields(text[n:]) {
		n += len(field)
		if rest := text[n:]; strings.HasPrefix(rest, "\r\n") || strings.HasPrefix(rest, "\n") {
			n += strings.IndexByte(rest, '\n') + 1
			break
		}
	}
	return text[:n], text[n:]
}

// fields yields the lines of a head, each with those that continue it.
func fields(head string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(head) > 0 {
			n := lineEnd(head)
			for n < len(head) && (head[n] == ' ' || head[n] == '\t') {
				n += lineEnd(head[n:])
			}
			if !yield(head[:n]) {
				return
			}
			head = head[n:]
		}
	}
}

// lineEnd is where the first line ends, its break included.
func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i + 1
	}
	return len(s)
}
