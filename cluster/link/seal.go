package link

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
)

// Two kinds of packets go over UDP. Data:
//
//	kind 1 | receiver's index 4 | number 6 | sealed: class 1, payload | tag 16
//
// and hellos, by which two nodes agree on the key of data:
//
//	kind 1 | sender's name 8 | salt 16 | sealed: nonce 16, echo 16, index 4 | tag 16
//
// The keys come from the static secret of the certificates' two keys. A data
// key also depends on a nonce of each side, which lives as long as the process,
// so no number is used twice under one key, and what was recorded before a
// restart opens nothing after it.
const (
	kindData  byte = 0xD1
	kindHello byte = 0xE1

	dataHead   = 1 + 4 + 6
	tagSize    = 16
	Overhead   = dataHead + 1 + tagSize // bytes that sealing adds to a payload
	hellosName = 8
	helloHead  = 1 + hellosName + 16
	helloBody  = 16 + 16 + 4
	helloSize  = helloHead + helloBody + tagSize
	numbers    = 1 << 48
)

type nonce [16]byte

func newNonce() (n nonce) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// A hello says: this is my nonce, this is the nonce I have of you, and this is
// how I want to be addressed.
type hello struct {
	nonce nonce
	echo  nonce
	index uint32
}

// A secret is what two nodes alone can compute, with who they are.
type secret struct {
	prk    []byte
	own    [32]byte // fingerprint of the public key
	theirs [32]byte
}

func newSecret(own *ecdh.PrivateKey, theirs *ecdh.PublicKey) (secret, error) {
	shared, err := own.ECDH(theirs)
	if err != nil {
		return secret{}, fmt.Errorf("agreeing on a secret: %w", err)
	}
	prk, err := hkdf.Extract(sha256.New, shared, []byte("carillon link packets 1"))
	if err != nil {
		return secret{}, fmt.Errorf("agreeing on a secret: %w", err)
	}
	return secret{prk, keyName(own.PublicKey()), keyName(theirs)}, nil
}

func keyName(public *ecdh.PublicKey) [32]byte { return sha256.Sum256(public.Bytes()) }

// key derives a key for one direction and purpose.
func (s secret) key(purpose string, from, to [32]byte, parts ...[]byte) cipher.AEAD {
	info := append(append([]byte(purpose), from[:]...), to[:]...)
	for _, part := range parts {
		info = append(info, part...) // all of fixed length
	}
	key, err := hkdf.Expand(sha256.New, s.prk, string(info), 32)
	if err != nil {
		panic(err) // cannot happen: 32 bytes are never too many
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // cannot happen: 32 bytes are a key
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // cannot happen: AES has blocks of 16 bytes
	}
	return gcm
}

func (s secret) sealHello(h hello) []byte {
	b := make([]byte, helloHead, helloSize)
	b[0] = kindHello
	copy(b[1:], s.own[:hellosName])
	salt := newNonce()
	copy(b[1+hellosName:], salt[:])
	body := append(append(make([]byte, 0, helloBody), h.nonce[:]...), h.echo[:]...)
	body = binary.BigEndian.AppendUint32(body, h.index)
	var once [12]byte // the key is used once
	return s.key("hello", s.own, s.theirs, salt[:]).Seal(b, once[:], body, b)
}

func (s secret) openHello(b []byte) (h hello, ok bool) {
	if len(b) != helloSize || b[0] != kindHello {
		return h, false
	}
	head := b[:helloHead]
	var once [12]byte
	body, err := s.key("hello", s.theirs, s.own, head[1+hellosName:]).Open(nil, once[:], b[helloHead:], head)
	if err != nil {
		return h, false
	}
	copy(h.nonce[:], body)
	copy(h.echo[:], body[16:])
	h.index = binary.BigEndian.Uint32(body[32:])
	return h, true
}

// A seal is the pair of keys between two processes.
type seal struct {
	own, theirs nonce
	index       uint32 // how the other wants to be addressed
	out, in     cipher.AEAD
	sent        atomic.Uint64

	mu   sync.Mutex
	came window
}

func (s secret) seal(own, theirs nonce, index uint32) *seal {
	return &seal{
		own: own, theirs: theirs, index: index,
		out: s.key("data", s.own, s.theirs, own[:], theirs[:]),
		in:  s.key("data", s.theirs, s.own, theirs[:], own[:]),
	}
}

// close appends the sealed packet to b, which is empty with room enough, or
// returns false when the numbers are used up.
func (k *seal) close(b []byte, class byte, payload []byte) ([]byte, bool) {
	number := k.sent.Add(1) - 1
	if number >= numbers {
		return nil, false
	}
	b = append(b, kindData)
	b = binary.BigEndian.AppendUint32(b, k.index)
	once := onceOf(number)
	b = append(b, once[6:]...)
	b = append(b, class)
	b = append(b, payload...)
	return k.out.Seal(b[:dataHead], once[:], b[dataHead:], b[:dataHead]), true
}

type verdict int

const (
	good verdict = iota
	forged
	replayed
)

// open opens a packet in place.
func (k *seal) open(b []byte) (class byte, payload []byte, v verdict) {
	if len(b) < Overhead {
		return 0, nil, forged
	}
	var once [12]byte
	copy(once[6:], b[5:dataHead])
	plain, err := k.in.Open(b[dataHead:dataHead], once[:], b[dataHead:], b[:dataHead])
	if err != nil {
		return 0, nil, forged
	}
	number := binary.BigEndian.Uint64(once[4:]) & (numbers - 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.came.take(number) {
		return 0, nil, replayed
	}
	return plain[0], plain[1:], good
}

func onceOf(number uint64) (once [12]byte) {
	binary.BigEndian.PutUint64(once[4:], number)
	return once
}
