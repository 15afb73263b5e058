package sipcore

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"carillon/sipcore/guard"
	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store"
)

// A server that is late is overloaded if it is busy too: if it uses less than so
// much of one processor, and fewer new requests come in a second, others have
// the machine, and to refuse would help nobody.
const (
	busyShare    = 0.7
	busyRequests = 1000
)

// restEvery is how often a node that is not busy looks whether it is.
const restEvery = 5 * guard.SampleEvery

// A lateness measures how long what the server handles had to wait, from
// outside: neither a reader nor a message pays for it.
type lateness struct {
	sockets func() time.Duration // what waits in the kernel
	fresh   func() uint64        // new requests so far
	sched   schedule

	at   time.Time // of the last sample, and what was then
	cpu  time.Duration
	came uint64
}

// watchLoad keeps the share of new requests that is refused, until ctx ends.
func (s *Server) watchLoad(ctx context.Context) error {
	next := time.NewTimer(restEvery)
	defer next.Stop()
	late := lateness{sockets: s.transport.Lag, fresh: s.fresh.Load, at: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-next.C:
		}
		lag, busy := late.now(time.Now())
		next.Reset(restEvery)
		if busy || s.load.Share() > 0 {
			next.Reset(guard.SampleEvery)
		}
		switch began, ended := s.load.Sample(lag); {
		case began && s.defence.mayTellLoad(time.Now()):
			s.o.Logger.Warn("more requests than this node can handle: some new ones are refused for a moment")
		case ended:
			s.o.Logger.Info("new requests are accepted again", "refused_so_far", s.defence.count.overload.Load())
		}
	}
}

// now returns the lag of this moment, 0 for a process that is not busy.
func (l *lateness) now(now time.Time) (lag time.Duration, busy bool) {
	lag = max(l.sockets(), l.sched.latency())
	used, came, elapsed := cpuTime(), l.fresh(), now.Sub(l.at).Seconds()
	busy = (used-l.cpu).Seconds() > busyShare*elapsed || float64(came-l.came) > busyRequests*elapsed
	l.at, l.cpu, l.came = now, used, came
	if !busy {
		return 0, false
	}
	return lag, true
}

// cpuTime returns what this process has used of all processors.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0 // it never fails
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A schedule knows how long goroutines that could run had to wait: that is when
// a connection's bytes are there and nobody reads them yet.
type schedule struct {
	sample []metrics.Sample
	before []uint64
}

// fewest is how many waits must have been measured to say something: the runtime
// measures one of eight.
const fewest = 8

// latency returns how long all but a tenth of the goroutines waited at most,
// since the last call.
func (s *schedule) latency() time.Duration {
	if s.sample == nil {
		s.sample = []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	}
	metrics.Read(s.sample)
	if s.sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return 0
	}
	h := s.sample[0].Value.Float64Histogram()
	defer func() { s.before = append(s.before[:0], h.Counts...) }()
	if len(s.before) != len(h.Counts) {
		return 0
	}
	var all uint64
	for i, n := range h.Counts {
		all += n - s.before[i]
	}
	if all < fewest {
		return 0
	}
	for i, left := 0, all-all/10; ; i++ {
		if n := h.Counts[i] - s.before[i]; n < left {
			left -= n
			continue
		}
		return time.Duration(h.Buckets[i] * float64(time.Second)) // at least that
	}
}

// turnsAway refuses a request that begins something while the node is behind,
// and reports whether it did. Never what is in a dialog or ends one, nor an
// emergency call, nor what another node has admitted.
func (s *Server) turnsAway(r *request) bool {
	switch r.Method() {
	case message.INVITE, message.REGISTER, message.SUBSCRIBE, message.PUBLISH, message.MESSAGE:
	default:
		return false
	}
	s.fresh.Add(1)
	if !s.load.Active() || r.ToTag() != "" || r.tx.Flow().Kind() == transport.Node || isEmergency(r.view, r.RequestURI()) {
		return false
	}
	if !s.load.Refuses(maphash.String(s.seed, r.tx.Tag()) | 1) { // repetitions have the same tag
		return false
	}
	s.defence.count.overload.Add(1)
	refuseFor(r.tx, 503, "", strconv.Itoa(5+rand.IntN(10))) //nolint:gosec // so that not all come back at once
	return true
}

// isEmergency reports whether a Request-URI is that of a service for emergencies
// (RFC 5031), or of a number that reaches one somewhere.
func isEmergency(view *store.View, uri string) bool {
	if mayCallHelp(view, uri) {
		return true
	}
	u, err := message.ParseURI(uri)
	if err != nil {
		return false
	}
	switch numberOf(u) {
	case "112", "911", "999", "000", "100", "101", "102", "110", "118", "119":
		return true
	}
	return false
}

// isSOS reports whether a Request-URI is that of a service for emergencies.
func isSOS(uri string) bool {
	const service = "urn:service:sos"
	return len(uri) >= len(service) && strings.EqualFold(uri[:len(service)], service)
}
