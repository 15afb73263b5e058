package dnsserver

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Phones may use a node as their resolver: what is not ours is asked of the
// servers that the configuration names. All of it is bounded, so that neither who
// asks nor who is asked can take more than this.
const (
	mostFlights   = 256 // questions under way
	mostOfAsker   = 32  // that one address waits for
	patience      = time.Second
	mostSilences  = 3               // in a row, before a server counts as silent: a name may be slow
	silenceLasts  = 2 * time.Second // before a silent server is asked again
	mostDatagrams = 16              // that are no answer, before it is given up: somebody guesses
)

// A forwarder asks others. It is ready with a patience.
type forwarder struct {
	patience time.Duration // with one server
	log      *slog.Logger  // nil: silent

	mu      sync.Mutex
	flights map[subject]*flight
	waiting map[netip.Addr]int
	total   int
	silent  map[netip.AddrPort]silence
	cache   cache
	wg      sync.WaitGroup
}

// A silence is how often in a row a server said nothing, and until when it is not
// asked if that is too often.
type silence struct {
	times int
	until time.Time
}

// A subject is what is asked: who asks the same shares the answer.
type subject struct {
	name            string // in lower case
	kind            uint16
	signed, believe bool // DO: with signatures; CD: as it is
}

// A flight is one question under way. Two for the same would make it easier to
// guess an answer (RFC 5452 section 5).
type flight struct {
	done   chan struct{}
	answer *dns.Msg // nil: none
}

// isForwarded reports whether a question is one that others can be asked.
func isForwarded(question *dns.Msg) bool {
	if len(question.Question) != 1 || !question.RecursionDesired || question.Opcode != dns.OpcodeQuery {
		return false
	}
	q := question.Question[0]
	return q.Qclass == dns.ClassINET && q.Qtype < dns.TypeTKEY || q.Qclass == dns.ClassINET && q.Qtype == dns.TypeCAA
}

func subjectOf(question *dns.Msg) subject {
	q := question.Question[0]
	opt := question.IsEdns0()
	return subject{dns.CanonicalName(q.Name), q.Qtype, opt != nil && opt.Do(), question.CheckingDisabled}
}

// later has a question asked. The answer is returned at once if it is known, or if
// there is none to be had; else nil is returned, and then gets it.
func (f *forwarder) later(ctx context.Context, servers []netip.AddrPort, from netip.Addr, question *dns.Msg, then func(*dns.Msg)) *dns.Msg {
	if known := f.cache.get(subjectOf(question), time.Now()); known != nil {
		return passedOn(known, question)
	}
	if !f.enter(ctx, from) {
		return passedOn(nil, question)
	}
	go func() {
		defer f.leave(from)
		defer func() { f.said(recover()) }()
		then(f.get(ctx, servers, question))
	}()
	return nil
}

// get asks. A panic, about what a stranger has said, costs one answer.
func (f *forwarder) get(ctx context.Context, servers []netip.AddrPort, question *dns.Msg) (answer *dns.Msg) {
	defer func() {
		if f.said(recover()) {
			answer = passedOn(nil, question)
		}
	}()
	return passedOn(f.fly(ctx, servers, subjectOf(question)), question)
}

// said logs a panic, if there was one.
func (f *forwarder) said(panicked any) bool {
	if panicked != nil && f.log != nil {
		f.log.Error("a DNS question was not passed on", "panic", panicked)
	}
	return panicked != nil
}

// now is later for who waits.
func (f *forwarder) now(ctx context.Context, servers []netip.AddrPort, from netip.Addr, question *dns.Msg) *dns.Msg {
	arrived := make(chan *dns.Msg, 1)
	if answer := f.later(ctx, servers, from, question, func(answer *dns.Msg) { arrived <- answer }); answer != nil {
		return answer
	}
	return <-arrived
}

// enter takes a place, if there is one.
func (f *forwarder) enter(ctx context.Context, from netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || f.total >= mostFlights || f.waiting[from] >= mostOfAsker {
		return false
	}
	if f.waiting == nil {
		f.waiting = map[netip.Addr]int{}
	}
	f.total++
	f.waiting[from]++
	f.wg.Add(1)
	return true
}

func (f *forwarder) leave(from netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total--
	if f.waiting[from]--; f.waiting[from] == 0 {
		delete(f.waiting, from)
	}
	f.wg.Done()
}

// fly asks, or waits for who asks the same already.
func (f *forwarder) fly(ctx context.Context, servers []netip.AddrPort, about subject) *dns.Msg {
	f.mu.Lock()
	other := f.flights[about]
	if other != nil {
		f.mu.Unlock()
		<-other.done
		return other.answer
	}
	own := &flight{done: make(chan struct{})}
	if f.flights == nil {
		f.flights = map[subject]*flight{}
	}
	f.flights[about] = own
	f.mu.Unlock()

	defer func() { // after a panic, too: others wait
		f.mu.Lock()
		delete(f.flights, about)
		f.mu.Unlock()
		close(own.done)
	}()
	own.answer = f.askAll(ctx, servers, about)
	if own.answer != nil {
		f.cache.put(about, own.answer, time.Now())
	}
	return own.answer
}

// askAll asks one server after the other; those that said nothing lately are not
// asked, so that who waits for them hears quickly that they do not answer.
func (f *forwarder) askAll(ctx context.Context, servers []netip.AddrPort, about subject) *dns.Msg {
	for _, server := range servers {
		if !f.mayAsk(server, time.Now()) {
			continue
		}
		answer, err := f.ask(ctx, server, about)
		f.heard(server, err == nil, time.Now())
		if err == nil && (answer.Rcode == dns.RcodeSuccess || answer.Rcode == dns.RcodeNameError) {
			return answer
		}
	}
	return nil
}

// mayAsk reports whether a server is worth a question. One that was silent gets
// one question each while.
func (f *forwarder) mayAsk(server netip.AddrPort, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.silent[server]
	if was.times < mostSilences {
		return true
	}
	if now.Before(was.until) {
		return false
	}
	was.until = now.Add(silenceLasts)
	f.silent[server] = was
	return true
}

func (f *forwarder) heard(server netip.AddrPort, answered bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.silent == nil || len(f.silent) > mostFlights { // servers of former configurations
		f.silent = map[netip.AddrPort]silence{}
	}
	if answered {
		delete(f.silent, server)
		return
	}
	f.silent[server] = silence{f.silent[server].times + 1, now.Add(silenceLasts)}
}

// passedOn makes the answer to a question of what a server said: nothing, if
// nobody did.
func passedOn(said, question *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(question)
	answer.Compress, answer.RecursionAvailable = true, true
	if said == nil {
		answer.Rcode = dns.RcodeServerFailure
	} else {
		answer.Rcode, answer.Answer, answer.Ns, answer.Extra = said.Rcode, said.Answer, said.Ns, said.Extra
	}
	if opt := question.IsEdns0(); opt != nil {
		answer.Extra = append(slices.Clip(answer.Extra), edns(opt.Do()))
	}
	return answer
}

func edns(signed bool) *dns.OPT {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(mostSize)
	opt.SetDo(signed)
	return opt
}
