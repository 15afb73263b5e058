package auth

import (
	"strconv"
	"strings"
	"testing"

	"carillon/sipcore/message"
	"carillon/store"
)

// FuzzDigest: a right answer is let in, once; whatever one byte of it becomes,
// it is let in only if it still says what was signed.
func FuzzDigest(f *testing.F) {
	f.Add("201", "pw", "sip:rig.test", "6b8b4567", uint16(1), false, true, uint16(40), byte('x'))
	f.Add("a b", "", "tel:+32", ",=;", uint16(65535), true, false, uint16(0), byte('"'))
	f.Add("é", "p:w", "sip:a@b;c=d?e=f", "0", uint16(7), true, true, uint16(300), byte('\\'))
	s := sealer()
	c := NewChecker(s, nil)
	f.Fuzz(func(t *testing.T, user, password, uri, cnonce string, nc uint16, sha, qop bool, at uint16, with byte) {
		if nc == 0 || !quotable(user) || !quotable(uri) || !quotable(cnonce) || strings.Contains(user, "@") {
			return
		}
		signed := answering(s.Nonce(here(), now()), func(a *answer) {
			a.user, a.password, a.uri, a.cnonce = user, password, uri, cnonce
			a.nc = strconv.FormatUint(uint64(nc), 16)
			if sha {
				a.algorithm = "SHA-256"
			}
			if !qop {
				a.qop = ""
			}
		})
		known := func(u string) (store.Digests, bool) { return store.MakeDigests(u, realm, password), u == user }
		good := signed.header()
		if forged := changed(good, int(at), with); forged != good {
			if got := check(t, c, forged, known); got == OK && !saysTheSame(t, forged, good) {
				t.Fatalf("%q is let in for %q", forged, good)
			} else if got == OK {
				return // the same, in other letters: it is used up now
			}
		}
		if got := check(t, c, good, known); got != OK {
			t.Fatalf("%q: got %v, want it let in", good, got)
		}
		if got := check(t, c, good, known); got != Stale {
			t.Fatalf("%q again: got %v, want stale", good, got)
		}
	})
}

// quotable reports whether s can stand in a quoted string as it is, is not
// empty and not longer than what is hashed for a stranger.
func quotable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] == 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= maxParameter
}

func changed(s string, at int, with byte) string {
	at %= len(s)
	return s[:at] + string([]byte{with}) + s[at+1:]
}

func check(t *testing.T, c *Checker, header string, find func(string) (store.Digests, bool)) Result {
	t.Helper()
	m, err := message.ParseString("REGISTER sip:rig.test SIP/2.0\r\nAuthorization: " + header + "\r\n\r\n")
	if m == nil || err != nil {
		return Malformed
	}
	_, r := c.Check(m, message.Authorization, realm, Sender{}, find, now())
	return r
}

// saysTheSame reports whether two headers have equal credentials, but for the
// case of letters where it means nothing.
func saysTheSame(t *testing.T, a, b string) bool {
	t.Helper()
	read := func(header string) credentials {
		params, _ := cutScheme(header)
		c, _ := parseCredentials(params)
		c.response, c.algorithm = strings.ToLower(c.response), strings.ToUpper(c.algorithm)
		return c
	}
	return read(a) == read(b)
}
