package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// joiningConfig shows the authority's certificate too, for the joining node to
// compare with its token. It gives no tickets: who joined comes back as a member.
func joiningConfig(i Identity) *tls.Config {
	own := i.tlsCertificate()
	own.Certificate = append(own.Certificate, i.authority.Raw)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{own},
		NextProtos:             []string{protocolJoin},
		SessionTicketsDisabled: true,
	}
}

// serveJoin answers one request to join. The stranger keeps its place at the
// door until then.
func (p *Port) serveJoin(ctx context.Context, c *tls.Conn, from netip.AddrPort) {
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.NetConn().Close() })()
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	b, err := readFrame(c, longestRequest)
	if err != nil {
		p.counts.add(reasonStranger, "address", from, "error", err)
		return
	}
	_ = c.SetDeadline(time.Now().Add(answering))
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	answer := p.admission(ctx, b, from)
	b, err = cbor.Marshal(answer)
	if err == nil {
		err = writeFrame(c, b)
	}
	switch {
	case err == nil:
	case answer.Refused: // its asker is gone
		p.log.Debug("answering a request to join", "address", from, "error", err)
	default:
		p.log.Warn("the node that joined was not told so", "address", from, "error", err)
	}
}

// admission decides on a request.
func (p *Port) admission(ctx context.Context, b []byte, from netip.AddrPort) wireAnswer {
	r, secret, err := decodeRequest(b)
	var w Welcome
	if err == nil {
		w, err = p.options.OnJoin(ctx, hashSecret(secret), r)
	}
	if err == nil {
		err = p.checkWelcome(w, r)
	}
	if err == nil {
		p.log.Info("a node joined", "node", r.Node, "role", string(r.Role), "site", r.Site, "address", from)
		return wireAnswer{Certificate: w.Certificate, Authority: p.identity().authority.Raw, Payload: w.Payload}
	}
	later := errors.Is(err, ErrLater)
	if later {
		p.counts.add(reasonLater, "node", r.Node, "address", from, "error", err)
	} else {
		p.counts.add(reasonToken, "node", r.Node, "address", from, "reason", reasonText(err))
	}
	return wireAnswer{Refused: true, Later: later, Reason: reasonText(err)}
}

// checkWelcome finds a wrong certificate here, where it can be mended, rather
// than on the new node.
func (p *Port) checkWelcome(w Welcome, r Request) error {
	certificate, err := x509.ParseCertificate(w.Certificate)
	if err != nil {
		return errors.New("the certificate issued cannot be read")
	}
	peer, err := p.verifier.check(certificate)
	if err == nil && peer.Node != r.Node {
		err = errors.New("the certificate issued is for another node")
	}
	return err
}

func reasonText(err error) string {
	if refused, ok := errors.AsType[*Refused](err); ok {
		return refused.Reason
	}
	return err.Error()
}
