package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync"
)

// A siv encrypts and authenticates short texts by a synthetic initialisation
// vector, as RFC 5297 does: the CMAC (RFC 4493) of the plain text is tag and
// initial counter in one. That needs no nonce, so that a token stays short, and
// no state but the keys. Equal texts give equal results, which is what a token
// may do. The tag is cut to 96 bits: guessing it needs 2^95 tries at this node.
type siv struct {
	mac, enc cipher.Block
	k1, k2   [blockSize]byte // the subkeys of CMAC
	scratch  sync.Pool       // of *scratch
}

const (
	blockSize = aes.BlockSize
	tagSize   = 12
)

// alphabet is of characters that may stand in the user part of a SIP URI and in a
// quoted string, without padding. It has no q: there are programs that look for
// "CSeq" anywhere in a message, SIPp 3.6 among them, and of a hundred thousand
// tokens one would have it.
const alphabet = "ABCDEFGHIJKLMNOPRSTUVWXYZabcdefghijklmnoprstuvwxyz0123456789-_.*"

// scratch is what a computation needs beside its result: handing slices of it
// to a cipher.Block would cost an allocation each if it were on the stack.
type scratch struct {
	sum, pad [blockSize]byte
	text     []byte // in binary
	code     []byte // in base64

	// encoding writes [alphabet]. Strict and decode together accept one spelling
	// only.
	encoding *base64.Encoding
}

func newSIV(macKey, encKey []byte) *siv {
	s := &siv{mac: newAES(macKey), enc: newAES(encKey)}
	encoding := base64.NewEncoding(alphabet).WithPadding(base64.NoPadding).Strict()
	s.scratch.New = func() any { return &scratch{text: make([]byte, 0, 256), encoding: encoding} }
	var zero [blockSize]byte
	s.mac.Encrypt(zero[:], zero[:])
	s.k1 = double(zero)
	s.k2 = double(s.k1)
	return s
}

func newAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // a key of our own making has the right size
	}
	return block
}

// double multiplies by x in GF(2^128) (RFC 4493 section 2.3).
func double(b [blockSize]byte) [blockSize]byte {
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	carry := high >> 63
	binary.BigEndian.PutUint64(b[:8], high<<1|low>>63)
	binary.BigEndian.PutUint64(b[8:], low<<1^carry*0x87)
	return b
}

// cmac leaves the MAC of text in w.sum.
func (s *siv) cmac(w *scratch, text []byte) {
	clear(w.sum[:])
	for len(text) > blockSize {
		subtle.XORBytes(w.sum[:], w.sum[:], text[:blockSize])
		s.mac.Encrypt(w.sum[:], w.sum[:])
		text = text[blockSize:]
	}
	subtle.XORBytes(w.sum[:], w.sum[:], text)
	subkey := &s.k1
	if len(text) < blockSize {
		w.sum[len(text)] ^= 0x80
		subkey = &s.k2
	}
	subtle.XORBytes(w.sum[:], w.sum[:], subkey[:])
	s.mac.Encrypt(w.sum[:], w.sum[:])
}

// crypt encrypts or decrypts text in place, by counter mode from tag on.
func (s *siv) crypt(w *scratch, tag, text []byte) {
	for counter := uint32(0); len(text) > 0; counter++ {
		copy(w.pad[:], tag)
		binary.BigEndian.PutUint32(w.pad[tagSize:], counter)
		s.enc.Encrypt(w.pad[:], w.pad[:])
		n := subtle.XORBytes(text, text, w.pad[:])
		text = text[n:]
	}
}

// seal encrypts w.text[tagSize:] in place and puts the tag in front.
func (s *siv) seal(w *scratch) {
	plain := w.text[tagSize:]
	s.cmac(w, plain)
	copy(w.text, w.sum[:tagSize])
	s.crypt(w, w.text[:tagSize], plain)
}

// open undoes seal and reports whether w.text is something that seal made.
func (s *siv) open(w *scratch) (plain []byte, ok bool) {
	if len(w.text) < tagSize {
		return nil, false
	}
	tag, plain := w.text[:tagSize], w.text[tagSize:]
	s.crypt(w, tag, plain)
	s.cmac(w, plain)
	return plain, subtle.ConstantTimeCompare(tag, w.sum[:tagSize]) == 1
}
