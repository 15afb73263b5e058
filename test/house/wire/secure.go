package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gobwas/ws"
)

// A Dialer says how a phone connects. The zero Dialer lets the kernel choose the
// local address and believes any certificate.
type Dialer struct {
	Local  netip.Addr
	Port   uint16         // the local one; 0: the kernel chooses
	Roots  *x509.CertPool // whom it believes; nil: everybody
	Name   string         // whom the certificate must be for; "": the address dialled
	Origin string         // of the web page, over "ws" and "wss"; "": it is none
}

// Port is where a node listens for phones that come over a transport.
func Port(transport string) uint16 {
	switch transport {
	case "tls":
		return 5061
	case "ws":
		return 5066
	case "wss":
		return 7443
	default:
		return 5060
	}
}

// Dial connects to remote over "udp", "tcp", "tls", "ws" or "wss" and starts
// reading.
func (d Dialer) Dial(transport string, remote netip.AddrPort) (*Conn, error) {
	c := &Conn{Transport: transport, in: make(chan Message, 1024), closed: make(chan struct{})}
	if err := d.connect(c, remote); err != nil {
		return nil, fmt.Errorf("dialling %s %s: %w", transport, remote, err)
	}
	c.done.Go(c.read)
	return c, nil
}

// connect opens the connection and shakes hands on it.
func (d Dialer) connect(c *Conn, remote netip.AddrPort) (err error) {
	network := "tcp"
	if c.Transport == "udp" {
		network = "udp"
	}
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: localAddr(d.Local, d.Port, network)}
	if c.net, err = dialer.DialContext(context.Background(), network, remote.String()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, c.net.Close())
		}
	}()
	if c.Transport == "tls" || c.Transport == "wss" {
		secured := tls.Client(c.net, d.config(remote))
		c.net = secured
		if err = secured.HandshakeContext(ctx); err != nil {
			return err
		}
	}
	if c.Transport == "ws" || c.Transport == "wss" {
		return d.upgrade(ctx, c, remote)
	}
	return nil
}

func (d Dialer) config(remote netip.AddrPort) *tls.Config {
	name := d.Name
	if name == "" {
		name = remote.Addr().String()
	}
	return &tls.Config{
		RootCAs: d.Roots, ServerName: name, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: d.Roots == nil, //nolint:gosec // a test that is about something else
	}
}

// upgrade makes a WebSocket of the connection, as a browser does.
func (d Dialer) upgrade(ctx context.Context, c *Conn, remote netip.AddrPort) error {
	header := http.Header{}
	if d.Origin != "" {
		header.Set("Origin", d.Origin)
	}
	w := ws.Dialer{
		Protocols: []string{"sip"}, Header: ws.HandshakeHeaderHTTP(header),
		NetDial: func(context.Context, string, string) (net.Conn, error) { return c.net, nil },
	}
	_, rest, agreed, err := w.Dial(ctx, "ws://"+remote.String()+"/")
	switch {
	case err != nil:
		return err
	case agreed.Protocol != "sip":
		return fmt.Errorf("the sub-protocol is %q", agreed.Protocol)
	case rest == nil:
		rest = bufio.NewReader(c.net)
	}
	c.web = rest
	return nil
}

// readWeb reads one message of a WebSocket. Pings are answered.
func (c *Conn) readWeb() (Message, error) {
	var text []byte
	for {
		f, err := ws.ReadFrame(c.web)
		if err != nil {
			return Message{}, fmt.Errorf("reading: %w", err)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			err = c.writeWeb(ws.OpPong, f.Payload)
		case ws.OpPong:
		case ws.OpClose:
			_ = c.writeWeb(ws.OpClose, f.Payload)
			return Message{}, io.EOF
		default:
			if text = append(text, f.Payload...); f.Header.Fin && len(text) > 4 { // a keep-alive is no message
				return Parse(string(text))
			}
		}
		if err != nil {
			return Message{}, err
		}
	}
}

// writeWeb sends one frame in one piece.
func (c *Conn) writeWeb(op ws.OpCode, payload []byte) error {
	b, err := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(op, true, payload)))
	if err == nil {
		err = c.net.SetWriteDeadline(time.Now().Add(10 * time.Second))
	}
	if err == nil {
		_, err = c.net.Write(b)
	}
	return err
}
