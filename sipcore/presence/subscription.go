package presence

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// A subscription is one watcher's dialog with us. The fields are guarded by the lock of
// its Notifier; those above told never change.
type subscription struct {
	n       *Notifier
	of      *resource // nil if it is of a list
	list    *list     // nil if it is of one user
	watcher string    // the user who asked
	tag     string    // ours
	head    string    // the lines that each NOTIFY has: From, To, Call-ID, Route, Event
	callID  string    // this and the next are parts of head
	remote  string    // the watcher's tag
	entity  string    // the URI that was asked for
	route   string    // the URI of the first proxy on the way; "" if there is none

	told    Sight          // what the phone was shown last; nil: nothing
	telling Sight          // what the NOTIFY under way shows
	flow    transport.Flow // the last SUBSCRIBE came by
	target  string         // the phone's Contact
	expires time.Time
	timer   transaction.Timer
	ending  string // why it is over, as soon as that is told
	at      uint32 // among the watchers
	heard   uint32 // CSeq of the last SUBSCRIBE
	number  uint32 // CSeq of the last NOTIFY, and the version of its document
	queued  bool   // for Run
	busy    bool   // a NOTIFY is under way, or a connection for it
	owed    bool   // a NOTIFY is due although nothing has changed
	final   bool   // the NOTIFY under way is the last
	refused bool   // nobody accepted a connection at target
	gone    bool
	deaf    bool // a NOTIFY by flow was not answered
	narrow  bool // there is no way to it but UDP
	waits   bool // it is told when timer ends, and not before
}

// The first number of a subscription is larger than any that an earlier one had, at this
// node or another: four a second since then. A number every quarter of a second, for as
// long as a subscription lives, is more than a phone can be told.
const (
	numbersSince  = 1767225600 // 2026-01-01, in Unix seconds
	numbersSecond = 4
)

func firstNumber(now time.Time) uint32 {
	const most = 1 << 30 // CSeq is less than 2^31: the numbers go on
	return uint32(max(now.UnixMilli()-numbersSince*1000, 0) * numbersSecond / 1000 % most)
}

const (
	maxHead   = 2048 // bytes of what a subscription keeps of its SUBSCRIBE
	tagDigits = 36
)

// newSubscription reads the dialog that m begins. It is nil when m is too large to be
// kept. The texts are copied, so that nothing keeps m.
func (n *Notifier) newSubscription(m *message.Message, a *ask, watcher string) *subscription {
	tag := strconv.FormatUint(rand.Uint64(), tagDigits) //nolint:gosec // ChaCha8, seeded by the kernel
	to, _ := m.Header(message.To)
	from, _ := m.Header(message.From)
	var b strings.Builder
	line := func(name, value string) int {
		b.WriteString(name)
		at := b.Len()
		b.WriteString(message.Unfold(value))
		b.WriteString("\r\n")
		return at
	}
	line("From: ", to+";tag="+tag)
	line("To: ", from)
	id := line("Call-ID: ", m.CallID())
	first := 0
	for v := range m.Values(message.RecordRoute) {
		if at := line("Route: ", v); first == 0 {
			first = at
		}
	}
	line("Event: ", a.event)
	if a.list != nil {
		line("Require: ", "eventlist")
	}
	end := b.Len()
	entity, remote := m.RequestURI(), m.FromTag()
	b.WriteString(entity)
	b.WriteString(remote)
	b.WriteString(tag)
	b.WriteString(watcher)
	if b.Len() > maxHead {
		return nil
	}
	text := b.String()
	s := &subscription{
		n: n, head: text[:end], callID: text[id : id+len(message.Unfold(m.CallID()))],
		target: strings.Clone(a.target), number: firstNumber(a.now), list: a.list,
	}
	if s.list != nil {
		s.list.first = s.number + 1
	}
	s.entity, text = text[end:end+len(entity)], text[end+len(entity):]
	s.remote, text = text[:len(remote)], text[len(remote):]
	s.tag, s.watcher = text[:len(tag)], text[len(tag):]
	if first != 0 {
		s.route = uriOf(s.head[first:])
	}
	return s
}

// uriOf returns the URI of the address at the beginning of a text.
func uriOf(text string) string {
	text, _, _ = strings.Cut(text, "\r\n")
	a, err := message.ParseNameAddr(text)
	if err != nil {
		return ""
	}
	return a.URI
}

// until sets when the subscription is over unless it is refreshed.
func (s *subscription) untilLocked(expires time.Time, now time.Time) {
	s.expires, s.waits = expires, false
	s.timer.Set(s.n.o.Wheel, max(expires.Sub(now), 0), s)
}

// Expire implements [transaction.Expirer]: the time of the subscription is over, or that
// of trying again has come.
func (s *subscription) Expire(*transaction.Timer) {
	n, now := s.n, time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.gone || !s.timer.Expired() {
		return
	}
	if !now.Before(s.expires) {
		s.endLocked("timeout")
		return
	}
	s.owed = true
	s.untilLocked(s.expires, now)
	n.dueLocked(s)
}

// endLocked ends the subscription with the next NOTIFY.
func (s *subscription) endLocked(why string) {
	if s.ending == "" {
		s.ending = why
	}
	s.n.dueLocked(s)
}

// laterLocked tries again in a while, if the subscription lasts so long.
func (s *subscription) laterLocked(wait time.Duration) {
	now := time.Now()
	s.waits = true
	s.timer.Set(s.n.o.Wheel, max(min(wait, s.expires.Sub(now)), 0), s)
}
