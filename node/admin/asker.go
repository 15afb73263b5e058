package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"carillon/store"
)

// An asker is who asks the API. The zero value may do nothing.
type asker struct {
	isOperator bool // at the socket
	token      store.APIToken
}

// mayRead reports whether a may know the presence of u, and maySet whether a may set it.
func (a asker) mayRead(u store.User) bool {
	return a.isOperator || a.token.Scope == store.APIView || a.maySet(u)
}

func (a asker) maySet(u store.User) bool {
	return a.isOperator || a.token.Scope == store.APIPresence && a.token.Covers(u)
}

// mayView reports whether a may see what is not about one user.
func (a asker) mayView() bool { return a.isOperator || a.token.Scope == store.APIView }

// name says who it is in the log.
func (a asker) name() string {
	if a.isOperator {
		return "the socket"
	}
	return "token " + a.token.Name
}

// secretBytes is how much of a token is random: nobody guesses that, so that a plain hash
// keeps it.
const secretBytes = 32

// secretPrefix has people, and programs that look for secrets in the wrong places, know
// one.
const secretPrefix = "carillon_"

// newSecret makes what a program shows.
func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return secretPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// hashOf returns what the system keeps of a secret.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Uses remembers when each token was used last at this node. It forgets with the node. Use
// NewUses to make one; it is safe for concurrent use.
type Uses struct {
	mu   sync.Mutex
	last map[string]time.Time // by name
}

// A Use is when a token was used last at a node.
type Use struct {
	Token string    `json:"token"` // its name
	At    time.Time `json:"at"`
}

// NewUses returns a memory of no use.
func NewUses() *Uses { return &Uses{last: make(map[string]time.Time)} }

// note remembers a use of one of the tokens that there are.
func (u *Uses) note(token string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last[token] = now
}

// All returns the last use of each of the tokens, and forgets those that are gone.
func (u *Uses) All(tokens []store.APIToken) []Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	kept := make(map[string]time.Time, len(tokens))
	all := []Use{}
	for _, t := range tokens {
		if at, used := u.last[t.Name]; used && !at.Before(t.Created) {
			kept[t.Name] = at
			all = append(all, Use{Token: t.Name, At: at.UTC().Truncate(time.Second)})
		}
	}
	u.last = kept
	return all
}
