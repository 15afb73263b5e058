package resolve

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	maxAnswers = 4096             // remembered; a full memory forgets an eighth
	staleFor   = 24 * time.Hour   // how long an answer past its life still serves when all servers are silent
	impatience = time.Second / 2  // with silent servers, when there is a stale answer
	pause      = 10 * time.Second // before a question that failed is asked again
)

// A question is a name and a type, in class IN.
type question struct {
	name string // complete, in lower case
	kind uint16
}

// An answer is the records of the type asked for, none when there are none.
type answer struct {
	records []dns.RR
	life    time.Duration
}

// memory keeps answers for their life and joins equal questions: whoever comes
// first asks, within his own context, and the others wait for him. When no
// server answers, an answer of the last day is better than none: a site that is
// cut off still finds its trunk.
type memory struct {
	upstream func(context.Context, question) (answer, error)
	logger   *slog.Logger

	mu       sync.Mutex
	entries  map[question]entry
	underway map[question]*flight
}

type entry struct {
	records []dns.RR
	err     error // of the last try, when there are no records to go on with
	fresh   time.Time
	stale   time.Time
}

// A flight is a question under way; its fields count once done is closed.
type flight struct {
	done    chan struct{}
	records []dns.RR
	err     error
}

func newMemory(upstream func(context.Context, question) (answer, error), logger *slog.Logger) *memory {
	return &memory{upstream: upstream, logger: logger, entries: map[question]entry{}, underway: map[question]*flight{}}
}

// ask returns the records that answer q; callers do not change them.
func (m *memory) ask(ctx context.Context, q question) ([]dns.RR, error) {
	for {
		m.mu.Lock()
		if e, ok := m.entries[q]; ok && time.Now().Before(e.fresh) {
			m.mu.Unlock()
			return e.records, e.err
		}
		f, joined := m.underway[q]
		if !joined {
			f = &flight{done: make(chan struct{})}
			m.underway[q] = f
		}
		m.mu.Unlock()
		if !joined {
			m.fly(ctx, q, f)
			return f.records, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// fly asks upstream and remembers the answer. Those who wait look into the
// memory again: when the one who asked gave up, the next of them asks.
func (m *memory) fly(ctx context.Context, q question, f *flight) {
	defer m.landed(q, f)
	a, err := m.patiently(ctx, q)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil && ctx.Err() != nil && !errors.Is(err, errGrace) {
		f.err = err
		return
	}
	e := m.entries[q].after(a, err, now)
	if err != nil && e.err == nil {
		m.logger.Warn("name servers are silent: going on with an old answer", "name", q.name, "type", dns.TypeToString[q.kind], "error", err)
	}
	m.keepLocked(q, e, now)
	f.records, f.err = e.records, e.err
}

// landed lets those go on who wait for f, also if it ended in a panic.
func (m *memory) landed(q question, f *flight) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.underway, q)
	close(f.done)
}

// patiently asks upstream. When its time is over the error says why.
func (m *memory) patiently(ctx context.Context, q question) (answer, error) {
	m.mu.Lock()
	old := m.entries[q]
	m.mu.Unlock()
	if old.serves(time.Now()) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, impatience, errGrace)
		defer cancel()
	}
	a, err := m.upstream(ctx, q)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return a, err
}

// serves tells whether e has records that may still be used at need.
func (e entry) serves(now time.Time) bool { return len(e.records) > 0 && now.Before(e.stale) }

// after returns what to remember when e is followed by an answer or an error.
func (e entry) after(a answer, err error, now time.Time) entry {
	switch {
	case err == nil:
		fresh := now.Add(a.life)
		return entry{records: a.records, fresh: fresh, stale: fresh.Add(staleFor)}
	case e.serves(now):
		return entry{records: e.records, fresh: now.Add(pause), stale: e.stale}
	default:
		return entry{err: err, fresh: now.Add(pause)}
	}
}

// keepLocked remembers e, and forgets others when there are too many: those
// past their life first.
func (m *memory) keepLocked(q question, e entry, now time.Time) {
	if _, known := m.entries[q]; !known && len(m.entries) >= maxAnswers {
		for old, x := range m.entries {
			if now.After(x.fresh) {
				delete(m.entries, old)
			}
		}
		for old := range m.entries {
			if len(m.entries) <= maxAnswers*7/8 {
				break
			}
			delete(m.entries, old)
		}
	}
	m.entries[q] = e
}
