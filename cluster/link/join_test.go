package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A registrar admits nodes as a main does.
type registrar struct {
	authority *Authority

	mu     sync.Mutex
	tokens map[string]time.Time // until when; zero: used
	asked  int
}

func (g *registrar) admit(_ context.Context, hash string, r Request) (Welcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	until, ok := g.tokens[hash]
	switch {
	case !ok:
		return Welcome{}, errors.New("the token is unknown")
	case until.IsZero():
		return Welcome{}, &Refused{"the token was used"}
	case time.Now().After(until):
		return Welcome{}, errors.New("the token has expired")
	case r.Site == "later":
		return Welcome{}, fmt.Errorf("2 mains are missing: %w", ErrLater)
	}
	g.tokens[hash] = time.Time{}
	certificate, err := g.authority.Issue(r.CSR, r.Node, r.Role)
	return Welcome{Certificate: certificate, Payload: []byte("welcome to " + r.Site)}, err
}

// founded is a system with a main at which nodes join, and a way to make tokens.
func founded(t *testing.T) (main *Port, token func(time.Time) Token) {
	t.Helper()
	s := newSystem(t)
	g := &registrar{authority: s.authority, tokens: map[string]time.Time{}}
	main = s.open("hardy", Main, func(o *Options) { o.OnJoin = g.admit })
	run(t, main)
	return main, func(until time.Time) Token {
		token := NewToken(s.authority, []netip.AddrPort{main.Address()})
		g.mu.Lock()
		defer g.mu.Unlock()
		g.tokens[token.Hash()] = until
		return token
	}
}

func request(t *testing.T, site string) (*Key, Request) {
	t.Helper()
	key, csr, err := NewRequest("mons")
	if err != nil {
		t.Fatal(err)
	}
	return key, Request{Node: "mons", Role: LifeGUARD, Site: site, Address: loopback(), Version: "1", CSR: csr}
}

func TestJoin(t *testing.T) {
	main, token := founded(t)
	pasted, err := ParseToken(" " + token(time.Now().Add(time.Hour)).String() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	key, r := request(t, "mons")
	gone := loopback() // port 0: nobody is there
	w, err := Join(t.Context(), []netip.AddrPort{gone}, pasted, r)
	if err != nil {
		t.Fatal(err)
	}
	i, err := key.Identity(w.Certificate, w.Authority)
	if err != nil || i.Peer() != (Peer{"mons", LifeGUARD}) || string(w.Payload) != "welcome to mons" {
		t.Fatalf("got %v, %q, %v", i.Peer(), w.Payload, err)
	}
	joined, err := Open(Options{Listen: r.Address, Identity: i})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = joined.Close() }()
	if _, err = joined.Ask(t.Context(), "hardy", main.Address(), "nothing", nil); err == nil || !strings.Contains(err.Error(), "nobody answers") {
		t.Errorf("got %v", err)
	}
}

func TestJoinRefused(t *testing.T) {
	main, token := founded(t)
	other := newSystem(t)
	used := token(time.Now().Add(time.Hour))
	_, r := request(t, "mons")
	if _, err := Join(t.Context(), nil, used, r); err != nil {
		t.Fatal(err)
	}
	wrong := token(time.Now())
	wrong.Secret[3] ^= 1
	foreign := NewToken(other.authority, nil)
	before := main.Counters().BadToken
	for _, tt := range []struct {
		name  string
		token Token
		says  string
	}{
		{"used", used, "was used"},
		{"wrong", wrong, "unknown"},
		{"expired", token(time.Now().Add(-time.Second)), "expired"},
		{"of another system", foreign, "another system"},
	} {
		_, err := Join(t.Context(), []netip.AddrPort{main.Address()}, tt.token, r)
		refused, ok := errors.AsType[*Refused](err)
		if !ok || !strings.Contains(refused.Reason, tt.says) {
			t.Errorf("%s: got %v, want a refusal that says %q", tt.name, err, tt.says)
		}
	}
	if got := main.Counters().BadToken - before; got != 3 {
		t.Errorf("got %d refused, want 3: the foreign token shows no secret", got)
	}
}

