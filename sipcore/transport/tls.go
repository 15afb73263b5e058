package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// Certify gives the certificate for a connection that has come; it may be
// another each time. It must not wait.
type Certify func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// newTLS returns how we speak TLS when called. A browser wants to hear that HTTP
// follows.
func newTLS(certify Certify, protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		GetCertificate:              certify,
		NextProtos:                  protocols,
		DynamicRecordSizingDisabled: true, // a message is one record, or few
	}
}

// tlsFor returns how TLS is spoken where k is listened for.
func (l *Layer) tlsFor(k Kind) *tls.Config {
	if k == WSS {
		return l.tlsWeb
	}
	return l.tlsSIP
}

// callTLS shakes hands over a connection that we opened.
func (l *Layer) callTLS(nc *net.TCPConn, name string) (*secure, error) {
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  name,
		InsecureSkipVerify:          true, //nolint:gosec // VerifyConnection does it, by the rules of SIP
		DynamicRecordSizingDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if name == "" {
				return nil
			}
			return l.verify(s.PeerCertificates, name)
		},
	}
	s := newSecure(nc, mostServerShaking, func(c net.Conn) *tls.Conn { return tls.Client(c, config) })
	_ = nc.SetDeadline(time.Now().Add(l.opts.ConnectTimeout)) // fails only when closed
	wake := context.AfterFunc(l.alive, func() { _ = nc.SetDeadline(longAgo()) })
	err := s.tls.HandshakeContext(context.Background())
	if !wake() {
		return nil, errors.Join(ErrClosed, err)
	}
	_ = nc.SetDeadline(time.Time{})
	return s, err //nolint:wrapcheck // the caller says what for
}

// verify checks that somebody whom we believe says that the peer is name.
func (l *Layer) verify(chain []*x509.Certificate, name string) error {
	if len(chain) == 0 {
		return errors.New("the peer has no certificate")
	}
	o := x509.VerifyOptions{Intermediates: x509.NewCertPool()}
	if l.opts.Roots != nil {
		o.Roots = l.opts.Roots()
	}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(o); err != nil {
		return err //nolint:wrapcheck // it says what is wrong
	}
	return checkIdentity(chain[0], name)
}
