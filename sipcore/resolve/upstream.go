package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

const (
	rounds      = 3    // through the list of servers, each with twice the patience of the one before
	udpSize     = 1232 // bytes that arrive unfragmented everywhere (DNS flag day 2020)
	systemFile  = "/etc/resolv.conf"
	localServer = "127.0.0.1:53" // when the file names none, as resolv.conf(5) says

	shortestLife = time.Second
	longestLife  = time.Hour
	// What is not there now may be there soon: somebody is setting it up.
	longestAbsence = 30 * time.Second
	usualAbsence   = 10 * time.Second // when the zone does not say
)

// mostQuestions is how many are under way at once; more wait for their turn. Each
// has a socket, and a name that nobody answers for holds it for seconds: there
// must be room for many such beside one that is answered, but not for so many that
// no file is left for phones.
func mostQuestions() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 64
	}
	return int(max(min(limit.Cur/16, 2048), 64))
}

// upstream asks name servers, which recurse; it remembers nothing.
type upstream struct {
	servers func() []string
	timeout time.Duration
	turns   chan struct{} // full when as many questions are under way as may be
}

// ask returns the answer of the first server that gives one. It waits for its
// turn, then for timeout at most. A datagram that is lost costs a seventh of it
// where there is one server; who recurses for longer has the answer by the time
// he is asked again.
func (u *upstream) ask(ctx context.Context, q question) (answer, error) {
	select {
	case u.turns <- struct{}{}:
		defer func() { <-u.turns }()
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	servers := u.servers()
	patience := u.timeout / time.Duration((1<<rounds-1)*len(servers))
	var failed error
	for round := range rounds {
		for _, server := range servers {
			reply, err := exchange(ctx, server, q, patience<<round)
			if err == nil {
				return read(reply, q.kind), nil
			}
			failed = cmp.Or(failed, err)
		}
	}
	return answer{}, failed
}

// exchange asks one server by UDP, and by TCP when the reply does not fit.
func exchange(ctx context.Context, server string, q question, patience time.Duration) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.SetEdns0(udpSize, false)
	reply, err := roundTrip(ctx, "udp", server, m, patience)
	if err == nil && reply.Truncated {
		reply, err = roundTrip(ctx, "tcp", server, m, patience)
	}
	if err != nil {
		return nil, fmt.Errorf("asking name server %s: %w", server, err)
	}
	return reply, check(reply, server, q)
}

// roundTrip asks over a socket of its own, so that each question has another
// port, and ends when ctx does: the library's client heeds only its deadline.
func roundTrip(ctx context.Context, network, server string, m *dns.Msg, patience time.Duration) (*dns.Msg, error) {
	c := dns.Client{Net: network, Timeout: patience}
	conn, err := c.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if stop() {
			_ = conn.Close()
		}
	}()
	reply, _, err := c.ExchangeWithConnContext(ctx, m, conn)
	return reply, err
}

// check tells whether reply says something about q: that a name does not exist
// is an answer, that the server cannot say is none.
func check(reply *dns.Msg, server string, q question) error {
	if len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, q.name) || reply.Question[0].Qtype != q.kind {
		return fmt.Errorf("name server %s answered another question", server)
	}
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return nil
	default:
		return fmt.Errorf("name server %s says %s", server, dns.RcodeToString[reply.Rcode])
	}
}

// read picks the records of one type from a reply, behind the aliases that the
// server has followed, and says how long they live.
func read(reply *dns.Msg, kind uint16) answer {
	a := answer{life: longestLife}
	for _, record := range reply.Answer {
		if record.Header().Rrtype == kind && record.Header().Class == dns.ClassINET {
			a.records = append(a.records, record)
		}
		a.life = min(a.life, seconds(record.Header().Ttl))
	}
	if len(a.records) == 0 {
		a.life = min(a.life, absence(reply))
	}
	a.life = max(a.life, shortestLife)
	return a
}

// absence is how long the zone says that what is not there will not be there
// (RFC 2308 section 5), bounded.
func absence(reply *dns.Msg) time.Duration {
	for _, record := range reply.Ns {
		if soa, ok := record.(*dns.SOA); ok {
			return min(seconds(soa.Minttl), seconds(soa.Hdr.Ttl), longestAbsence)
		}
	}
	return usualAbsence
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// systemServers reads the name servers of the system.
func systemServers() []string { return serversOf(systemFile) }

func serversOf(file string) []string {
	config, err := dns.ClientConfigFromFile(file)
	if err != nil || len(config.Servers) == 0 {
		return []string{localServer}
	}
	var servers []string
	for _, server := range config.Servers {
		servers = append(servers, net.JoinHostPort(server, config.Port))
	}
	return servers
}

// withPort adds the port of DNS to an address that has none.
func withPort(server string) string {
	var missing *net.AddrError
	if _, _, err := net.SplitHostPort(server); errors.As(err, &missing) {
		return net.JoinHostPort(strings.Trim(server, "[]"), "53")
	}
	return server
}
