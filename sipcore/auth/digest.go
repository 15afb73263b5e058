package auth

import (
	"crypto/md5" //nolint:gosec // most phones know nothing else (RFC 3261 section 22.4)
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"carillon/store"
)

// An algorithm is how a digest is made. The -sess variants are not offered.
type algorithm int

const (
	unknownAlgorithm algorithm = iota
	algorithmMD5
	algorithmSHA256
)

// parseAlgorithm knows that no name means MD5 (RFC 7616 section 3.3).
func parseAlgorithm(name string) algorithm {
	switch {
	case name == "" || strings.EqualFold(name, "MD5"):
		return algorithmMD5
	case strings.EqualFold(name, "SHA-256"):
		return algorithmSHA256
	}
	return unknownAlgorithm
}

// ha1 returns what is kept of a password for the algorithm.
func (a algorithm) ha1(d store.Digests) string {
	if a == algorithmSHA256 {
		return d.SHA256
	}
	return d.MD5
}

// appendSum appends the hash of text, in binary.
func (a algorithm) appendSum(dst, text []byte) []byte {
	if a == algorithmSHA256 {
		sum := sha256.Sum256(text)
		return append(dst, sum[:]...)
	}
	sum := md5.Sum(text) //nolint:gosec // see above
	return append(dst, sum[:]...)
}

// work is the memory that one check needs; it is used again.
type work struct {
	text     []byte
	sum, got [sha256.Size]byte
}

// want returns the response that c ought to have (RFC 7616 section 3.4.1), in
// binary, in w.
func (w *work) want(a algorithm, c *credentials, method, ha1 string) []byte {
	w.text = join(w.text[:0], method, c.uri)
	ha2 := a.appendSum(w.sum[:0], w.text)
	w.text = join(w.text[:0], ha1, c.nonce)
	if c.qop != "" {
		w.text = join(append(w.text, ':'), c.nc, c.cnonce, c.qop)
	}
	w.text = hex.AppendEncode(append(w.text, ':'), ha2)
	return a.appendSum(w.sum[:0], w.text)
}

// response returns what c has for a response, in binary, in w; nothing if it is
// no hash.
func (w *work) response(c *credentials) []byte {
	if len(c.response) > 2*len(w.got) {
		return nil
	}
	w.text = append(w.text[:0], c.response...)
	n, err := hex.Decode(w.got[:], w.text)
	if err != nil {
		return nil
	}
	return w.got[:n]
}

func join(dst []byte, parts ...string) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, p...)
	}
	return dst
}
