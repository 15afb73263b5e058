package calendar

import (
	"net/http"
	"strings"

	"github.com/icholy/digest"

	"carillon/store"
)

// A login is how a server wants to be told user and password. The zero value is not
// known yet: it is asked without them first.
type login struct {
	basic     bool
	challenge *digest.Challenge // not modified
	count     int               // how often it was answered
}

// learn takes a server's challenge, a digest if it has one: then the password does not
// travel. It reports whether there is another answer to give.
func (l *login) learn(h http.Header, at store.Calendar) bool {
	if at.User == "" {
		return false
	}
	basic := false
	for _, text := range h.Values("WWW-Authenticate") {
		if !digest.IsDigest(text) {
			basic = basic || isBasic(text)
			continue
		}
		if c, err := digest.ParseChallenge(text); err == nil && digest.CanDigest(c) && !isAgain(l.challenge, c) {
			*l = login{challenge: c}
			return true
		}
	}
	if !basic || l.basic {
		return false // it has heard the password, and refuses it
	}
	if l.challenge != nil && strings.HasPrefix(at.Address, "http:") {
		return false // somebody on the way would like to hear the password
	}
	*l = login{basic: true}
	return true
}

// isAgain reports whether a server that was answered asks the same again: it refuses
// who asks.
func isAgain(was, is *digest.Challenge) bool {
	return was != nil && was.Nonce == is.Nonce && !is.Stale
}

func isBasic(text string) bool {
	const basic = "basic"
	return len(text) >= len(basic) && strings.EqualFold(text[:len(basic)], basic)
}

// authorization returns what tells a server who asks; "" if it is not known how.
func (l *login) authorization(req *http.Request, at store.Calendar) string {
	switch {
	case l.basic:
		with := &http.Request{Header: http.Header{}}
		with.SetBasicAuth(at.User, at.Password.Reveal())
		return with.Header.Get("Authorization")
	case l.challenge == nil:
		return ""
	}
	l.count++
	c, err := digest.Digest(l.challenge, digest.Options{
		Method: req.Method, URI: req.URL.RequestURI(), GetBody: req.GetBody, Count: l.count,
		Username: at.User, Password: at.Password.Reveal(),
	})
	if err != nil {
		return ""
	}
	return c.String()
}
