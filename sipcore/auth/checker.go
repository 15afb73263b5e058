package auth

import (
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"carillon/sipcore/message"
	"carillon/store"
)

// A Checker asks for passwords and checks what comes back. It is safe for
// concurrent use; the only thing it remembers is how often the latest nonces
// were used, in half a megabyte.
type Checker struct {
	sealer *Sealer
	guard  Guard
	counts counts
	fake   store.Digests // of no password: for users that do not exist
	work   sync.Pool     // of *work
}

// A Guard is told how passwords are used, and bounds how often. It is called by
// many goroutines at once and must not wait.
type Guard interface {
	// Wait returns how long it is until the next password of user, used from
	// there, is looked at. 0 is the answer to almost everybody.
	Wait(user string, from netip.Addr, now time.Time) time.Duration
	// Wrong notes a wrong password of user, who need not exist. It is called
	// only when who used it does receive at that address.
	Wrong(user string, from netip.Addr, now time.Time)
	// Right notes a right one.
	Right(user string, from netip.Addr, now time.Time)
}

// A Sender is where a request comes from.
type Sender struct {
	Addr      netip.Addr
	Connected bool // over a connection: nobody else can have sent it
}

// NewChecker returns a Checker whose nonces are made by s. A Sealer has one
// Checker. The guard may be nil.
func NewChecker(s *Sealer, g Guard) *Checker {
	if g == nil {
		g = nobody{}
	}
	c := &Checker{sealer: s, guard: g}
	c.fake = store.Digests{MD5: hex.EncodeToString(s.fake[:16]), SHA256: hex.EncodeToString(s.fake[:])}
	c.work.New = func() any { return &work{text: make([]byte, 0, 512)} }
	return c
}

// Result is what came of a check.
type Result int

// The results of a check. Wrong does not tell whether there is such a user.
const (
	Missing   Result = iota // nothing for this realm: challenge
	Malformed               // a Digest that cannot be read: 400
	TooSoon                 // so many were wrong that this one was not looked at: refuse, with RetryAfter
	Wrong                   // challenge, as if nothing had come
	Stale                   // the password is right, or not looked at, and the nonce is used up: challenge with stale
	Elsewhere               // another node holds the digests: ask it the Question
	OK
)

// nobody is a Guard that lets everybody guess.
type nobody struct{}

func (nobody) Wait(string, netip.Addr, time.Time) time.Duration { return 0 }
func (nobody) Wrong(string, netip.Addr, time.Time)              {}
func (nobody) Right(string, netip.Addr, time.Time)              {}

// String implements fmt.Stringer.
func (r Result) String() string {
	switch r {
	case Missing:
		return "missing"
	case Malformed:
		return "malformed"
	case TooSoon:
		return "too soon"
	case Wrong:
		return "wrong"
	case Stale:
		return "stale"
	case Elsewhere:
		return "elsewhere"
	case OK:
	}
	return "ok"
}

// Check looks for a digest of realm in the header field h of m, which is
// Authorization or Proxy-Authorization, and checks it against the digests that
// find has of a user. The user is who is claimed, without "@realm"; believe it
// when the result is OK. What comes of it is told to the guard.
//
// The URI in the digest need not be the Request-URI: several phones write
// another one (RFC 3261 section 22.4 item 5 allows for that). Where both name a
// user it must be the same one: a digest for a call to one is none for another.
func (c *Checker) Check(
	m *message.Message, h message.Name, realm string, from Sender, find func(user string) (store.Digests, bool), now time.Time,
) (user string, r Result) {
	digest, found, malformed := findCredentials(m, h, realm)
	switch {
	case malformed:
		return "", Malformed
	case !found:
		return "", Missing
	}
	user = cutRealm(digest.username, realm)
	nc, ok := parseNC(&digest)
	if !ok || !sameUser(digest.uri, m.RequestURI()) {
		return user, Malformed
	}
	if c.guard.Wait(user, from.Addr, now) > 0 {
		return user, TooSoon
	}
	digests, known := find(user)
	switch {
	case digests.Elsewhere && c.sealer.CheckNonce(digest.nonce, now) != Fresh:
		return user, Stale // nobody is asked about what is not good anyway
	case digests.Elsewhere:
		return user, Elsewhere
	case !c.matches(&digest, m.MethodName(), digests, known):
		c.wrong(user, digest.nonce, from, now)
		return user, Wrong
	}
	return user, c.used(user, digest.nonce, nc, from, now)
}

// wrong notes a wrong password, if who sent it does receive where it came from.
func (c *Checker) wrong(user, nonce string, from Sender, now time.Time) {
	if from.Connected || c.sealer.Proves(nonce, from.Addr, now) {
		c.guard.Wrong(user, from.Addr, now)
	}
}

// used notes that a nonce was used with a right password, if it is good for that.
func (c *Checker) used(user, nonce string, nc uint32, from Sender, now time.Time) Result {
	state, number := c.sealer.checkNonce(nonce, now)
	if state != Fresh || !c.counts.use(number, c.sealer.count.Load(), nc) {
		return Stale
	}
	c.guard.Right(user, from.Addr, now)
	return OK
}

// RetryAfter returns the value of that header field for a user whose password
// was not looked at.
func (c *Checker) RetryAfter(user string, from Sender, now time.Time) string {
	wait := c.guard.Wait(user, from.Addr, now)
	return strconv.Itoa(int(max(wait+time.Second-1, time.Second) / time.Second))
}

// matches reports whether the response is that of the password. It does the same
// work when there is no such user.
func (c *Checker) matches(d *credentials, method string, digests store.Digests, known bool) bool {
	a := parseAlgorithm(d.algorithm)
	ha1 := a.ha1(digests)
	if !known || ha1 == "" {
		known, ha1 = false, a.ha1(c.fake)
	}
	w := c.work.Get().(*work)
	defer c.work.Put(w)
	got := w.response(d)
	want := w.want(a, d, method, ha1)
	return subtle.ConstantTimeCompare(got, want) == 1 && known && a != unknownAlgorithm
}

// cutRealm accepts a user's name with and without the domain.
func cutRealm(username, realm string) string {
	if user, domain, ok := strings.Cut(username, "@"); ok && strings.EqualFold(domain, realm) {
		return user
	}
	return username
}

// sameUser reports whether two URIs name the same user, or one of them nobody.
func sameUser(a, b string) bool {
	if a == b {
		return true
	}
	x, err := message.ParseURI(a)
	y, other := message.ParseURI(b)
	if err != nil || other != nil || x.User == "" || y.User == "" {
		return true
	}
	return x.UserUnescaped() == y.UserUnescaped()
}

// parseNC returns the nonce count. A digest without qop has none: its nonce can
// be used once.
func parseNC(d *credentials) (nc uint32, ok bool) {
	if d.qop == "" {
		return 1, true
	}
	n, err := strconv.ParseUint(d.nc, 16, 32)
	return uint32(n), err == nil && strings.EqualFold(d.qop, "auth")
}
