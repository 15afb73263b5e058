package registrar

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
)

// A contact is one value of Contact in a REGISTER.
type contact struct {
	uri      message.URI
	text     string // the URI as it was written
	instance string // +sip.instance without <>, if it can serve as a name
	regID    int    // RFC 5626; 0 = none
	q        float32
	asked    time.Duration // 0 = remove
}

const (
	maxURI    = 1024
	maxCallID = 256
)

// parseContact reads one value of Contact. asked is what the phone asks for
// where the value does not say.
func parseContact(value string, asked time.Duration) (contact, *refusal) {
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return contact{}, &refusal{status: 400, reason: "Bad Contact"}
	}
	uri, err := message.ParseURI(a.URI)
	switch {
	case err != nil:
		return contact{}, &refusal{status: 400, reason: "Bad Contact"}
	case !uri.IsSIP():
		return contact{}, &refusal{status: 400, reason: "Contact Is No SIP URI"}
	case uri.Headers != "": // they would end up in every call to this phone
		return contact{}, &refusal{status: 400, reason: "Contact With Header Fields"}
	case len(a.URI) > maxURI:
		return contact{}, &refusal{status: 400, reason: "Contact Too Long"}
	}
	c := contact{uri: uri, text: a.URI, q: 1, asked: asked}
	for name, v := range message.Params(a.Params) {
		c.param(name, v)
	}
	return c, nil
}

func (c *contact) param(name, value string) {
	switch {
	case strings.EqualFold(name, "expires"):
		c.asked = seconds(value)
	case strings.EqualFold(name, "q"):
		if q, err := strconv.ParseFloat(value, 32); err == nil && q >= 0 && q <= 1 {
			c.q = float32(math.Round(q*1000) / 1000) // as many digits as there may be
		}
	case strings.EqualFold(name, "+sip.instance"):
		c.instance = instanceOf(value)
	case strings.EqualFold(name, "reg-id"):
		if n, err := strconv.ParseInt(value, 10, 32); err == nil && n > 0 {
			c.regID = int(n)
		}
	}
}

// instanceOf returns the URN in a +sip.instance: "<urn:...>", or without the
// brackets, as some phones write it. One that is no usual URN is hashed: it
// serves as well to tell phones apart.
func instanceOf(value string) string {
	urn := strings.Trim(value, "\"<> ")
	const usual = 64
	if urn == "" || len(urn) <= usual && strings.HasPrefix(urn, "urn:") && isPlain(urn) {
		return urn
	}
	return digest("i:", urn)
}

func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`"<>\#`, c) >= 0 {
			return false
		}
	}
	return true
}

// anonymous begins the device names of phones without an instance.
const anonymous = "c:"

// device names the contact's phone among those of the user. A phone without an
// instance is known by its Call-ID, which stays the same until it is restarted
// (RFC 3261 section 10.2.4). All names are short: they travel in tokens.
func (c *contact) device(callID string) string {
	switch {
	case c.instance == "":
		return digest(anonymous, callID)
	case c.regID == 0:
		return c.instance
	}
	return c.instance + "#" + strconv.Itoa(c.regID)
}

// deviceOfURI names the phone of one of several contacts with one Call-ID.
func (c *contact) deviceOfURI(callID string) string {
	return digest(anonymous, callID+"\x00"+c.text)
}

// digest is a short name for s, behind a prefix.
func digest(prefix, s string) string {
	sum := sha256.Sum256([]byte(s))
	var room [24]byte
	return string(base64.RawURLEncoding.AppendEncode(append(room[:0], prefix...), sum[:12]))
}
