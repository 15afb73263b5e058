package wire

import (
	"crypto/md5" //nolint:gosec // RFC 2617 asks for it; phones speak it
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Credentials are what a phone knows to prove who it is.
type Credentials struct {
	User, Password string
	Count          int // how often the nonce was used, this time included; 0 is the first
}

// Answer returns the value of Authorization or Proxy-Authorization for a
// challenge (RFC 3261 section 22, RFC 7616), with qop=auth when it is offered.
func (c Credentials) Answer(challenge, method, uri string) (string, error) {
	hash, err := hasher(authParam(challenge, "algorithm"))
	if err != nil {
		return "", err
	}
	realm, nonce := authParam(challenge, "realm"), authParam(challenge, "nonce")
	ha1, ha2 := hash(c.User+":"+realm+":"+c.Password), hash(method+":"+uri)
	answer := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"`, c.User, realm, nonce, uri)
	if algorithm := authParam(challenge, "algorithm"); algorithm != "" {
		answer += ", algorithm=" + algorithm
	}
	if opaque := authParam(challenge, "opaque"); opaque != "" {
		answer += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	if authParam(challenge, "qop") == "" {
		return answer + fmt.Sprintf(`, response="%s"`, hash(ha1+":"+nonce+":"+ha2)), nil
	}
	cnonce, nc := rand.Text(), fmt.Sprintf("%08x", max(1, c.Count))
	response := hash(strings.Join([]string{ha1, nonce, nc, cnonce, "auth", ha2}, ":"))
	return answer + fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s", response="%s"`, nc, cnonce, response), nil
}

func hasher(algorithm string) (func(string) string, error) {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return func(s string) string {
			sum := md5.Sum([]byte(s)) //nolint:gosec // RFC 2617 asks for it; phones speak it
			return hex.EncodeToString(sum[:])
		}, nil
	case "SHA-256":
		return func(s string) string {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}, nil
	}
	return nil, fmt.Errorf("challenge asks for algorithm %q", algorithm)
}

func authParam(challenge, name string) string {
	_, params, _ := strings.Cut(challenge, " ")
	for _, part := range Split(params) {
		k, v, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}
