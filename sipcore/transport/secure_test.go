package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carillon/test/tool"
)

// An issuer makes certificates for a test.
type issuer struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(tb testing.TB) *issuer {
	tb.Helper()
	i := &issuer{tb: tb}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	i.cert, i.key = i.make(template, template, nil)
	return i
}

func (i *issuer) make(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	i.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.tb.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.tb.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		i.tb.Fatal(err)
	}
	return c, key
}

// issue makes a certificate for names: DNS names, addresses, URIs.
func (i *issuer) issue(names ...string) *tls.Certificate {
	i.tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		u, _ := url.Parse(name)
		switch ip := net.ParseIP(name); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case u != nil && u.Scheme != "":
			template.URIs = append(template.URIs, u)
		default:
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	c, key := i.make(template, i.cert, i.key)
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}
}

func (i *issuer) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// always shows one certificate.
func always(c *tls.Certificate) Certify {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c, nil }
}

// secureOptions is a layer with TLS on a host of its own.
func secureOptions(tb testing.TB) Options {
	tb.Helper()
	i := newIssuer(tb)
	return Options{Addr: host(), Certificate: always(i.issue("tel.test", "127.0.0.1")), Roots: i.roots}
}

func on(l *Layer, k Kind) string { return netip.AddrPortFrom(l.opts.Addr, l.Ports().Of(k)).String() }

// overTLS connects a peer to a layer.
func overTLS(tb testing.TB, l *Layer, most uint16) *tls.Conn {
	tb.Helper()
	c := tls.Client(dialTo(tb, "tcp", on(l, TLS)), &tls.Config{
		RootCAs: l.opts.Roots(), ServerName: "tel.test", MinVersion: tls.VersionTLS12, MaxVersion: most,
		DynamicRecordSizingDisabled: true,
	})
	if err := c.Handshake(); err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			h := &record{answer: echo}
			l := listening(t, secureOptions(t), h)
			c := overTLS(t, l, version)
			if got := c.ConnectionState().Version; got != version {
				t.Fatalf("got %s", tls.VersionName(got))
			}
			for i, size := range []int{0, 10, 5000, 40_000} { // the last is three records
				write(t, c, request(fmt.Sprint(i), size))
				if got := string(readN(t, c, len(response(fmt.Sprint(i))))); got != response(fmt.Sprint(i)) {
					t.Errorf("%d bytes: got %q", size, got)
				}
			}
			write(t, c, "\r\n\r\n")
			if got := string(readN(t, c, 2)); got != crlf {
				t.Errorf("keep-alive: got %q", got)
			}
			f := h.flow(t, 0)
			if f.Kind() != TLS || f.Local().String() != on(l, TLS) || !f.IsOpen() {
				t.Errorf("got a flow of kind %v at %v", f.Kind(), f.Local())
			}
			if got := l.Counters().TLS; got.In != 4 || got.Out != 4 {
				t.Errorf("got %+v", got)
			}
			f.Close()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("the end came without a farewell: got %v", err)
			}
			wantOneClosed(t, h, f)
		})
	}
}

func readN(tb testing.TB, c net.Conn, n int) []byte {
	tb.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		tb.Fatal(err)
	}
	return b
}

// A peer that closes without close_notify, or with it, ends the flow.
func TestTLSPeerEnds(t *testing.T) {
	for _, how := range []string{"close", "cut"} {
		t.Run(how, func(t *testing.T) {
			h := &record{answer: echo}
			l := listening(t, secureOptions(t), h)
			c := overTLS(t, l, tls.VersionTLS13)
			write(t, c, request("a", 0))
			f := h.flow(t, 0)
			if how == "cut" {
				_ = c.NetConn().Close()
			} else {
				_ = c.Close()
			}
			wantOneClosed(t, h, f)
		})
	}
}

// TestTLSCutAnywhere sends one stream in pieces that end anywhere in a record,
// and wants every message in order.
func TestTLSCutAnywhere(t *testing.T) {
	h := &record{}
	l := listening(t, secureOptions(t), h)
	var cut chopped
	nc := dialTo(t, "tcp", on(l, TLS))
	_ = nc.(*net.TCPConn).SetNoDelay(true)
	c := tls.Client(&cut, &tls.Config{RootCAs: l.opts.Roots(), ServerName: "tel.test"})
	cut.Conn = nc
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	cut.size.Store(97)
	const n = 60
	for i := range n {
		write(t, c, request(fmt.Sprint(i), i*7))
	}
	h.count(t, n)
	h.see(func() {
		for i, id := range h.received {
			if id != fmt.Sprint(i) {
				t.Errorf("message %d: got %s", i, id)
			}
		}
	})
}

// chopped writes in small pieces.
type chopped struct {
	net.Conn
	size atomic.Int64
}

func (c *chopped) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		size := len(b) - n
		if s := int(c.size.Load()); s > 0 {
			size = min(size, s)
		}
		m, e := c.Conn.Write(b[n : n+size])
		n, err = n+m, e
		if c.size.Load() > 0 {
			time.Sleep(200 * time.Microsecond) // so that they are pieces
		}
	}
	return n, err
}

