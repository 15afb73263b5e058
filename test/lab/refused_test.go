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

// TestStrangersAreRefused: whoever is not of the system gets nothing at its
// cluster port, and the log says so once, however often he comes.
func TestStrangersAreRefused(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	s := OpenSystem(t, allUsers(1))
	s.Host("namur", "stranger")
	main := s.nodes["laurel"]
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
			err := s.From("stranger", func() error { return visit(at, c.config(p)) })
			if err != nil {
				t.Errorf("a stranger %s who asks for %s: %v", c.who, p, err)
			}
		}
	}
	err := s.From("stranger", func() error { return scatter(at) })
	if err != nil {
		t.Errorf("packets of a stranger: %v", err)
	}
	if got := strings.Count(main.output.tail(1<<20), "a stranger came to the cluster port"); got != 1 {
		t.Errorf("lines of the log about strangers: got %d, want 1", got)
	}
	if got := main.alive(); got != 4 {
		t.Errorf("nodes alive after the strangers: got %d, want 4", got)
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
func foreignCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	authority, err := link.NewAuthority("another")
	if err != nil {
		t.Fatal(err)
	}
	key, request, err := link.NewRequest(name)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.Issue(request, name, "lifeguard")
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.Identity(certificate, authority.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	text := id.Marshal()
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestTokensAreRefused: a token that is wrong, used, or of another system lets
// nobody in, and both sides say so.
func TestTokensAreRefused(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	s := OpenSystem(t, allUsers(1))
	main := s.nodes["laurel"]
	s.Host("namur", "other")
	s.Host("namur", "stranger")

	used := s.token()
	s.add("namur", "namur-second", "--role", "lifeguard", "--join", main.Addr.String(), "--token", used)
	fresh := s.token()
	other := &Node{Addr: s.hosts["other"], tb: t, binary: s.binary, data: filepath.Join(t.TempDir(), "other"), output: new(output)}
	s.start(other, "other", "--first", "--name", "other", "--listen", other.Addr.String())
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
		joining := s.command("stranger", s.binary, "run", "--data", filepath.Join(t.TempDir(), "data"), "--name", "stranger",
			"--site", "namur", "--role", "lifeguard", "--listen", s.hosts["stranger"].String(), "--join", main.Addr.String(), "--token", c.token)
		guard := time.AfterFunc(20*time.Second, func() { _ = joining.Process.Kill() })
		out, err := joining.CombinedOutput()
		guard.Stop()
		if code := joining.ProcessState.ExitCode(); err == nil || code != 4 {
			t.Errorf("joining with %s: got exit code %d after %v, want 4\n%s", c.what, code, time.Since(began), out)
		}
		t.Logf("%s: %s", c.what, out)
	}
	if got := main.alive(); got != 5 {
		t.Errorf("nodes of the system: got %d, want 5", got)
	}
	if got := strings.Count(main.output.tail(1<<20), "a join was refused"); got != 1 {
		t.Errorf("lines of the log about refused joins: got %d, want 1", got)
	}
}
