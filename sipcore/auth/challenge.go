package auth

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
)

// ChallengeFor returns the values of WWW-Authenticate or Proxy-Authenticate, in
// order, that ask the sender of m, who is at the address to, for the password of
// realm. stale tells the phone that its password was right and only the nonce is
// used up.
//
// MD5 stands before SHA-256 although RFC 8760 section 2.4 has the better one
// first. Tried: SIPp 3.6.1 ends with a fatal error when SHA-256 comes first,
// and takes MD5 when that does; older pjsip, twinkle and sipgo look at the first
// line alone. What knows both takes the first, what knows SHA-256 alone finds
// it. baresip before 3.12 gives up when any line is not MD5 ("Function not
// implemented"), so it gets one line.
func (c *Checker) ChallengeFor(m *message.Message, realm string, stale bool, to netip.Addr, now time.Time) []string {
	var nonce [nonceTextLen]byte
	c.sealer.appendNonce(nonce[:0], to, now)
	var room [512]byte // both are parts of one text: nothing is sent to strangers as often
	text := appendChallenge(room[:0], realm, nonce[:], "MD5", stale)
	first := len(text)
	if agent, _ := m.Header(message.UserAgent); knowsOnlyMD5(agent) {
		return []string{string(text)}
	}
	both := string(appendChallenge(text, realm, nonce[:], "SHA-256", stale))
	return []string{both[:first], both[first:]}
}

func appendChallenge(dst []byte, realm string, nonce []byte, algorithm string, stale bool) []byte {
	dst = append(append(append(dst, `Digest realm="`...), realm...), `", nonce="`...)
	dst = append(append(append(dst, nonce...), `", algorithm=`...), algorithm...)
	dst = append(dst, `, qop="auth"`...)
	if stale {
		dst = append(dst, ", stale=true"...)
	}
	return dst
}

// knowsOnlyMD5 reports whether a phone fails when it is offered anything else.
func knowsOnlyMD5(userAgent string) bool {
	version, ok := strings.CutPrefix(userAgent, "baresip v")
	if !ok {
		return false
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	return errX != nil || errY != nil || x < 3 || x == 3 && y < 12
}
