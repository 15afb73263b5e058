package dhcpserver

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"carillon/store"
)

// A reply waits for what it promises to be on disk.
type reply struct {
	packet *dhcpv4.DHCPv4
	to     netip.AddrPort
}

// A probe is an address that was looked at before it is offered.
type probe struct {
	asked *dhcpv4.DHCPv4
	a     netip.Addr
	taken bool
	times int
}

// mostChoices is how many addresses with somebody on them one question may find.
const mostChoices = 4

// handle decides on one packet. A panic costs one answer.
func (s *Server) handle(ctx context.Context, in packet) (r reply, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			s.o.Logger.Error("a DHCP packet was not answered", "panic", p)
			r, ok = reply{}, false
		}
	}()
	p, err := parse(in.data)
	if err != nil {
		s.counts.malformed.Add(1)
		return r, false
	}
	if !s.limit.take(p.ClientHWAddr.String(), in.at) {
		s.counts.limited.Add(1)
		return r, false
	}
	switch p.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		s.counts.discovers.Add(1)
		return s.discover(ctx, p, in.at, 0)
	case dhcpv4.MessageTypeRequest:
		s.counts.requests.Add(1)
		return s.request(p, in.at)
	case dhcpv4.MessageTypeDecline:
		s.counts.declines.Add(1)
		s.decline(p, in.at)
	case dhcpv4.MessageTypeRelease:
		s.counts.releases.Add(1)
		q := queryOf(p)
		if q.requested = addr(p.ClientIPAddr); q.requested.IsValid() && s.isFor(p) {
			s.a.release(q, in.at)
		}
	case dhcpv4.MessageTypeInform:
		s.counts.informs.Add(1)
		if from, found := s.answerFor(p); found {
			return s.reply(from, p, dhcpv4.MessageTypeAck, netip.Addr{})
		}
	default:
		s.counts.malformed.Add(1)
	}
	return r, false
}

// pool returns the pool for a device: that of the network which its relay stands in,
// or of the address that it has, or of the interface.
func (s *Server) pool(p *dhcpv4.DHCPv4) *store.Pool {
	pools := s.a.configured()
	if relay := addr(p.GatewayIPAddr); relay.IsValid() {
		return poolOf(pools, relay)
	}
	if own := addr(p.ClientIPAddr); own.IsValid() {
		return poolOf(pools, own)
	}
	for _, l := range s.addresses() {
		if found := poolOf(pools, l.Addr()); found != nil {
			return found
		}
	}
	return nil
}

// answerFor returns what to answer a device with; found is false for one of a network
// that is not configured, or while the interface has no address.
func (s *Server) answerFor(p *dhcpv4.DHCPv4) (x answer, found bool) {
	if x.pool = s.pool(p); x.pool == nil {
		s.counts.foreign.Add(1)
		return x, false
	}
	x.server, x.domain, x.dns = s.server(x.pool.Network), s.o.View().Domain(), s.a.resolvers(s.o.Alive, s.isDrained)
	return x, x.server.IsValid()
}

// isDrained reports whether no phone is to be sent to a node.
func (s *Server) isDrained(node string) bool {
	n, _ := s.o.View().Node(node)
	return n.Drained
}

// server returns how this node calls itself to devices of a network: by its address
// there, or, to those behind a relay, by its first one.
func (s *Server) server(network netip.Prefix) (a netip.Addr) {
	for _, l := range s.addresses() {
		if network.Contains(l.Addr()) {
			return l.Addr()
		}
		if !a.IsValid() {
			a = l.Addr()
		}
	}
	return a
}

// isFor reports whether a packet names this server, or none.
func (s *Server) isFor(p *dhcpv4.DHCPv4) bool {
	named := addr(p.ServerIdentifier())
	if !named.IsValid() {
		return true
	}
	for _, l := range s.addresses() {
		if l.Addr() == named {
			return true
		}
	}
	return false
}

// waitingNews is how long a server may wait for others before its operator hears of
// it, and how often he does.
const waitingNews = time.Minute

