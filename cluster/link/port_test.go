package link

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each connection with who it thinks is there, and what comes.
func echo(_ context.Context, c net.Conn, from Peer) {
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, from.Node+" "+string(from.Role)+"\n")
	_, _ = io.Copy(c, c)
}

func TestDial(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	b.Handle(ProtocolSIP, echo)
	run(t, b)
	for i := range 3 {
		c, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len("hardy main\n"))
		if _, err = io.ReadFull(c, got); err != nil || string(got) != "hardy main\n" {
			t.Fatalf("got %q, %v", got, err)
		}
		state := c.(*conn).ConnectionState()
		if state.Version != tls.VersionTLS13 || state.DidResume != (i > 0) {
			t.Errorf("connection %d: got version %x, resumed %v", i, state.Version, state.DidResume)
		}
		if host := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr(); host != a.Address().Addr() {
			t.Errorf("it left from %s, want %s", host, a.Address().Addr())
		}
		_ = c.Close()
	}
	if got := b.Counters(); got != (Counters{}) {
		t.Errorf("got %+v, want nobody turned away", got)
	}
}

func TestDialFails(t *testing.T) {
	s, other := newSystem(t), newSystem(t)
	b := s.open("mons", LifeGUARD, nil)
	b.Handle(ProtocolSIP, echo)
	run(t, b)
	stranger := other.open("hardy", Main, nil)
	gone := s.open("gone", Main, nil)
	at := gone.Address()
	_ = gone.Close()
	revoking := s.open("hardy", Main, func(o *Options) { o.Revoked = func(Shown) bool { return true } })
	a := s.open("hardy", Main, nil)

	for _, tt := range []struct {
		name string
		dial func() (net.Conn, error)
		want error
		says string
	}{
		{"another node", func() (net.Conn, error) { return a.Dial(t.Context(), "namur", b.Address(), ProtocolSIP) }, ErrWrongNode, "mons"},
		{"another system", func() (net.Conn, error) { return stranger.Dial(t.Context(), "mons", b.Address(), ProtocolSIP) }, ErrForeign, ""},
		{"revoked", func() (net.Conn, error) { return revoking.Dial(t.Context(), "mons", b.Address(), ProtocolSIP) }, ErrRevoked, ""},
		{"unknown protocol", func() (net.Conn, error) { return a.Dial(t.Context(), "mons", b.Address(), "carillon-tea/1") }, nil, "protocol"},
		{"nobody there", func() (net.Conn, error) { return a.Dial(t.Context(), "gone", at, ProtocolSIP) }, nil, "refused"},
		{"closed", func() (net.Conn, error) { return gone.Dial(t.Context(), "mons", b.Address(), ProtocolSIP) }, nil, ""},
	} {
		c, err := tt.dial()
		if err == nil {
			_ = c.Close()
			t.Errorf("%s: got a connection", tt.name)
			continue
		}
		if tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %v and %q", tt.name, err, tt.want, tt.says)
		}
	}
}

