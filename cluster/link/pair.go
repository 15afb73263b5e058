package link

import (
	"crypto/ecdh"
	"crypto/x509"
	"net/netip"
	"sync"
	"time"
)

// How a pair of nodes comes to speak by packets.
const (
	waitingPackets = 8               // kept until there is a key
	waitingTime    = 3 * time.Second // and how long
	helloEvery     = time.Second     // while there is no answer
	hellosAtOnce   = 8               // answers to hellos, then one each helloRefill
	helloRefill    = 100 * time.Millisecond
	silence        = 10 * time.Second // of the other: does it still have the key?
	agreeEvery     = 3 * time.Second  // answers to hellos that say nothing new; longer than a round trip
	unanswered     = 3 * time.Second  // hellos; then a handshake tells the other who we are
	meetAgain      = 10 * time.Second
)

// A pair is this node and one other, by packets. Its methods decide; the port
// sends what they return. Nothing here reads the clock.
//
// Each side makes a nonce, and both nonces make the key. A nonce is taken into
// a key only when the other's hello echoes the one pending here, which then is
// spent: a recorded hello never brings an old key back.
type pair struct {
	node  string
	index uint32 // how the other addresses this pair

	mu          sync.Mutex
	certificate *x509.Certificate // nil: not known yet
	secret      secret
	seal        *seal // nil: no key yet
	pending     nonce // zero: none
	heard       time.Time
	said        time.Time // a packet of data last
	hello       time.Time // last sent unasked
	since       time.Time // of the first hello without an answer
	met         time.Time // last handshake begun
	meeting     bool
	tokens      int
	refilled    time.Time
	waiting     []letter
}

// A letter is a packet to send.
type letter struct {
	at      netip.AddrPort
	packet  []byte // sealed, unless class and payload wait for a key
	class   byte
	payload []byte
	put     time.Time
}

// send returns what to send for a payload: the packet, or a hello while it
// waits for a key; meet says that a handshake is needed.
func (r *pair) send(now time.Time, buffer []byte, l letter) (packet, greeting []byte, meet bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seal != nil {
		var ok bool
		if packet, ok = r.seal.close(buffer, l.class, l.payload); !ok {
			r.seal = nil
		}
		r.said = now
	}
	if packet == nil {
		r.waitLocked(now, l)
	}
	if r.certificate == nil {
		return packet, nil, r.meetLocked(now, helloEvery)
	}
	if r.seal == nil || now.Sub(r.heard) > silence {
		greeting = r.greetLocked(now, r.helloLocked(nonce{}))
		meet = greeting != nil && now.Sub(r.since) >= unanswered && r.meetLocked(now, meetAgain)
	}
	return packet, greeting, meet
}

func (r *pair) waitLocked(now time.Time, l letter) {
	if len(r.waiting) == waitingPackets {
		r.waiting = r.waiting[1:]
	}
	l.payload = append([]byte(nil), l.payload...)
	l.put = now
	r.waiting = append(r.waiting, l)
}

// greetLocked makes a hello unasked for, at most one each helloEvery.
func (r *pair) greetLocked(now time.Time, h hello) []byte {
	if now.Sub(r.hello) < helloEvery {
		return nil
	}
	if r.since.IsZero() {
		r.since = now
	}
	r.hello = now
	return r.secret.sealHello(h)
}

func (r *pair) meetLocked(now time.Time, every time.Duration) bool {
	if r.meeting || now.Sub(r.met) < every {
		return false
	}
	r.meeting, r.met = true, now
	return true
}

func (r *pair) metDone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meeting = false
}

// helloLocked is what to say now, about a nonce of the other's if it is not the
// one in use.
func (r *pair) helloLocked(echo nonce) hello {
	if r.seal != nil && (echo == nonce{} || echo == r.seal.theirs) {
		return hello{r.seal.own, r.seal.theirs, r.index}
	}
	if (r.pending == nonce{}) {
		r.pending = newNonce()
	}
	return hello{r.pending, echo, r.index}
}