func TestJoinLater(t *testing.T) {
	main, token := founded(t)
	_, r := request(t, "later")
	_, err := Join(t.Context(), nil, token(time.Now().Add(time.Hour)), r)
	if refused, ok := errors.AsType[*Refused](err); ok || !errors.Is(err, ErrLater) {
		t.Errorf("got %v (%v), want another try", err, refused)
	}
	if got := main.Counters(); got != (Counters{}) {
		t.Errorf("got %+v", got)
	}
}

// TestJoinElsewhere: a token of a living system does not lead to that system
// when another one was named.
func TestJoinElsewhere(t *testing.T) {
	here, _ := founded(t)
	there, token := founded(t)
	_, r := request(t, "mons")
	good := token(time.Now().Add(time.Hour))
	_, err := Join(t.Context(), []netip.AddrPort{here.Address()}, good, r)
	refused, ok := errors.AsType[*Refused](err)
	if !ok || !strings.Contains(refused.Reason, "another system than "+here.Address().String()) {
		t.Errorf("got %v, want a refusal that says so", err)
	}
	if got := there.Counters(); got != (Counters{}) {
		t.Errorf("the token's system: got %+v, want nobody to have come", got)
	}
	good.Addresses = append([]netip.AddrPort{here.Address()}, good.Addresses...) // nobody named this one
	if _, err = Join(t.Context(), nil, good, r); err != nil {
		t.Errorf("at the token's own addresses: got %v, want to join", err)
	}
}

// TestJoinKeepsTheSecret: whoever is not a main of the token's system never
// reads a byte after the handshake.
func TestJoinKeepsTheSecret(t *testing.T) {
	s, other := newSystem(t), newSystem(t)
	_, r := request(t, "mons")
	for name, i := range map[string]Identity{"another system": other.identity("hardy", Main), "a LifeGUARD": s.identity("namur", LifeGUARD)} {
		own := i.tlsCertificate()
		own.Certificate = append(own.Certificate, i.Authority())
		l, listening := tls.Listen("tcp", loopback().String(), &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{protocolJoin}})
		if listening != nil {
			t.Fatal(listening)
		}
		read := make(chan int, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				read <- -1
				return
			}
			n, _ := c.Read(make([]byte, 1))
			read <- n
			_ = c.Close()
		}()
		at := l.Addr().(*net.TCPAddr).AddrPort()
		if _, err := Join(t.Context(), []netip.AddrPort{at}, NewToken(s.authority, nil), r); err == nil {
			t.Errorf("%s: joined", name)
		}
		if n := <-read; n != 0 {
			t.Errorf("%s: it read %d bytes", name, n)
		}
		_ = l.Close()
	}
}

func TestToken(t *testing.T) {
	s := newSystem(t)
	token := NewToken(s.authority, []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:7946"), netip.MustParseAddrPort("[2001:db8::1]:7946")})
	text := token.String()
	got, err := ParseToken(text)
	if err != nil || got.Hash() != token.Hash() || got.Fingerprint != token.Fingerprint || !slices.Equal(got.Addresses, token.Addresses) {
		t.Fatalf("got %+v, %v, want %+v", got, err, token)
	}
	for n := 1; n < len(text); n++ {
		if _, err = ParseToken(text[:n]); !errors.Is(err, ErrTokenIncomplete) {
			t.Errorf("cut to %d: got %v, want %v", n, err, ErrTokenIncomplete)
		}
	}
	for n := len(tokenPrefix) + 4; n < len(text); n++ {
		wrong := []byte(text)
		wrong[n] = 'a' + (wrong[n]-'a'+1)%26
		if _, err = ParseToken(string(wrong)); !errors.Is(err, ErrTokenMistyped) {
			t.Errorf("wrong at %d: got %v, want %v", n, err, ErrTokenMistyped)
		}
	}
	for _, text := range []string{"", "201", "carillon", text + "aa"} {
		if _, err = ParseToken(text); err == nil {
			t.Errorf("%q passed", text)
		}
	}
	t.Logf("a token with two addresses: %d characters", len(text))
}

func TestCountsLogOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log page
		c := counts{log: log.logger()}
		for range 10 {
			c.add(reasonStranger)
		}
		time.Sleep(quietAfterLog)
		c.add(reasonStranger)
		if got := log.count("a stranger"); got != 2 || log.count("not_logged=9") != 1 || c.read().Stranger != 11 {
			t.Errorf("got %d lines, %+v", got, c.read())
		}
	})
}