// TestTurnedAway: a stranger's errand is refused, counted and logged once.
func TestTurnedAway(t *testing.T) {
	s, other := newSystem(t), newSystem(t)
	for _, tt := range []struct {
		name    string
		errand  func(t *testing.T, at string)
		counter func(Counters) uint64
		says    string
	}{
		{"no TLS at all", func(t *testing.T, at string) {
			t.Helper()
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "INVITE sip:alice@mons SIP/2.0\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}, func(c Counters) uint64 { return c.Stranger }, "a stranger came"},
		{"no certificate", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{NextProtos: []string{ProtocolRaft}})
		}, func(c Counters) uint64 { return c.Stranger }, "a stranger came"},
		{"a certificate of another system", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{
				NextProtos:   []string{ProtocolRaft},
				Certificates: []tls.Certificate{other.identity("hardy", Main).tlsCertificate()},
			})
		}, func(c Counters) uint64 { return c.Foreign }, "another system was met"},
		{"an unknown protocol", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{s.identity("hardy", Main).tlsCertificate()}})
		}, func(c Counters) uint64 { return c.UnknownProtocol }, "unknown protocol"},
		{"no protocol", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{Certificates: []tls.Certificate{s.identity("hardy", Main).tlsCertificate()}})
		}, func(c Counters) uint64 { return c.UnknownProtocol }, "unknown protocol"},
		{"old TLS", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{ProtocolRaft}})
		}, func(c Counters) uint64 { return c.Stranger }, "a stranger came"},
		{"revoked", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{NextProtos: []string{ProtocolRaft}, Certificates: []tls.Certificate{s.identity("liege", Main).tlsCertificate()}})
		}, func(c Counters) uint64 { return c.Revoked }, "removed or replaced"},
		{"joining where nobody may", func(t *testing.T, at string) {
			t.Helper()
			knock(t, at, &tls.Config{NextProtos: []string{protocolJoin}})
		}, func(c Counters) uint64 { return c.UnknownProtocol }, "unknown protocol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log page
			p := s.open("mons", LifeGUARD, func(o *Options) {
				o.Logger = log.logger()
				o.Revoked = func(s Shown) bool { return s.Node == "liege" }
			})
			p.Handle(ProtocolRaft, func(context.Context, net.Conn, Peer) { t.Error("it came in") })
			run(t, p)
			tt.errand(t, p.Address().String())
			tt.errand(t, p.Address().String())
			eventually(t, "counted twice", func() bool { return tt.counter(p.Counters()) == 2 })
			eventually(t, "said", func() bool { return log.count(tt.says) > 0 })
			if got := log.count(tt.says); got != 1 {
				t.Errorf("got %d lines of %q, want 1", got, tt.says)
			}
		})
	}
}

// TestUnwelcome: who is turned away hears so, counts it and says it once.
func TestUnwelcome(t *testing.T) {
	s := newSystem(t)
	var log page
	removed := s.open("hardy", Main, func(o *Options) { o.Logger = log.logger() })
	p := s.open("mons", LifeGUARD, func(o *Options) { o.Revoked = func(Shown) bool { return true } })
	p.Handle(ProtocolSession, echo)
	run(t, p)
	for range 3 {
		c, err := removed.Dial(t.Context(), "mons", p.Address(), ProtocolSession)
		if err != nil {
			t.Fatal(err) // TLS 1.3 does not say it yet
		}
		for range 2 {
			if _, err = c.Read(make([]byte, 1)); err == nil {
				t.Error("it was served")
			}
		}
		_ = c.Close()
	}
	if got := removed.Counters(); got != (Counters{Unwelcome: 3}) {
		t.Errorf("got %+v, want to be unwelcome 3 times", got)
	}
	if got := log.count("does not take this node's certificate"); got != 1 {
		t.Errorf("got %d lines, want 1", got)
	}
}

// TestAnotherSystemAnswers: a stranger at the address of a node is counted
// where it was dialled.
func TestAnotherSystemAnswers(t *testing.T) {
	s, other := newSystem(t), newSystem(t)
	var log page
	a := s.open("hardy", Main, func(o *Options) { o.Logger = log.logger() })
	there := other.open("mons", LifeGUARD, nil)
	there.Handle(ProtocolSession, echo)
	run(t, there)
	for range 3 {
		if _, err := a.Dial(t.Context(), "mons", there.Address(), ProtocolSession); !errors.Is(err, ErrForeign) {
			t.Errorf("got %v, want %v", err, ErrForeign)
		}
	}
	if got := a.Counters(); got != (Counters{Foreign: 3}) || log.count("another system was met") != 1 {
		t.Errorf("got %+v and %d lines, want 3 foreign and one line", got, log.count("another system was met"))
	}
}

// knock makes a handshake that must come to nothing, by either side.
func knock(t *testing.T, at string, config *tls.Config) {
	t.Helper()
	config.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", at, config)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
		t.Errorf("got an answer")
	}
}