// greeted takes a hello. It returns the answer, if one is due, and the packets
// that waited for the key.
func (r *pair) greeted(now time.Time, b []byte) (answer []byte, waited []letter, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.certificate == nil {
		return nil, nil, false
	}
	h, ok := r.secret.openHello(b)
	if !ok {
		return nil, nil, false
	}
	switch {
	case r.seal != nil && h.nonce == r.seal.theirs && h.echo == r.seal.own:
		return r.agreeLocked(now, h.nonce), nil, true
	case r.pending != nonce{} && h.echo == r.pending:
		r.seal, r.pending = r.secret.seal(r.pending, h.nonce, h.index), nonce{}
		r.heardLocked(now)
		waited = r.sealWaitingLocked(now)
	}
	if !r.mayAnswerLocked(now) {
		return nil, waited, true
	}
	return r.secret.sealHello(r.helloLocked(h.nonce)), waited, true
}

// agreeLocked says that the key is still here, to an other that may ask.
func (r *pair) agreeLocked(now time.Time, theirs nonce) []byte {
	r.heardLocked(now)
	if now.Sub(r.hello) < agreeEvery {
		return nil
	}
	r.hello = now
	return r.secret.sealHello(r.helloLocked(theirs))
}

func (r *pair) heardLocked(now time.Time) { r.heard, r.since = now, time.Time{} }

func (r *pair) sealWaitingLocked(now time.Time) (waited []letter) {
	for _, l := range r.waiting {
		if now.Sub(l.put) > waitingTime {
			continue
		}
		if packet, ok := r.seal.close(make([]byte, 0, len(l.payload)+Overhead), l.class, l.payload); ok {
			waited = append(waited, letter{at: l.at, packet: packet})
		}
	}
	r.waiting = nil
	return waited
}

// mayAnswerLocked bounds what recorded hellos can make us send.
func (r *pair) mayAnswerLocked(now time.Time) bool {
	if refill := int(now.Sub(r.refilled) / helloRefill); refill > 0 {
		r.tokens, r.refilled = min(hellosAtOnce, r.tokens+refill), now
	}
	if r.tokens == 0 {
		return false
	}
	r.tokens--
	return true
}

// opened opens a data packet in place. A packet that has no key here may come
// from before our restart, or the other's last hello was lost: a greeting asks.
func (r *pair) opened(now time.Time, b []byte) (class byte, payload, greeting []byte, v verdict) {
	r.mu.Lock()
	s := r.seal
	r.mu.Unlock()
	v = forged
	if s != nil {
		class, payload, v = s.open(b)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case v == good:
		r.heardLocked(now)
	case v == forged && r.certificate != nil && r.seal == nil:
		greeting = r.greetLocked(now, r.helloLocked(nonce{}))
	case v == forged && r.certificate != nil && r.pending != nonce{}:
		greeting = r.greetLocked(now, hello{nonce: r.pending, index: r.index})
	}
	return class, payload, greeting, v
}

// asked is called for a packet with an index that is nobody's, from the address
// of this node: perhaps we restarted.
func (r *pair) asked(now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.certificate == nil || r.seal != nil && now.Sub(r.heard) < silence {
		return nil
	}
	return r.greetLocked(now, r.helloLocked(nonce{}))
}

// learn takes the other's key; the old one's name is returned when it is
// another.
func (r *pair) learn(own *ecdh.PrivateKey, theirs *ecdh.PublicKey, certificate *x509.Certificate) (old [32]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.certificate != nil {
		if r.secret.theirs == keyName(theirs) {
			r.certificate = certificate
			return old, nil
		}
		old = r.secret.theirs
	}
	s, err := newSecret(own, theirs)
	if err != nil {
		return old, err
	}
	r.certificate, r.secret, r.seal, r.pending, r.hello = certificate, s, nil, nonce{}, time.Time{}
	return old, nil
}

func (r *pair) known() *x509.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.certificate
}

// afterMeeting greets at once, for the packets that wait.
func (r *pair) afterMeeting(now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.certificate == nil || r.seal != nil {
		return nil
	}
	r.hello = time.Time{}
	return r.greetLocked(now, r.helloLocked(nonce{}))
}
