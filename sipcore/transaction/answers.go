package transaction

import (
	"sync/atomic"
	"time"

	"carillon/sipcore/message"
)

const (
	methods = int(message.PUBLISH) + 1
	classes = 7 // by the first digit of a status
)

// Durations are how long something took, in the form of Prometheus: Counts[i]
// are those of at most Bounds()[i] and more than the bound before, and the last
// is of those that took longer.
type Durations struct {
	Counts [bounds + 1]uint64
	Sum    time.Duration
}

const bounds = 16

// Bounds returns the upper bounds of the counts of Durations.
func Bounds() [bounds]time.Duration {
	const µs, ms, s = time.Microsecond, time.Millisecond, time.Second
	return [...]time.Duration{
		250 * µs, 500 * µs, 1 * ms, 2500 * µs, 5 * ms, 10 * ms, 25 * ms, 50 * ms,
		100 * ms, 250 * ms, 500 * ms, 1 * s, 2500 * ms, 5 * s, 10 * s, 30 * s,
	}
}

// A clock counts durations.
type clock struct {
	counts [bounds + 1]atomic.Uint64
	sum    atomic.Int64
}

func (c *clock) add(d time.Duration) {
	i := 0
	for _, bound := range Bounds() {
		if d <= bound {
			break
		}
		i++
	}
	c.counts[i].Add(1)
	c.sum.Add(int64(d))
}

func (c *clock) read() Durations {
	d := Durations{Sum: time.Duration(c.sum.Load())}
	for i := range c.counts {
		d.Counts[i] = c.counts[i].Load()
	}
	return d
}

// Answers says which final responses server transactions gave, and when.
type Answers struct {
	Given [methods][classes]uint64 // by the request's method and the first digit of the status
	Took  [methods]Durations       // from a request to its final response, by method
	SetUp Durations                // from an INVITE to the first sign of whom it calls: a provisional response but 100, or a 2xx
}

// Answers returns the counts since the start, which need not be of one instant.
func (l *Layer) Answers() Answers {
	a := Answers{SetUp: l.answers.setup.read()}
	for m := range methods {
		for class := range classes {
			a.Given[m][class] = l.answers.given[m][class].Load()
		}
		a.Took[m] = l.answers.took[m].read()
	}
	return a
}

// answers are the live numbers behind Answers.
type answers struct {
	since time.Time
	given [methods][classes]atomic.Uint64
	took  [methods]clock
	setup clock
}

// now is a time from some beginning, cheap to ask for.
func (a *answers) now() time.Duration { return time.Since(a.since) }

// began is when the request came. It has its place where timer G will have its
// own, so that a transaction is no larger for it.
func (tx *Server) began() time.Duration { return tx.repeat.interval }

// rang counts the first sign that an INVITE reached somebody.
func (tx *Server) rang() {
	if a := &tx.layer.answers; !tx.heard {
		tx.heard = true
		a.setup.add(a.now() - tx.began())
	}
}

// answered counts a final response.
func (tx *Server) answered(status int) {
	a := &tx.layer.answers
	a.given[tx.method][min(max(status/100, 0), classes-1)].Add(1)
	a.took[tx.method].add(a.now() - tx.began())
}

// statusOf reads the status of a response of our own making.
func statusOf(raw []byte) int {
	const at = len("SIP/2.0 ")
	if len(raw) < at+3 {
		return 0
	}
	status := 0
	for _, c := range raw[at : at+3] {
		status = 10*status + int(c-'0')
	}
	return status
}
