package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// protocolStanding is how a node asks another one why it was turned away. TLS has
// an alert for that, which crypto/tls does not send.
const protocolStanding = "carillon-standing/1"

// What a node says of another one.
const (
	isMember  = 'm'
	isOutcast = 'o'
)

const asksEvery = time.Minute // why it was turned away

// standingConfig takes every certificate of the system, revoked or not: its
// bearer gets one letter.
func (p *Port) standingConfig(i Identity) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{i.tlsCertificate()},
		NextProtos:             []string{protocolStanding},
		SessionTicketsDisabled: true,
		ClientAuth:             tls.RequireAnyClientCert, // checked by ours alone, below
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return ErrForeign
			}
			_, err := p.verifier.check(s.PeerCertificates[0])
			return err
		},
	}
}

// serveStanding tells whoever shows a certificate of the system whether it counts.
func (p *Port) serveStanding(c *tls.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	answer := byte(isMember)
	if _, err := p.check(c.ConnectionState().PeerCertificates); errors.Is(err, ErrRevoked) {
		answer = isOutcast
	}
	_, _ = c.Write([]byte{answer})
}

// isOutcastFor asks another node whether it takes our certificate for revoked.
func (p *Port) isOutcastFor(ctx context.Context, node string, at netip.AddrPort) (bool, error) {
	c, err := p.dial(ctx, node, at, protocolStanding)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(handshakeTime))
	var answer [1]byte
	if _, err = c.Read(answer[:]); err != nil {
		return false, fmt.Errorf("asking %s why: %w", node, err)
	}
	return answer[0] == isOutcast, nil
}

// unwelcome asks a node that did not take our certificate why, now and then.
func (p *Port) unwelcome(node string, at net.Addr) {
	to, ok := at.(*net.TCPAddr)
	p.mu.Lock()
	due := ok && p.options.OnOutcast != nil && time.Since(p.asked) >= asksEvery
	if due {
		p.asked = time.Now()
	}
	p.mu.Unlock()
	if !due {
		return
	}
	p.start(func() {
		out, err := p.isOutcastFor(p.ctx, node, to.AddrPort())
		switch {
		case err != nil:
			p.log.Debug("asking why this node was turned away", "node", node, "error", err)
		case out:
			p.options.OnOutcast(node)
		}
	})
}
