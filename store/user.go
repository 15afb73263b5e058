package store

import (
	"crypto/md5" //nolint:gosec // RFC 3261 digests need MD5
	"crypto/sha256"
	"encoding/hex"
)

// A User is a person or place that can be called.
type User struct {
	Number  string // what is dialled; letters are allowed; case matters
	Name    string // shown to who is called; may be empty
	Site    string // where the phone stands; may be empty
	Digests Digests
	Direct  []string // numbers in E.164 ("+3265551201") that reach this user from outside
	Roams   bool     // may register from any network
	Lamps   []string // numbers of the users whom his phones watch as one list, in the order of their keys

	Calendar Calendar // that says what the user does
	Rules    []Rule   // who is called instead, by what is told of the user; none of a state: he
}

// Digests are what is kept of a password: H(user:realm:password) in lower-case
// hex (RFC 7616 3.4.2), one for each algorithm. The zero Digests let nobody in.
type Digests struct {
	MD5    string
	SHA256 string

	Elsewhere bool // there is a password, and this node does not hold its digests: a main is asked
}

// MakeDigests returns the digests of a password. The realm is the domain.
func MakeDigests(user, realm, password string) Digests {
	secret := []byte(user + ":" + realm + ":" + password)
	m := md5.Sum(secret) //nolint:gosec // RFC 3261 digests need MD5
	s := sha256.Sum256(secret)
	return Digests{MD5: hex.EncodeToString(m[:]), SHA256: hex.EncodeToString(s[:])}
}

// text tells passwords apart.
func (d Digests) text() string {
	if d.Elsewhere {
		return elsewhere
	}
	return d.SHA256
}

// IsZero reports whether there is no password.
func (d Digests) IsZero() bool { return d == Digests{} }
