package auth

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"carillon/sipcore/message"
	"carillon/store"
)

// A node at a branch does not hold the digests of other sites' users. When one
// comes by it puts a Question to a node that does. The answer is a Result and no
// more: with it nobody else can be let in, nor the same one a second time.

// A Question is what a phone has shown for a password, for who holds the digests of
// the user. The texts are as they stood in the message.
type Question struct {
	User      string `json:"user"`
	Method    string `json:"method"`
	URI       string `json:"uri"`
	Nonce     string `json:"nonce"`
	Response  string `json:"response"`
	Algorithm string `json:"algorithm,omitempty"`
	QOP       string `json:"qop,omitempty"`
	NC        string `json:"nc,omitempty"`
	CNonce    string `json:"cnonce,omitempty"`
}

// texts are what a phone may have filled with any bytes.
func (q *Question) texts() []*string {
	return []*string{&q.User, &q.Method, &q.URI, &q.Nonce, &q.Response, &q.Algorithm, &q.QOP, &q.NC, &q.CNonce}
}

// asBytes is a Question of which each letter stands for a byte: JSON has letters alone,
// and a phone's digest is of bytes.
type asBytes struct {
	plain
	Bytes bool `json:"bytes,omitempty"`
}

type plain Question

// MarshalJSON implements [json.Marshaler].
func (q Question) MarshalJSON() ([]byte, error) {
	w := asBytes{Bytes: slices.ContainsFunc(q.texts(), func(s *string) bool { return !utf8.ValidString(*s) })}
	for _, s := range q.texts() {
		if w.Bytes {
			letters := make([]rune, len(*s))
			for i := range letters {
				letters[i] = rune((*s)[i])
			}
			*s = string(letters)
		}
	}
	w.plain = plain(q)
	return json.Marshal(w)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (q *Question) UnmarshalJSON(b []byte) error {
	var w asBytes
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*q = Question(w.plain)
	for _, s := range q.texts() {
		if w.Bytes {
			bytes := make([]byte, 0, len(*s))
			for _, letter := range *s {
				bytes = append(bytes, byte(letter)) //nolint:gosec // it was made of one
			}
			*s = string(bytes)
		}
	}
	return nil
}

// Question returns what to ask about m when Check has returned Elsewhere.
func (c *Checker) Question(m *message.Message, h message.Name, realm string) Question {
	d, _, _ := findCredentials(m, h, realm)
	return Question{
		User: cutRealm(d.username, realm), Method: m.MethodName(), URI: d.uri, Nonce: d.nonce, Response: d.response,
		Algorithm: d.algorithm, QOP: d.qop, NC: d.nc, CNonce: d.cnonce,
	}
}

// Judge answers the Question of the node at asker: OK, Wrong, or TooSoon. Whether the
// nonce is good is for who made it. find is as for Check; pace holds the other node
// to that of a phone that guesses.
func (c *Checker) Judge(
	q Question, asker netip.Addr, pace Guard, find func(user string) (store.Digests, bool), now time.Time,
) Result {
	d := credentials{
		uri: q.URI, nonce: q.Nonce, response: q.Response, algorithm: q.Algorithm, qop: q.QOP, nc: q.NC, cnonce: q.CNonce,
	}
	if pace.Wait(q.User, asker, now) > 0 {
		return TooSoon
	}
	digests, known := find(q.User)
	if !c.matches(&d, q.Method, digests, known) {
		pace.Wrong(q.User, asker, now)
		return Wrong
	}
	pace.Right(q.User, asker, now)
	return OK
}

// Judged returns what Check would have, after Judge's answer to q.
func (c *Checker) Judged(q Question, answer Result, from Sender, now time.Time) Result {
	switch answer {
	case OK:
		d := credentials{nonce: q.Nonce, qop: q.QOP, nc: q.NC}
		nc, ok := parseNC(&d)
		if !ok {
			return Malformed
		}
		return c.used(q.User, q.Nonce, nc, from, now)
	case Wrong:
		c.wrong(q.User, q.Nonce, from, now)
		return Wrong
	default:
		return TooSoon
	}
}

// ParseResult reads what String wrote of the answer to a Question.
func ParseResult(text string) (Result, bool) {
	for _, r := range []Result{OK, Wrong, TooSoon} {
		if r.String() == text {
			return r, true
		}
	}
	return Wrong, false
}
