package link

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// A Token lets one node join. A person copies its text from one machine to
// another: it says how to recognise the system, where to find it, and holds a
// secret that works once.
type Token struct {
	Fingerprint [16]byte // the first half of the authority's
	Addresses   []netip.AddrPort
	Secret      [16]byte
}

// Errors of ParseToken.
var (
	// ErrTokenIncomplete: the text was cut off.
	ErrTokenIncomplete = errors.New("the token is incomplete: copy all of it")
	// ErrTokenMistyped: a character is wrong.
	ErrTokenMistyped = errors.New("the token is not as it was given: copy it again")
	// ErrNoToken: the text is something else.
	ErrNoToken = errors.New("this is no token: it begins with " + tokenPrefix)
)

const (
	tokenPrefix    = "carillon-"
	tokenVersion   = 1
	tokenHead      = 2 // version, length of all bytes
	tokenSum       = 4
	tokenAddresses = 8 // at most
	tokenShortest  = tokenHead + 16 + 16 + 1 + tokenSum
	tokenLongest   = tokenShortest + tokenAddresses*(1+16+2)
)

// NewToken makes a token for the system of a, to be joined at one of the
// addresses; the first eight count. The caller keeps its Hash.
func NewToken(a *Authority, addresses []netip.AddrPort) Token {
	var t Token
	whole := a.Fingerprint()
	copy(t.Fingerprint[:], whole[:])
	for _, address := range addresses[:min(len(addresses), tokenAddresses)] {
		t.Addresses = append(t.Addresses, netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port()))
	}
	_, _ = rand.Read(t.Secret[:]) // never fails
	return t
}

// String is the text for people. It holds the secret: it belongs in no log, and %v would print it.
func (t Token) String() string {
	b := []byte{tokenVersion, 0}
	b = append(b, t.Fingerprint[:]...)
	b = append(b, t.Secret[:]...)
	b = append(b, byte(len(t.Addresses))) //nolint:gosec // at most eight
	for _, at := range t.Addresses {
		b = append(b, byte(at.Addr().BitLen()/8)) //nolint:gosec // 4 or 16
		b = append(b, at.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, at.Port())
	}
	b[1] = byte(len(b) + tokenSum) //nolint:gosec // at most tokenLongest
	sum := sha256.Sum256(b)
	return tokenPrefix + strings.ToLower(tokenText().EncodeToString(append(b, sum[:tokenSum]...)))
}

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return "link.Token{...}" }

// Hash is what the system keeps of a token: it does not give the secret away.
func (t Token) Hash() string { return hashSecret(t.Secret) }

func hashSecret(secret [16]byte) string {
	sum := sha256.Sum256(append([]byte("carillon join token\x00"), secret[:]...))
	return hex.EncodeToString(sum[:])
}

func tokenText() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// ParseToken reads the text of a token: ErrTokenIncomplete, ErrTokenMistyped or
// ErrNoToken when it is none.
func ParseToken(text string) (Token, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	code, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		if text != "" && strings.HasPrefix(tokenPrefix, text) {
			return Token{}, ErrTokenIncomplete
		}
		return Token{}, ErrNoToken
	}
	if len(code) > tokenText().EncodedLen(tokenLongest) {
		return Token{}, ErrTokenMistyped
	}
	return decodeToken(code)
}

func decodeToken(code string) (Token, error) {
	b, err := tokenText().DecodeString(strings.ToUpper(wholeGroups(code)))
	if err != nil {
		return Token{}, ErrTokenMistyped
	}
	if len(b) < tokenHead {
		return Token{}, ErrTokenIncomplete
	}
	length := int(b[1])
	switch {
	case b[0] != tokenVersion:
		return Token{}, fmt.Errorf("%w (version %d)", ErrTokenMistyped, b[0])
	case length < tokenShortest || length > tokenLongest:
		return Token{}, ErrTokenMistyped
	case len(code) < tokenText().EncodedLen(length):
		return Token{}, ErrTokenIncomplete
	case len(b) != length:
		return Token{}, ErrTokenMistyped
	}
	body, sum := b[:length-tokenSum], sha256.Sum256(b[:length-tokenSum])
	if subtle.ConstantTimeCompare(sum[:tokenSum], b[length-tokenSum:]) != 1 {
		return Token{}, ErrTokenMistyped
	}
	return readToken(body[tokenHead:])
}

// wholeGroups drops the last characters of a cut text that make no whole byte,
// so that what is there can still be read.
func wholeGroups(code string) string {
	switch len(code) % 8 {
	case 1, 3, 6:
		return code[:len(code)-1]
	}
	return code
}

func readToken(b []byte) (Token, error) {
	var t Token
	b = b[copy(t.Fingerprint[:], b):]
	b = b[copy(t.Secret[:], b):]
	count := int(b[0])
	b = b[1:]
	if count > tokenAddresses {
		return Token{}, ErrTokenMistyped
	}
	for range count {
		if len(b) < 1 || b[0] != 4 && b[0] != 16 || len(b) < 1+int(b[0])+2 {
			return Token{}, ErrTokenMistyped
		}
		size := int(b[0])
		address, _ := netip.AddrFromSlice(b[1 : 1+size])
		t.Addresses = append(t.Addresses, netip.AddrPortFrom(address, binary.BigEndian.Uint16(b[1+size:])))
		b = b[1+size+2:]
	}
	if len(b) != 0 {
		return Token{}, ErrTokenMistyped
	}
	return t, nil
}
