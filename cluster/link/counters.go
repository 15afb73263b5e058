package link

import (
	"log/slog"
	"sync"
	"time"
)

// Counters is how often somebody was turned away, by reason, since Open.
type Counters struct {
	Stranger        uint64 // no certificate, or no TLS at all
	Foreign         uint64 // a certificate of another system, shown by who came or by who was dialled
	Revoked         uint64 // a certificate of a node that was removed or replaced
	Unlisted        uint64 // a certificate of this system, of nobody that the registry lists
	BadToken        uint64 // a join that was refused
	UnknownProtocol uint64
	Crowded         uint64 // too many handshakes at once
	BadPacket       uint64 // not sealed by a member
	Replay          uint64 // a packet seen before, or too old to tell
	Unwelcome       uint64 // how often others did not take our own certificate
}

type reason int

const (
	reasonStranger reason = iota
	reasonForeign
	reasonRevoked
	reasonUnlisted
	reasonToken
	reasonProtocol
	reasonCrowded
	reasonPacket
	reasonReplay
	reasonUnwelcome
	reasonLater // no refusal: in no Counters
	reasons
)

const quietAfterLog = time.Minute

func (r reason) words() string {
	return [...]string{
		"a stranger came to the cluster port", "a node of another system was met", "a node that was removed or replaced was met",
		"a certificate of this system was shown that is no node's",
		"a join was refused", "an unknown protocol was asked for at the cluster port", "too many handshakes at the cluster port",
		"a packet is not from a member", "a packet came twice", "another node does not take this node's certificate",
		"a join has to wait",
	}[r]
}

// counts counts reasons and logs each at most once a minute.
type counts struct {
	log *slog.Logger

	mu     sync.Mutex
	total  [reasons]uint64
	logged [reasons]time.Time
	silent [reasons]uint64 // since logged
}

func (c *counts) add(r reason, words ...any) {
	unsaid, say := c.count(r, time.Now())
	if say {
		//nolint:sloglint // one of the texts of words, which never vary
		c.log.Warn(r.words(), append(words, "not_logged", unsaid)...)
	}
}

// count says whether it is time to log, and how many were not.
func (c *counts) count(r reason, now time.Time) (unsaid uint64, say bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total[r]++
	if last := c.logged[r]; !last.IsZero() && now.Sub(last) < quietAfterLog {
		c.silent[r]++
		return 0, false
	}
	unsaid, c.silent[r], c.logged[r] = c.silent[r], 0, now
	return unsaid, true
}

func (c *counts) read() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counters{
		Stranger:        c.total[reasonStranger],
		Foreign:         c.total[reasonForeign],
		Revoked:         c.total[reasonRevoked],
		Unlisted:        c.total[reasonUnlisted],
		BadToken:        c.total[reasonToken],
		UnknownProtocol: c.total[reasonProtocol],
		Crowded:         c.total[reasonCrowded],
		BadPacket:       c.total[reasonPacket],
		Replay:          c.total[reasonReplay],
		Unwelcome:       c.total[reasonUnwelcome],
	}
}
