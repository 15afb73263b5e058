package lab

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// carrierHost is the last byte of a carrier's address in the LAN of each site.
const carrierHost = 9

// A Carrier has a gateway in the LAN of each site and brings calls from one to
// another by a network that is none of ours: it knows at which site a number is. To
// each side it is a phone of its own (RFC 3261 section 6, back-to-back), over UDP.
type Carrier struct {
	gateways map[string]*gateway // by site
	sites    map[string]string   // by number

	mu      sync.Mutex
	legs    map[string]*leg // by site and Call-ID
	carried []string        // calls that were answered, as "from to"
}

// A gateway is the carrier at one site, which talks to the node there.
type gateway struct {
	*net.UDPConn

	site string
	own  netip.AddrPort
	node netip.AddrPort
}

// A leg is one side of a call.
type leg struct {
	at      *gateway
	other   *leg
	invite  wire.Message // that made it
	from    string       // the carrier's From, once it is in a dialog
	to      string
	target  string
	routes  []string
	cseq    int
	settled wire.Message // the last answer to invite, where the carrier gives it
}

// Carrier opens the carrier: a host that stands in the LAN of each branch, and is in
// no other network. numbers are those of each branch.
func (s *System) Carrier(branches []lan, numbers map[string]string) *Carrier {
	s.tb.Helper()
	c := &Carrier{gateways: map[string]*gateway{}, sites: numbers, legs: map[string]*leg{}}
	s.namespace("carrier")
	for i, l := range branches {
		port, end := fmt.Sprintf("c%d", i), fmt.Sprintf("at%d", i)
		s.do(s.ip, "link", "add", port, "netns", s.name+l.site, "type", "veth", "peer", "name", end, "netns", s.name+"carrier")
		s.in(l.site, s.ip, "link", "set", port, "master", "lan", "up")
		s.in("carrier", s.ip, "address", "add", l.address(carrierHost).String()+"/24", "dev", end)
		s.in("carrier", s.ip, "link", "set", end, "up")
		g := &gateway{
			site: l.site, own: netip.AddrPortFrom(l.address(carrierHost), house.SIPPort),
			node: netip.AddrPortFrom(s.nodes[homes[l.site]].Addr, house.SIPPort),
		}
		if err := s.from("carrier", func() (err error) {
			g.UDPConn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(g.own))
			return err
		}); err != nil {
			s.tb.Fatal(err)
		}
		c.gateways[l.site] = g
		go c.serve(g)
		s.tb.Cleanup(func() { _ = g.Close() })
	}
	return c
}

// Carried returns the calls that were answered, as "from to", sorted.
func (c *Carrier) Carried() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.carried))
}

func (c *Carrier) serve(g *gateway) {
	for b := make([]byte, 1<<16); ; { //nolint:mnd // more than any datagram has
		n, _, err := g.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		m, err := wire.Parse(string(b[:n]))
		if err != nil {
			continue // a keep-alive
		}
		c.mu.Lock()
		if m.Request() {
			c.asked(g, m)
		} else {
			c.answered(g, m)
		}
		c.mu.Unlock()
	}
}

func (g *gateway) send(m wire.Message) {
	_, _ = g.WriteToUDPAddrPort([]byte(m.String()), g.node) // it is sent again
}

func (g *gateway) contact() string { return "<sip:" + g.own.String() + ">" }

// asked takes what the node of a site asks for.
func (c *Carrier) asked(g *gateway, m wire.Message) {
	l := c.legs[g.site+m.Get("Call-ID")]
	switch method := m.Method(); {
	case method == "INVITE" && l == nil:
		c.invited(g, m)
	case method == "INVITE": // again
		if l.settled.Start != "" {
			g.send(l.settled)
		}
	case method == "ACK":
		if l != nil && l.settled.Status() == 200 {
			l.other.at.send(l.other.request("ACK"))
		}
	case l == nil:
		g.send(m.Reply(481, "Call Does Not Exist", rand.Text()))
	case method == "BYE":
		g.send(m.Reply(200, "OK", ""))
		l.other.cseq++
		l.other.at.send(l.other.request("BYE"))
	default:
		g.send(m.Reply(200, "OK", ""))
	}
}

// invited calls the number at its site.
func (c *Carrier) invited(g *gateway, m wire.Message) {
	number, _, _ := strings.Cut(strings.TrimPrefix(m.URI(), "sip:"), "@")
	to := c.gateways[c.sites[number]]
	if to == nil {
		g.send(m.Reply(404, "Not Found", rand.Text()))
		return
	}
	g.send(m.Reply(100, "Trying", ""))
	tag, uri := rand.Text(), "sip:"+number+"@"+to.node.Addr().String()
	in := &leg{at: g, invite: m, from: m.Get("To") + ";tag=" + tag, to: m.Get("From"), target: wire.AddrURI(m.Get("Contact")), routes: m.All("Record-Route"), cseq: 1}
	out := &leg{at: to, other: in, from: "<" + wire.AddrURI(m.Get("From")) + ">;tag=" + rand.Text(), to: "<" + uri + ">", target: uri, cseq: 1}
	in.other = out
	out.invite = wire.Message{Body: m.Body}
	out.invite.Add("Call-ID", rand.Text())
	out.invite = out.request("INVITE")
	if out.invite.Body = m.Body; m.Has("Content-Type") {
		out.invite.Add("Content-Type", m.Get("Content-Type"))
	}
	c.legs[g.site+m.Get("Call-ID")], c.legs[to.site+out.invite.Get("Call-ID")] = in, out
	to.send(out.invite)
}

// request begins a request to the node of the leg's site.
func (l *leg) request(method string) wire.Message {
	m := wire.Message{Start: method + " " + l.target + " SIP/2.0"}
	m.Add("Via", "SIP/2.0/UDP "+l.at.own.String()+";branch=z9hG4bK"+rand.Text()+";rport")
	m.Add("Max-Forwards", "70")
	m.Add("From", l.from)
	m.Add("To", l.to)
	m.Add("Call-ID", l.invite.Get("Call-ID"))
	m.Add("CSeq", fmt.Sprintf("%d %s", l.cseq, method))
	m.Add("Contact", l.at.contact())
	if len(l.routes) > 0 {
		m.Add("Route", strings.Join(l.routes, ", "))
	}
	return m
}

// answered passes on what the called side says of the call.
func (c *Carrier) answered(g *gateway, m wire.Message) {
	out := c.legs[g.site+m.Get("Call-ID")]
	if out == nil || !strings.HasSuffix(m.Get("CSeq"), " INVITE") || m.Status() == 100 {
		return
	}
	in := out.other
	if m.Status() >= 300 { //nolint:mnd // a refusal
		ack := out.request("ACK")
		ack.Set("Via", m.Get("Via"))
		ack.Set("To", m.Get("To"))
		g.send(ack)
	}
	out.to, out.target = m.Get("To"), wire.AddrURI(m.Get("Contact"))
	out.routes = m.All("Record-Route")
	slices.Reverse(out.routes)
	if m.Status() == 200 && in.settled.Status() != 200 {
		c.carried = append(c.carried, in.at.site+" "+g.site)
	}
	_, tag, _ := strings.Cut(in.from, ";tag=")
	_, reason, _ := strings.Cut(strings.TrimPrefix(m.Start, "SIP/2.0 "), " ")
	in.settled = in.invite.Reply(m.Status(), reason, tag)
	in.settled.Add("Contact", in.at.contact())
	if in.settled.Body = m.Body; m.Has("Content-Type") {
		in.settled.Add("Content-Type", m.Get("Content-Type"))
	}
	in.at.send(in.settled)
}