// discover offers an address. One that the device did not have is probed before; the
// offer is made when judge knows.
func (s *Server) discover(ctx context.Context, p *dhcpv4.DHCPv4, now time.Time, times int) (reply, bool) {
	from, found := s.answerFor(p)
	if !found {
		return reply{}, false
	}
	q := queryOf(p)
	q.eager = times > 0 || since(p) >= waited*time.Second
	x, why := s.a.discover(from.pool, q, now)
	if why == notMine && s.limit.tried(q.client, now) >= waited {
		q.eager = true
		x, why = s.a.discover(from.pool, q, now)
	}
	switch why {
	case granted:
	case exhausted:
		s.counts.exhausted.Add(1)
		s.once("exhausted "+from.pool.Network.String(), time.Minute, "no address of %s is left for %s: %s", from.pool.Network, q.mac, s.a.remedy(from.pool))
		return reply{}, false
	case waiting:
		s.once("waiting", waitingNews, "no address is given before %s was heard: start it, or remove it if it will not come back",
			strings.Join(s.a.waitsFor(now), ", "))
		return reply{}, false
	default:
		return reply{}, false
	}
	if is, _ := s.leases.Of(x); !is.HeldBy(q.client) && s.probe(ctx, probe{asked: p, a: x, times: times}) {
		return reply{}, false
	}
	return s.offer(from, p, x)
}

func (s *Server) offer(from answer, p *dhcpv4.DHCPv4, x netip.Addr) (reply, bool) {
	s.counts.offers.Add(1)
	return s.reply(from, p, dhcpv4.MessageTypeOffer, x)
}

// probe looks whether somebody is on an address, if not too many are looked at.
func (s *Server) probe(ctx context.Context, x probe) bool {
	select {
	case s.probing <- struct{}{}:
	default:
		return false
	}
	s.probes.Go(func() {
		x.taken = s.ping(ctx, x.a)
		<-s.probing
		select {
		case s.probed <- x:
		case <-ctx.Done():
		}
	})
	return true
}

// judge offers an address on which nobody is, and else another one.
func (s *Server) judge(ctx context.Context, x probe) []reply {
	now := time.Now()
	var r reply
	var ok bool
	if x.taken {
		s.counts.conflicts.Add(1)
		s.a.decline(x.a, "", now)
		s.once("conflict "+x.a.String(), time.Hour, "somebody is on %s who did not get it here: it is given to nobody for %s", x.a, declineLife)
		if x.times < mostChoices {
			r, ok = s.discover(ctx, x.asked, now, x.times+1)
		}
	} else if from, found := s.answerFor(x.asked); found {
		r, ok = s.offer(from, x.asked, x.a)
	}
	if !ok {
		return nil
	}
	return []reply{r}
}

// request grants what a device was offered, or has; and refuses what it must not
// have (RFC 2131, 4.3.2).
func (s *Server) request(p *dhcpv4.DHCPv4, now time.Time) (reply, bool) {
	q := queryOf(p)
	chosen := addr(p.ServerIdentifier()).IsValid()
	if own := addr(p.ClientIPAddr); own.IsValid() && !chosen {
		q.requested = own
	}
	if !q.requested.IsValid() {
		s.counts.malformed.Add(1)
		return reply{}, false
	}
	if !s.isFor(p) {
		s.a.withdraw(q.requested, q.client)
		return reply{}, false
	}
	from := answer{pool: s.pool(p)}
	if from.pool == nil && addr(p.GatewayIPAddr).IsValid() { // what is right there, another server knows
		s.counts.foreign.Add(1)
		return reply{}, false
	}
	from.server = s.server(netip.PrefixFrom(q.requested, q.requested.BitLen()))
	if from.pool != nil {
		from, _ = s.answerFor(p)
	}
	if !from.server.IsValid() {
		return reply{}, false
	}
	switch s.a.request(from.pool, q, chosen, now) {
	case granted:
		s.counts.acks.Add(1)
		return s.reply(from, p, dhcpv4.MessageTypeAck, q.requested)
	case wrong:
		s.counts.naks.Add(1)
		return s.reply(from, p, dhcpv4.MessageTypeNak, netip.Addr{})
	case unknown:
		s.counts.foreign.Add(1)
	case notMine, waiting, exhausted:
	}
	return reply{}, false
}

func (s *Server) decline(p *dhcpv4.DHCPv4, now time.Time) {
	q := queryOf(p)
	if q.requested.IsValid() && s.isFor(p) && s.a.decline(q.requested, q.client, now) {
		s.once("conflict "+q.requested.String(), time.Hour, "%s says that somebody else is on %s: it is given to nobody for %s", q.mac, q.requested, declineLife)
	}
}

func (s *Server) reply(from answer, p *dhcpv4.DHCPv4, kind dhcpv4.MessageType, a netip.Addr) (reply, bool) {
	r, err := from.reply(p, kind, a)
	if err != nil {
		return reply{}, false
	}
	return reply{r, destination(p, r)}, true
}

func (s *Server) send(r reply) {
	if s.conn == nil {
		return
	}
	if _, err := s.conn.WriteTo(r.packet.ToBytes(), net.UDPAddrFromAddrPort(r.to)); err != nil {
		s.o.Logger.Debug("a DHCP answer was not sent", "to", r.to, "error", err)
	}
}
