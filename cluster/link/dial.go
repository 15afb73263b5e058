package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Dial connects to the node at its cluster port for a protocol. It fails unless
// the certificate there says node, is of this system and is not revoked. The
// context bounds connecting and handshake, handshakeTime in any case. Whether
// the other side took our certificate shows with the first Read: TLS 1.3 does
// not wait for it. A second Dial resumes the first one's session.
func (p *Port) Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error) {
	c, err := p.dial(ctx, node, at, protocol)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s at %s: %w", node, at, err)
	}
	return c, nil
}

func (p *Port) dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)() //nolint:contextcheck // the port ends it too
	if protocol != ProtocolThrough {
		if err := p.deaf.wait(ctx, node); err != nil {
			return nil, err
		}
	}
	raw, err := p.dialer(protocol).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	keepFresh(raw, protocol)
	c := tls.Client(raw, p.dialingConfig(node, protocol))
	if err = p.shake(ctx, c); err != nil {
		_ = raw.Close()
		if errors.Is(err, ErrForeign) {
			p.counts.add(reasonForeign, "node", node, "address", at, "error", err)
		}
		return nil, err
	}
	kept := p.conns.keep(node, c)
	if kept == nil {
		return nil, ErrClosed
	}
	if _, err = p.check(c.ConnectionState().PeerCertificates); err != nil { // revoked just now: Disconnect has not seen it
		_ = kept.Close()
		return nil, err
	}
	return kept, nil
}

func (p *Port) shake(ctx context.Context, c *tls.Conn) error {
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	_, err := p.met(c)
	if err == nil {
		p.door.know(addressOf(c))
	}
	return err
}

// dialer leaves from the address that the others know us by.
func (p *Port) dialer(protocol string) *net.Dialer {
	d := &net.Dialer{KeepAlive: -1, KeepAliveConfig: keepAlive(protocol)}
	if own := p.address.Addr(); own.IsValid() && !own.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: own.AsSlice(), Zone: own.Zone()}
	}
	return d
}

// curves is how keys are agreed on: nil is Go's choice, which no quantum computer
// of later shall read. The rings connect often over slow lines, to say who is
// there: that is worth no 2.3 kB.
func curves(protocol string) []tls.CurveID {
	if protocol == ProtocolRing {
		return []tls.CurveID{tls.X25519}
	}
	return nil
}

func (p *Port) dialingConfig(node, protocol string) *tls.Config {
	own := p.face.Load()
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		CurvePreferences:   curves(protocol),
		Certificates:       []tls.Certificate{own.identity.tlsCertificate()},
		NextProtos:         []string{protocol},
		ClientSessionCache: own.tickets,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection checks more: our authority, the node's name, revocation
		VerifyConnection: func(s tls.ConnectionState) error {
			peer, err := p.check(s.PeerCertificates)
			if err != nil {
				return err
			}
			if peer.Node != node {
				return fmt.Errorf("%w: %s", ErrWrongNode, peer.Node)
			}
			if s.NegotiatedProtocol != protocol {
				return fmt.Errorf("it does not speak %s", protocol)
			}
			return nil
		},
	}
}