// A handshake that is not finished in time, or is none, costs its connection.
func TestTLSHandshakes(t *testing.T) {
	o := secureOptions(t)
	o.Handshake = 200 * time.Millisecond
	h := &record{answer: echo}
	l := listening(t, o, h)
	var hello []byte
	{ // a real ClientHello
		near, far := net.Pipe()
		go func() { _ = tls.Client(far, &tls.Config{ServerName: "tel.test"}).Handshake() }()
		hello = make([]byte, 4096)
		n, _ := near.Read(hello)
		hello = hello[:n]
		_ = near.Close()
	}
	for _, tt := range []struct {
		name string
		send []byte
	}{
		{"silence", nil},
		{"half a hello", hello[:len(hello)/2]},
		{"a hello and no more", hello},
		{"SIP", []byte(request("plain", 0))},
		{"junk", []byte(strings.Repeat("\x16\x03\x01\xff", 1000))},
		{"a hello that never ends", append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff}, make([]byte, 30_000)...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := l.Counters().Dropped.Handshake
			c := dialTo(t, "tcp", on(l, TLS))
			_, _ = c.Write(tt.send)
			began := tool.Start(t)
			wantClosed(t, c)
			if took := began.Took(); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			eventually(t, "it is counted", func() bool { return l.Counters().Dropped.Handshake > before })
			write(t, overTLS(t, l, tls.VersionTLS13), request("good", 0))
		})
	}
	h.see(func() {
		if len(h.malformed)+len(h.closed) > 0 && len(h.received) == 0 {
			t.Error("the handler heard of what is no flow")
		}
	})
}

// TestTLSHalf wants what has begun over TLS to end in time, whatever it is.
func TestTLSHalf(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(c *tls.Conn, raw *net.TCPConn)
	}{
		{"nothing after the handshake", func(*tls.Conn, *net.TCPConn) {}},
		{"half a message", func(c *tls.Conn, _ *net.TCPConn) { _, _ = io.WriteString(c, "OPTIONS sip:x SIP/2.0\r\nVia:") }},
		{"half a record", func(c *tls.Conn, raw *net.TCPConn) {
			_, _ = io.WriteString(c, request("whole", 0))
			_, _ = raw.Write([]byte{23, 3, 3, 1, 0, 7, 7})
		}},
		{"half a header of a record", func(c *tls.Conn, raw *net.TCPConn) {
			_, _ = io.WriteString(c, request("whole", 0))
			_, _ = raw.Write([]byte{23, 3})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := secureOptions(t)
			o.HalfMessage = 100 * time.Millisecond
			l := listening(t, o, &record{answer: echo})
			c := overTLS(t, l, tls.VersionTLS13)
			tt.send(c, c.NetConn().(*net.TCPConn))
			wantClosed(t, c.NetConn())
			eventually(t, "it is counted", func() bool { return l.Counters().Dropped.HalfMessage == 1 })
		})
	}
}

// Whoever has said something whole may be silent, also with a record that came
// in two pieces before.
func TestTLSQuiet(t *testing.T) {
	o := secureOptions(t)
	o.HalfMessage = 100 * time.Millisecond
	h := &record{answer: echo}
	l := listening(t, o, h)
	var cut chopped
	cut.Conn = dialTo(t, "tcp", on(l, TLS))
	c := tls.Client(&cut, &tls.Config{RootCAs: l.opts.Roots(), ServerName: "tel.test"})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	cut.size.Store(100)
	write(t, c, request("a", 0))
	h.count(t, 1)
	time.Sleep(300 * time.Millisecond)
	write(t, c, request("b", 0))
	h.count(t, 2)
}

// What says nothing to SIP may not go on for ever.
func TestTLSUnreadable(t *testing.T) {
	w := &wire{Conn: nil, most: 100}
	near, far := net.Pipe()
	w.Conn = near
	go func() { _, _ = far.Write(make([]byte, 200)) }()
	var err error
	for buf := make([]byte, 60); err == nil; _, err = w.Read(buf) {
		continue
	}
	if !errors.Is(err, errUnreadable) {
		t.Errorf("got %v", err)
	}
	_ = errors.Join(near.Close(), far.Close())
}

// TestTLSDeaf floods a peer that does not read.
func TestTLSDeaf(t *testing.T) {
	h := &record{answer: echo}
	o := secureOptions(t)
	o.QueueBytes = 256 << 10
	l := listening(t, o, h)
	c := overTLS(t, l, tls.VersionTLS13)
	write(t, c, request("a", 0))
	f := h.flow(t, 0)
	began := tool.Start(t)
	var err error
	for b := make([]byte, 10000); err == nil; {
		err = f.Send(b)
	}
	if !errors.Is(err, ErrFull) || began.Took() > 5*time.Second {
		t.Errorf("after %v: got %v, want ErrFull", began.Took(), err)
	}
	wantOneClosed(t, h, f)
	if err = f.Send([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	eventually(t, "the full queue is counted", func() bool { return l.Counters().Dropped.QueueFull == 1 })
}

// Many may send on one flow at once.
func TestTLSManySenders(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, secureOptions(t), h)
	c := overTLS(t, l, tls.VersionTLS13)
	write(t, c, request("a", 0))
	f := h.flow(t, 0)
	readN(t, c, len(response("a")))
	const senders, each = 8, 50
	for i := range senders {
		go func() {
			for range each {
				_ = f.Send([]byte(response(fmt.Sprintf("%03d", i))))
			}
		}()
	}
	for range senders * each {
		if got := string(readN(t, c, len(response("000")))); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
			t.Fatalf("got %q", got)
		}
	}
}

// What a peer has crypto/tls keep counts as held, also while it is silent.
func TestTLSKept(t *testing.T) {
	h := &record{answer: echo}
	l := listening(t, secureOptions(t), h)
	c := overTLS(t, l, tls.VersionTLS13)
	write(t, c, request("small", 0))
	h.count(t, 1)
	if got := l.Counters().Held; got != 0 {
		t.Errorf("after a small message: got %d bytes held, want none", got)
	}
	write(t, c, request("one long record", 15_000))
	h.count(t, 2)
	eventually(t, "its buffer counts", func() bool { return l.Counters().Held > 10_000 })
}