// TestCrowd: strangers who say nothing take no more than their room, and cannot
// keep a member out that was here before.
func TestCrowd(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	b.Handle(ProtocolSIP, echo)
	run(t, b)
	dial := func() error {
		c, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	const crowd = 200
	for range crowd / roomForSource {
		from := loopback().Addr().AsSlice()
		for range roomForSource + 1 {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
			c, err := d.DialContext(t.Context(), "tcp", b.Address().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	eventually(t, "the room is full", func() bool {
		return b.Counters().Crowded >= crowd-roomForStrangers
	})
	if err := dial(); err != nil {
		t.Errorf("a member: %v", err)
	}
}

func TestDisconnect(t *testing.T) {
	s := newSystem(t)
	var out atomic.Bool
	revoked := func(s Shown) bool { return out.Load() && s.Node == "hardy" }
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, func(o *Options) { o.Revoked = revoked })
	ended := make(chan struct{})
	b.Handle(ProtocolSIP, func(ctx context.Context, c net.Conn, from Peer) { echo(ctx, c, from); ended <- struct{}{} })
	run(t, b)
	c, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Read(make([]byte, 1)); err != nil { // it came in
		t.Fatal(err)
	}
	out.Store(true)
	b.Disconnect("hardy")
	<-ended
	_, _ = io.Copy(io.Discard, c) // it ends
	// The ticket of the first connection does not open the second.
	if again, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP); err == nil {
		_ = again.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err = again.Read(make([]byte, 1)); err == nil {
			t.Error("a revoked node came back")
		}
		_ = again.Close()
	}
	eventually(t, "counted", func() bool { return b.Counters().Revoked == 1 })
}

// TestHangUp: what waits for a node that is silent ends, on either side's
// connections, and the node may be dialled again at once.
func TestHangUp(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	asked, ended := make(chan struct{}), make(chan struct{})
	b.HandleAsk("for ever", func(ctx context.Context, _ Peer, _ []byte) ([]byte, error) {
		close(asked)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	b.HandleAsk("now", func(context.Context, Peer, []byte) ([]byte, error) { return []byte("yes"), nil })
	served := make(chan struct{})
	a.Handle(ProtocolSIP, func(ctx context.Context, c net.Conn, from Peer) { echo(ctx, c, from); close(served) })
	run(t, a)
	run(t, b)
	answer := make(chan error, 1)
	go func() {
		_, err := a.Ask(t.Context(), "mons", b.Address(), "for ever", nil)
		answer <- err
	}()
	<-asked
	c, err := b.Dial(t.Context(), "hardy", a.Address(), ProtocolSIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	a.HangUp("mons")
	if err = <-answer; err == nil {
		t.Error("the question was answered")
	}
	<-served
	<-ended
	if got, err := a.Ask(t.Context(), "mons", b.Address(), "now", nil); err != nil || string(got) != "yes" {
		t.Errorf("asking again: got %q, %v", got, err)
	}
}

// TestRunEnds: Run returns when its context ends, with everything closed.
func TestRunEnds(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	b.Handle(ProtocolSIP, echo)
	stop := run(t, b)
	c, err := a.Dial(t.Context(), "mons", b.Address(), ProtocolSIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err = io.Copy(io.Discard, c); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
	if _, err = b.Dial(t.Context(), "hardy", a.Address(), ProtocolSIP); err == nil {
		t.Error("a closed port dialled")
	}
}

func TestIdentityKeeps(t *testing.T) {
	s := newSystem(t)
	i := s.identity("hardy", Witness)
	again, err := LoadIdentity(i.Marshal())
	if err != nil || again.Peer() != (Peer{"hardy", Witness}) || again.Fingerprint() != i.Fingerprint() {
		t.Errorf("got %v, %v", again.Peer(), err)
	}
	a, err := LoadAuthority(s.authority.Marshal())
	if err != nil || a.Fingerprint() != s.authority.Fingerprint() {
		t.Errorf("got %v", err)
	}
	if _, err = LoadIdentity(s.authority.Marshal()); err == nil {
		t.Error("an authority passed for a node")
	}
	if _, err = LoadAuthority(i.Marshal()); err == nil {
		t.Error("a node passed for an authority")
	}
	other := newSystem(t)
	certificate := other.identity("hardy", Main).Certificate()
	key, err := LoadKey(i.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = key.Identity(certificate, s.authority.Certificate()); err == nil {
		t.Error("a foreign certificate was taken")
	}
	if _, err = s.authority.Issue([]byte("no request"), "x", Main); err == nil {
		t.Error("a certificate for nothing")
	}
}
