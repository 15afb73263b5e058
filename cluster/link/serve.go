package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What a stranger may cost: see door for how many at once.
const (
	handshakeTime  = 5 * time.Second
	handshakeBytes = 48 << 10
)

// Closed when idle longer than the probes take, so that a node that vanished
// does not hold a handler for ever. Sessions have a monitor of their own, which
// notices far earlier: there the kernel's probes would be bytes for nothing.
const (
	quietBeforeProbe = 60 * time.Second
	probeEvery       = 15 * time.Second
	probes           = 4
)

func keepAlive(protocol string) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: protocol != ProtocolSession, Idle: quietBeforeProbe, Interval: probeEvery, Count: probes}
}

// keepFresh has writing to a session wait while this much has not left yet: what
// waits in the kernel cannot be replaced by what is newer.
func keepFresh(c net.Conn, protocol string) {
	const unsent = 8 << 10
	tcp, ok := c.(*net.TCPConn)
	if !ok || protocol != ProtocolSession {
		return
	}
	if socket, err := tcp.SyscallConn(); err == nil {
		_ = socket.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent) })
	}
}

func (p *Port) accept() error {
	p.show(p.identity()) // with all protocols
	for {
		c, err := p.tcp.AcceptTCP()
		switch {
		case err == nil:
			p.admit(c, p.face.Load().serving)
		case p.ctx.Err() != nil:
			return nil //nolint:nilerr // the port was closed, as asked
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accepting on the cluster port: %w", err)
		default:
			p.log.Warn("accepting on the cluster port", "error", err)
			time.Sleep(pause)
		}
	}
}

// admit begins the handshake, if there is room for one more stranger.
func (p *Port) admit(c *net.TCPConn, serving *tls.Config) {
	from := addressOf(c)
	leave, ok := p.door.enter(from)
	if !ok {
		p.counts.add(reasonCrowded, "address", from)
		_ = c.Close()
		return
	}
	if !p.start(func() { p.greet(c, serving, leave) }) {
		leave()
		_ = c.Close()
	}
}

// greet makes a member of a stranger, or turns it away.
func (p *Port) greet(raw *net.TCPConn, serving *tls.Config, leave func()) {
	defer leave()
	s := &stranger{Conn: raw, left: handshakeBytes}
	ctx, cancel := context.WithTimeout(p.ctx, handshakeTime)
	defer cancel()
	c := tls.Server(s, serving)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		p.turnedAway(s, err)
		return
	}
	protocol := c.ConnectionState().NegotiatedProtocol
	if protocol == protocolJoin {
		p.serveJoin(p.ctx, c, addressOf(raw))
		return
	}
	if protocol == protocolStanding {
		p.serveStanding(c)
		return
	}
	peer, err := p.met(c)
	if err != nil {
		_ = raw.Close()
		p.turnedAway(s, err)
		return
	}
	s.believe()
	_ = raw.SetKeepAliveConfig(keepAlive(protocol))
	keepFresh(raw, protocol)
	p.door.know(addressOf(raw))
	h := p.handlers[protocol]
	kept := p.conns.keep(peer.Node, c)
	if kept == nil {
		return
	}
	leave()
	if _, err = p.check(c.ConnectionState().PeerCertificates); err != nil { // revoked just now: Disconnect has not seen it
		p.turnedAway(s, err)
		_ = kept.Close()
		return
	}
	h(p.ctx, kept, peer)
}

// turnedAway counts a handshake that came to nothing. A member's that broke off
// in the middle is no news.
func (p *Port) turnedAway(s *stranger, err error) {
	from := addressOf(s.Conn)
	reason := reasonStranger
	switch {
	case p.ctx.Err() != nil:
		return
	case errors.Is(err, ErrRevoked):
		reason = reasonRevoked
	case errors.Is(err, ErrUnlisted):
		reason = reasonUnlisted
	case s.unknown:
		reason = reasonProtocol
	case errors.Is(err, ErrForeign):
		reason = reasonForeign
	case p.door.known(from):
		p.log.Debug("handshake broken off", "address", from, "error", err)
		return
	}
	p.counts.add(reason, "address", from, "error", err)
}

// servingConfig asks everybody for a certificate, but for those who come to get
// one.
func (p *Port) servingConfig(i Identity) *tls.Config {
	members, joining, standing := p.membersConfig(i), joiningConfig(i), p.standingConfig(i)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if p.options.OnJoin != nil && len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == protocolJoin {
				return joining, nil
			}
			if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == protocolStanding {
				return standing, nil
			}
			offered := func(protocol string) bool { return slices.Contains(members.NextProtos, protocol) }
			if s, ok := hello.Conn.(*stranger); ok && !slices.ContainsFunc(hello.SupportedProtos, offered) {
				s.unknown = true
			}
			return members, nil
		},
	}
}

func (p *Port) membersConfig(i Identity) *tls.Config {
	config := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{i.tlsCertificate()},
		ClientAuth:   tls.RequireAnyClientCert, // checked by ours alone, below
		VerifyConnection: func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol == "" {
				return errors.New("the connection names no protocol")
			}
			_, err := p.check(s.PeerCertificates)
			return err
		},
	}
	for protocol := range p.handlers {
		config.NextProtos = append(config.NextProtos, protocol)
	}
	return config
}
