package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
)

// strangersAreRefused: whoever is not of the system gets nothing at its
// cluster port, and the log says so once, however often he comes.
func strangersAreRefused(s *System) {
	t := s.tb
	h, main := s.Host("namur", "stranger"), s.nodes["laurel"]
	at := netip.AddrPortFrom(main.Addr, 7946)
	protocols := []string{link.ProtocolRaft, link.ProtocolSession, link.ProtocolRing, link.ProtocolAsk, link.ProtocolSIP}
	foreign := foreignCertificate(t, "mons-node")
	for _, c := range []struct {
		who    string
		config func(protocol string) *tls.Config
	}{
		{"without a certificate", func(p string) *tls.Config { return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{p}} }},
		{"with a certificate of another system", func(p string) *tls.Config {
			return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{p}, Certificates: []tls.Certificate{foreign}}
		}},
		{"with a protocol that is none", func(string) *tls.Config {
			return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{foreign}}
		}},
		{"without TLS", func(string) *tls.Config { return nil }},
	} {
		for _, p := range protocols {
			err := h.from(func() error { return visit(at, c.config(p)) })
			if err != nil {
				t.Errorf("a stranger %s who asks for %s: %v", c.who, p, err)
			}
		}
	}
	err := h.from(func() error { return scatter(at) })
	if err != nil {
		t.Errorf("packets of a stranger: %v", err)
	}
	if got := strings.Count(main.output.tail(1<<20), "a stranger came to the cluster port"); got != 1 {
		t.Errorf("lines of the log about strangers: got %d, want 1", got)
	}
	if got := main.status().Refused; got.Strangers != 10 || got.OtherSystem != 5 || got.Protocols != 5 || got.Forged == 0 {
		t.Errorf("who was refused: got %+v, want 10 strangers, 5 of another system, 5 with no protocol, and packets", got)
	}
	if got := main.alive(); got != len(s.nodes) {
		t.Errorf("nodes alive after the strangers: got %d, want %d", got, len(s.nodes))
	}
}

// visit returns nil if whoever listens answers a visitor with nothing and closes.
func visit(at netip.AddrPort, config *tls.Config) error {
	conn, err := net.DialTimeout("tcp", at.String(), 5*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err = conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if config != nil {
		t := tls.Client(conn, config)
		if err = t.HandshakeContext(context.Background()); err != nil {
			return refusal(err)
		}
		conn = t
	}
	if _, err = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		return refusal(err)
	}
	answer, err := io.ReadAll(conn)
	if config != nil && len(answer) > 0 {
		return errors.New("got an answer: " + string(answer))
	}
	return refusal(err)
}

// refusal is nil for all errors but that nothing happened.
func refusal(err error) error {
	if silence, ok := errors.AsType[net.Error](err); ok && silence.Timeout() {
		return err
	}
	return nil
}

// scatter sends packets and returns an error if one is answered.
func scatter(at netip.AddrPort) error {
	conn, err := net.DialTimeout("udp", at.String(), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for size := range 200 {
		if _, err = conn.Write(make([]byte, size*5)); err != nil {
			return err
		}
	}
	if err = conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if n, err := conn.Read(make([]byte, 2000)); err == nil {
		return fmt.Errorf("got an answer of %d bytes", n)
	}
	return nil
}

// foreignCertificate is that of a node of the same name in another system.
func foreignCertificate(tb testing.TB, name string) tls.Certificate {
	tb.Helper()
	authority, err := link.NewAuthority("another")
	if err != nil {
		tb.Fatal(err)
	}
	key, request, err := link.NewRequest(name)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := authority.Issue(request, name, "lifeguard")
	if err != nil {
		tb.Fatal(err)
	}
	id, err := key.Identity(certificate, authority.Certificate())
	if err != nil {
		tb.Fatal(err)
	}
	text := id.Marshal()
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		tb.Fatal(err)
	}
	return pair
}

// tokensAreRefused: a token that is wrong, used, or of another system lets
// nobody in, and both sides say so.
func tokensAreRefused(s *System) {
	t := s.tb
	main, stranger := s.nodes["laurel"], s.Host("namur", "intruder")
	used, fresh := s.join("namur", "namur-second", "lifeguard"), s.token()
	other := newNode(t, "other", s.Host("namur", "other"), s.binary, t.TempDir())
	other.start("--first", "--name", other.name, "--listen", other.Addr.String())
	foreign, err := other.command("token", "create").Output()
	if err != nil {
		t.Fatal(err)
	}
	other.Stop()
	short, err := main.command("token", "create", "--ttl", "1s").Output()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	for _, c := range []struct{ what, token string }{
		{"an expired token", strings.TrimSpace(string(short))},
		{"a used token", used},
		{"a mistyped token", fresh[:len(fresh)-3] + "zzz"},
		{"half a token", fresh[:len(fresh)/2]},
		{"a token of another system", strings.TrimSpace(string(foreign))},
	} {
		began := time.Now()
		joining := stranger.command(s.binary, "run", "--data", filepath.Join(t.TempDir(), "data"), "--name", "stranger",
			"--site", "namur", "--role", "lifeguard", "--listen", stranger.Addr.String(), "--join", main.Addr.String(), "--token", c.token)
		guard := time.AfterFunc(20*time.Second, func() { _ = joining.Process.Kill() })
		out, err := joining.CombinedOutput()
		guard.Stop()
		if code := joining.ProcessState.ExitCode(); err == nil || code != 4 {
			t.Errorf("joining with %s: got exit code %d after %v, want 4\n%s", c.what, code, time.Since(began), out)
		}
		t.Logf("%s: %s", c.what, out)
	}
	if got := main.alive(); got != len(s.nodes) {
		t.Errorf("nodes of the system: got %d, want %d", got, len(s.nodes))
	}
	if got := main.status().Refused.Joins; got != 2 { // the node itself sees what is wrong with the others
		t.Errorf("joins that were refused: got %d, want 2", got)
	}
	if got := strings.Count(main.output.tail(1<<20), "a join was refused"); got != 1 {
		t.Errorf("lines of the log about refused joins: got %d, want 1", got)
	}
}
