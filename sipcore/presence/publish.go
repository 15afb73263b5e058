package presence

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"carillon/sipcore/message"
	"carillon/sipcore/presence/document"
	"carillon/sipcore/transaction"
	"carillon/store/live"
)

// published is the one event that is published here. Lamps follow calls and nobody's
// word for them.
const published = "presence"

// What a publication lasts, and how much is kept of the name of who makes it.
const (
	shortestPublication = time.Minute
	longestPublication  = time.Hour
	longestSource       = 64
)

// A Publisher takes what phones publish of their users (RFC 3903). What becomes of it
// is the table's business. It is safe for concurrent use; make one with NewPublisher.
//
// An entity-tag names the publication, the change that it is of and how often it was
// refreshed since at one node. Every node knows the first two: a phone may go on at
// another one.
type Publisher struct {
	table *live.Presences

	mu sync.Mutex // an entity-tag is good for one request
}

// NewPublisher returns a Publisher that writes to table.
func NewPublisher(table *live.Presences) *Publisher { return &Publisher{table: table} }

// TakesEvent reports whether the event of a PUBLISH is one that is published here; if
// not, it is refused with 489 and these.
func (*Publisher) TakesEvent(m *message.Message) (events string, ok bool) {
	event, _ := m.Header(message.Event)
	event, _, _ = strings.Cut(event, ";")
	return published, strings.EqualFold(strings.TrimSpace(event), published)
}

// Publish answers a PUBLISH about user, of by, who was admitted and may.
func (p *Publisher) Publish(tx *transaction.Server, user, by string) {
	m := tx.Request()
	tag, lasts, refused := p.take(m, user, by, time.Now())
	reply := m.Reply(200, "", tx.Tag())
	if refused != nil {
		reply = m.Reply(refused.status, refused.reason, tx.Tag())
		switch refused.status {
		case 415:
			reply.Add(message.Accept, document.TypePIDF)
		case 423:
			reply.Add(message.MinExpires, strconv.Itoa(int(shortestPublication/time.Second)))
		}
		tx.Answer(refused.status, &reply)
		return
	}
	reply.Add(message.SIPETag, tag)
	reply.Add(message.Expires, strconv.Itoa(int(lasts/time.Second)))
	tx.Answer(200, &reply)
}

// take does what a PUBLISH says, in the order of RFC 3903 section 6.
func (p *Publisher) take(m *message.Message, user, by string, now time.Time) (tag string, lasts time.Duration, _ *refusal) {
	lasts, refused := lastsOf(m)
	var told *live.Presence
	if refused == nil {
		told, refused = read(m) // before the lock: it is long and comes from a stranger
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	said := live.Presence{User: user, ID: newID()}
	if tag, known := m.Header(message.SIPIfMatch); known {
		var found bool
		if said, found = p.match(user, tag, now); !found {
			return "", 0, &refusal{status: 412}
		}
	} else if m.Body() == "" {
		return "", 0, &refusal{status: 400, reason: "Nothing Published"}
	}
	if refused != nil {
		return "", 0, refused
	}
	if told != nil {
		told.User, told.ID = said.User, said.ID
		if by != user {
			told.By = by
		}
		said = *told
	}
	if said.Expires = lasts; lasts == 0 {
		p.table.Delete(user, said.ID, now)
		return tagOf(&said), 0, nil
	}
	said, err := p.table.Put(said, now)
	if err != nil {
		return "", 0, &refusal{status: 400, reason: "Bad Presence"}
	}
	return tagOf(&said), lasts, nil
}

// lastsOf returns how long what m publishes lasts; 0: no longer.
func lastsOf(m *message.Message) (time.Duration, *refusal) {
	value, ok := m.Header(message.Expires)
	if !ok {
		return longestPublication, nil
	}
	seconds, err := strconv.ParseUint(value, 10, 32)
	switch lasts := time.Duration(seconds) * time.Second; {
	case err != nil:
		return 0, &refusal{status: 400, reason: "Bad Expires"}
	case lasts > 0 && lasts < shortestPublication:
		return 0, &refusal{status: 423}
	default:
		return min(lasts, longestPublication), nil
	}
}

// read reads what m says of the user; nil if it says nothing: a refresh does not.
func read(m *message.Message) (*live.Presence, *refusal) {
	if m.Body() == "" {
		return nil, nil
	}
	kind, _ := m.Header(message.ContentType)
	kind, _, _ = strings.Cut(kind, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), document.TypePIDF) || m.Has(message.ContentEncoding) {
		return nil, &refusal{status: 415}
	}
	said, err := document.ParsePIDF([]byte(m.Body()))
	if err != nil {
		return nil, &refusal{status: 400, reason: "Bad Presence Document"}
	}
	said.Source = sourceOf(m)
	return &said, nil
}

// sourceOf returns what the phone calls itself, as far as it is kept.
func sourceOf(m *message.Message) string {
	name, _ := m.Header(message.UserAgent)
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.Clone(strings.ToValidUTF8(name[:min(len(name), longestSource)], ""))
}

// match returns the publication of user that an entity-tag names, if it is the latest
// of it. How often another node refreshed it is not known here. What no phone said is
// no publication.
func (p *Publisher) match(user, tag string, now time.Time) (live.Presence, bool) {
	id, _, _ := strings.Cut(tag, ".")
	said, found := p.table.Published(user, id, now)
	if !found || said.Fixed {
		return said, false
	}
	if said.Node != p.table.Node() {
		return said, strings.HasPrefix(tag, stem(&said))
	}
	return said, tag == tagOf(&said)
}

// tagOf returns the entity-tag of a publication as it is now.
func tagOf(p *live.Presence) string { return stem(p) + strconv.FormatUint(uint64(p.Turn), 36) }

func stem(p *live.Presence) string { return p.ID + "." + strconv.FormatInt(p.Stamp, 36) + "." }

// newID returns a name that no publication of a user has.
func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
