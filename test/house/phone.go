package house

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// A Phone is one device of a user: a sipgo user agent that keeps one TCP
// connection or one UDP socket.
type Phone struct {
	User      string
	Transport string // "tcp" or "udp"

	h      *House
	node   netip.AddrPort
	ua     *sipgo.UserAgent
	client *sipgo.Client
	parser *sip.Parser
	local  netip.AddrPort
	conn   sip.Connection // TCP
	socket net.PacketConn // UDP
	served chan struct{}  // UDP: closed when nobody reads the socket any more
	id     string         // Call-ID of its registrations

	mu     sync.Mutex
	cseq   int
	rings  chan *Incoming
	calls  map[string]*call // by Call-ID
	hidden bool             // switched off
}

// Phone registers a phone over TCP with the first node.
func (h *House) Phone(user string) *Phone {
	h.tb.Helper()
	return h.PhoneOver("tcp", user)
}

// PhoneOver registers a phone over "tcp" or "udp" with the first node.
func (h *House) PhoneOver(transport, user string) *Phone {
	h.tb.Helper()
	p := h.Stranger(transport, user)
	if status := p.Registers(); status != 200 {
		h.fatal("registering %s over %s: got %d, want 200", user, transport, status)
	}
	return p
}

// Stranger connects a phone to the first node that did not register yet.
func (h *House) Stranger(transport, user string) *Phone {
	h.tb.Helper()
	p := &Phone{
		User: user, Transport: transport, h: h, node: h.nodes[0].SIP(), id: rand.Text(),
		rings: make(chan *Incoming, 2000), calls: map[string]*call{}, cseq: 1,
	}
	if err := p.connect(); err != nil {
		h.fatal("connecting %s over %s: %v", user, transport, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phones = append(h.phones, p)
	return p
}

// connect makes the user agent and its one connection.
func (p *Phone) connect() error {
	headers := maps.Clone(sip.DefaultHeadersParser())
	delete(headers, "route") // sipgo would drop parameters of what only has to be copied
	delete(headers, "record-route")
	p.parser = sip.NewParser(sip.WithHeadersParsers(headers))
	quiet := slog.New(slog.DiscardHandler)
	var err error
	p.ua, err = sipgo.NewUA(sipgo.WithUserAgent(p.User), sipgo.WithUserAgentHostname(Domain), sipgo.WithUserAgentParser(p.parser),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		return fmt.Errorf("making a user agent: %w", err)
	}
	server, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return fmt.Errorf("making a server: %w", err)
	}
	p.handle(server)
	options := []sipgo.ClientOption{sipgo.WithClientLogger(quiet)}
	if p.Transport == "udp" {
		if err = p.listen(server); err != nil {
			return err
		}
		options = append(options, sipgo.WithClientConnectionAddr(p.local.String()))
	}
	if p.client, err = sipgo.NewClient(p.ua, options...); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if p.Transport == "tcp" {
		return p.dial()
	}
	return nil
}

func (p *Phone) listen(server *sipgo.Server) error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	p.socket, p.local, p.served = socket, addrPort(socket), make(chan struct{})
	go func() {
		defer close(p.served)
		_ = server.ServeUDP(socket)
	}()
	pool := p.ua.TransportLayer().Pool("udp")
	p.h.Eventually("sipgo serves the socket", func() bool { return pool.Get(p.local.String()) != nil })
	return nil
}

func (p *Phone) dial() error {
	probe := p.text("OPTIONS", "sip:"+Domain, "<sip:"+Domain+">", rand.Text(), 1)
	req, err := p.parse(probe)
	if err != nil {
		return err
	}
	p.conn, err = p.ua.TransportLayer().ClientRequestConnection(context.Background(), req)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	p.local, err = netip.ParseAddrPort(p.conn.LocalAddr().String())
	if err != nil {
		return fmt.Errorf("reading the own address: %w", err)
	}
	return nil
}

func addrPort(socket net.PacketConn) netip.AddrPort {
	a, err := netip.ParseAddrPort(socket.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return a
}

// Reconnects drops the phone's TCP connection, makes another one and registers
// on it, as the same device. It must be the only phone of its user.
func (p *Phone) Reconnects() {
	p.h.tb.Helper()
	_ = p.conn.Close()
	p.h.nodes[0].HasPhones(p.User, 0, "up") // the node saw it
	pool := p.ua.TransportLayer().Pool("tcp")
	p.h.Eventually("sipgo forgets the old connection", func() bool { return pool.Get(p.node.String()) == nil })
	if err := p.dial(); err != nil {
		p.h.fatal("%s: %v", p.User, err)
	}
	if status := p.Registers(); status != 200 {
		p.h.fatal("%s registers again: got %d, want 200", p.User, status)
	}
}

// Vanishes closes the phone's connection without a word, as a cut cable does
// in the end.
func (p *Phone) Vanishes() { p.switchOff() }

func (p *Phone) switchOff() {
	p.mu.Lock()
	off := p.hidden
	p.hidden = true
	p.mu.Unlock()
	if off {
		return
	}
	if p.conn != nil {
		_ = p.conn.Close()
	}
	_ = p.ua.Close()
	if p.socket != nil {
		_ = p.socket.Close()
		<-p.served
	}
}

// Contact is the URI the phone registers.
func (p *Phone) Contact() string {
	return fmt.Sprintf("<sip:%s@%s;transport=%s>", p.User, p.local, p.Transport)
}

// text returns a request with the headers each has; lines are more headers,
// "Name: value".
func (p *Phone) text(method, uri, to, callID string, cseq int, lines ...string) string {
	head := []string{
		method + " " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport", strings.ToUpper(p.Transport), p.local, rand.Text()),
		"Max-Forwards: 70",
		"To: " + to,
		"Call-ID: " + callID,
		fmt.Sprintf("CSeq: %d %s", cseq, method),
	}
	return strings.Join(append(head, lines...), "\r\n") + "\r\n\r\n"
}

func (p *Phone) from(tag string) string {
	return fmt.Sprintf("From: <sip:%s@%s>;tag=%s", p.User, Domain, tag)
}

// parse turns text into a sipgo request to the node. Content-Length is set.
func (p *Phone) parse(text string) (*sip.Request, error) {
	m, err := p.parser.ParseSIP([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("parsing our own request: %w", err)
	}
	req, ok := m.(*sip.Request)
	if !ok {
		return nil, fmt.Errorf("no request: %q", text)
	}
	req.SetTransport(strings.ToUpper(p.Transport))
	req.SetDestination(p.node.String())
	if p.Transport == "udp" {
		req.Laddr = sip.Addr{IP: p.local.Addr().AsSlice(), Port: int(p.local.Port())}
	}
	if req.Body() == nil {
		req.SetBody(nil)
	}
	return req, nil
}

// asIs tells sipgo to send a request as it was built.
func asIs(*sipgo.Client, *sip.Request) error { return nil }

func (p *Phone) nextCSeq() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cseq++
	return p.cseq
}
