package link

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A Refused is a join that was answered with no: trying again does not help.
type Refused struct {
	Reason string
}

// Error says the reason.
func (r *Refused) Error() string { return "refused: " + r.Reason }

// ErrLater is wrapped by an error of Options.OnJoin that means: not now, the token
// stays good.
var ErrLater = errors.New("try again later")

// answering is how long admitting a node may take: it is one agreed change.
const answering = 15 * time.Second

// Join asks to be admitted with a token, at the seed's addresses and then at
// the token's, until one answers. Only a main that belongs to the token's
// system sees the secret. A seed of another system ends it: who named the seed
// meant that system, and must not find the node in the token's. The error is a
// *Refused when the answer was no; any other means that nobody could answer, and
// trying again may help.
func Join(ctx context.Context, seed []netip.AddrPort, t Token, r Request) (Welcome, error) {
	if err := r.validate(); err != nil {
		return Welcome{}, fmt.Errorf("joining: %w", err)
	}
	var all []error
	for _, at := range places(seed, t.Addresses) {
		w, err := joinAt(ctx, at, t, r)
		if err == nil {
			return w, nil
		}
		if refused, ok := errors.AsType[*Refused](err); ok {
			return Welcome{}, refused
		}
		if errors.Is(err, ErrForeign) && slices.Contains(seed, at) {
			return Welcome{}, &Refused{fmt.Sprintf("the token is of another system than %s: make one there with `carillon token create`", at)}
		}
		all = append(all, fmt.Errorf("joining at %s: %w", at, err))
	}
	return Welcome{}, errors.Join(all...)
}

func places(seed, more []netip.AddrPort) []netip.AddrPort {
	var all []netip.AddrPort
	for _, at := range slices.Concat(seed, more) {
		if !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

func joinAt(ctx context.Context, at netip.AddrPort, t Token, r Request) (Welcome, error) {
	shaking, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	d := tls.Dialer{Config: joinConfig(t), NetDialer: joinDialer(r.Address)}
	c, err := d.DialContext(shaking, "tcp", at.String())
	if err != nil {
		return Welcome{}, err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if err = c.SetDeadline(time.Now().Add(answering)); err != nil {
		return Welcome{}, err
	}
	return ask4welcome(c, t, r)
}

// joinDialer leaves from the address that the node will have.
func joinDialer(own netip.AddrPort) *net.Dialer {
	d := &net.Dialer{}
	if own.Addr().IsValid() && !own.Addr().IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: own.Addr().AsSlice(), Zone: own.Addr().Zone()}
	}
	return d
}

func ask4welcome(c net.Conn, t Token, r Request) (Welcome, error) {
	question, err := encodeRequest(r, t.Secret)
	if err != nil {
		return Welcome{}, err
	}
	if err = writeFrame(c, question); err != nil {
		return Welcome{}, err
	}
	b, err := readFrame(c, longestWelcome)
	if err != nil {
		return Welcome{}, fmt.Errorf("waiting for the answer: %w", err)
	}
	var answer wireAnswer
	if err = decode(b, &answer); err != nil {
		return Welcome{}, fmt.Errorf("reading the answer: %w", err)
	}
	switch {
	case answer.Refused && answer.Later:
		return Welcome{}, fmt.Errorf("%w: %s", ErrLater, answer.Reason)
	case answer.Refused:
		return Welcome{}, &Refused{answer.Reason}
	}
	return Welcome{answer.Certificate, answer.Authority, answer.Payload}, nil
}

// joinConfig believes the certificate that the token's authority issued for a
// main. The handshake fails before the secret is sent.
func joinConfig(t Token) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{protocolJoin},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection checks against the token
		VerifyConnection: func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol != protocolJoin {
				return errors.New("nobody can join there")
			}
			return checkToken(t, s.PeerCertificates)
		},
	}
}

func checkToken(t Token, chain []*x509.Certificate) error {
	if len(chain) != 2 {
		return fmt.Errorf("%w than the token", ErrForeign)
	}
	whole := sha256.Sum256(chain[1].Raw)
	if subtle.ConstantTimeCompare(whole[:len(t.Fingerprint)], t.Fingerprint[:]) != 1 || !chain[1].IsCA {
		return fmt.Errorf("%w than the token", ErrForeign)
	}
	peer, err := checkIssued(chain[0], chain[1])
	if err != nil {
		return err
	}
	if peer.Role != Main {
		return fmt.Errorf("%s is no main: nodes join at mains", peer.Node)
	}
	return nil
}
