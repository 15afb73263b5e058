package admin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"carillon/store"
)

// somewhere is an address of this machine that no other test has.
func somewhere() netip.AddrPort {
	at := [4]byte{127, 92, byte(rand.IntN(256)), byte(1 + rand.IntN(250))}
	return netip.AddrPortFrom(netip.AddrFrom4(at), uint16(20000+rand.IntN(10000)))
}

// certify shows a certificate for example.com.
func certify(t *testing.T) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.TLS.Certificates[0], nil }
}

// A program asks the API over HTTPS.
type program struct {
	t     *testing.T
	o     Options
	http  *http.Client
	token string
}

// programOf returns one without a token.
func programOf(t *testing.T, o Options) *program {
	t.Helper()
	shown, _ := o.Certify(nil)
	roots := x509.NewCertPool()
	authority, err := x509.ParseCertificate(shown.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	t.Cleanup(transport.CloseIdleConnections)
	return &program{t: t, o: o, http: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// with is the program with a new token.
func (p *program) with(c *Client, token APIToken) *program {
	p.t.Helper()
	made, err := c.CreateAPIToken(p.t.Context(), token)
	if err != nil {
		p.t.Fatal(err)
	}
	other := *p
	other.token = made.Token
	return &other
}

// ask returns the status and the body of an answer. It waits for the port to open.
func (p *program) ask(method, path, body string) (int, string) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		r, err := http.NewRequestWithContext(p.t.Context(), method, "https://"+p.o.Port.String()+path, strings.NewReader(body))
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d does
		if p.token != "" {
			r.Header.Set("Authorization", "Bearer "+p.token)
		}
		answer, err := p.http.Do(r)
		if err == nil {
			defer func() { _ = answer.Body.Close() }()
			text, _ := io.ReadAll(answer.Body)
			return answer.StatusCode, string(text)
		}
		if time.Now().After(deadline) {
			p.t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *program) wants(method, path, body string, status int, words string) {
	p.t.Helper()
	if got, text := p.ask(method, path, body); got != status || !strings.Contains(text, words) {
		p.t.Errorf("%s %s %s: got %d %s, want %d %s", method, path, body, got, text, status, words)
	}
}

// TestThePortFollowsTheTokens: it is shut while nobody could be let in, and one that was
// revoked or has ended is of no use at once.
func TestThePortFollowsTheTokens(t *testing.T) {
	c, o := serve(t, t.TempDir())
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", o.Port.String()); err == nil {
		_ = conn.Close()
		t.Error("the port is open before there is a token")
	}
	calendar := programOf(t, o).with(c, APIToken{Name: "calendar", Scope: store.APIPresence})
	wall := programOf(t, o).with(c, APIToken{Name: "wall", Scope: store.APIView})
	calendar.wants("GET", alice, "", 200, `"user":"201"`)
	all, err := c.APITokens(t.Context())
	if err != nil || len(all) != 2 || all[0].Used.IsZero() || !all[1].Used.IsZero() {
		t.Errorf("got %+v, %v", all, err)
	}
	if err = c.RevokeAPIToken(t.Context(), "calendar"); err != nil {
		t.Fatal(err)
	}
	calendar.wants("GET", alice, "", 401, "was revoked")
	wall.wants("GET", alice, "", 200, "")
	ended := store.APIToken{Name: "old", Hash: hashOf("carillon_old"), Scope: store.APIView, Expires: time.Now().Add(-time.Minute)}
	if err = o.Config.Propose(t.Context(), store.AddAPIToken{Token: ended}); err != nil {
		t.Fatal(err)
	}
	old := *wall
	old.token = "carillon_old"
	old.wants("GET", alice, "", 401, "the token has ended")
	if err = c.RevokeAPIToken(t.Context(), "wall"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, dialErr := new(net.Dialer).DialContext(t.Context(), "tcp", o.Port.String())
		if dialErr != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port is open though nobody has a token that counts")
		}
	}
}

// TestWhoIsNotSecureIsTold, and learns nothing else.
func TestWhoIsNotSecureIsTold(t *testing.T) {
	c, o := serve(t, t.TempDir())
	programOf(t, o).with(c, APIToken{Name: "wall", Scope: store.APIView}).wants("GET", "/v1/status", "", 200, "laurel")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", o.Port.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprint(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // ends with the connection
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Fatalf("got %+v, %v", answer, err)
	}
	if text, _ := io.ReadAll(answer.Body); !strings.Contains(string(text), "HTTP request to an HTTPS server") {
		t.Errorf("got %s", text)
	}
}

// TestOneAddressLeavesRoom: of one address only so many connections are let in, and those
// of others are.
func TestOneAddressLeavesRoom(t *testing.T) {
	c, from := newCrowd(nil), netip.MustParseAddr("127.92.0.1")
	for i := range mostOfOne + 3 {
		if got := c.enter(from); got != (i < mostOfOne) {
			t.Errorf("connection %d is let in: %v", i, got)
		}
	}
	if !c.enter(netip.MustParseAddr("127.92.0.2")) {
		t.Error("another address is not let in")
	}
	c.leave(from)
	if !c.enter(from) || c.enter(from) {
		t.Error("one has left, and not just one is let in")
	}
	for i := range mostCallers {
		c.enter(netip.AddrFrom4([4]byte{127, 93, byte(i / 8), 1}))
	}
	if c.all != mostCallers || c.enter(netip.MustParseAddr("127.94.0.1")) {
		t.Errorf("%d are let in, want %d", c.all, mostCallers)
	}
}

// TestViewsAreAskedForOnce by all who ask within a few seconds.
func TestViewsAreAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		view := remembered(func(context.Context) (int, []string) {
			asked++
			return asked, []string{"mons"}
		})
		for range 3 {
			if got, silent := view(t.Context()); got != 1 || silent[0] != "mons" {
				t.Errorf("got %d, without %v", got, silent)
			}
		}
		time.Sleep(viewEvery)
		if got, _ := view(t.Context()); got != 2 {
			t.Errorf("later: got %d", got)
		}
	})
}

// TestFloods: who asks too often waits, and nobody else does.
func TestFloods(t *testing.T) {
	f, now := newFlood(3, time.Second), time.Now()
	for i := range 3 {
		if wait := f.take("a", now); wait != 0 {
			t.Errorf("question %d waits %v", i, wait)
		}
	}
	if wait := f.take("a", now); wait != time.Second {
		t.Errorf("the fourth waits %v", wait)
	}
	if wait := f.take("b", now); wait != 0 {
		t.Errorf("another one waits %v", wait)
	}
	if wait := f.take("a", now.Add(time.Second)); wait != 0 {
		t.Errorf("a second later one waits %v", wait)
	}
	for i := range 2 * mostFlooding {
		f.take(fmt.Sprint(i), now)
	}
	if len(f.who) > mostFlooding+1 {
		t.Errorf("it remembers %d", len(f.who))
	}
}

// TestStrangersAreSlowedDown, and who has a token is not, at the same address.
func TestStrangersAreSlowedDown(t *testing.T) {
	c, o := serve(t, t.TempDir())
	wall := programOf(t, o).with(c, APIToken{Name: "wall", Scope: store.APIView})
	stranger, slowed := programOf(t, o), 0
	for range strangerBurst + 5 {
		if status, _ := stranger.ask("GET", alice, ""); status == http.StatusTooManyRequests {
			slowed++
		}
	}
	if slowed == 0 {
		t.Error("nobody was told to wait")
	}
	wall.wants("GET", alice, "", 200, "")
}

// TestNoSecretIsTold: neither in the log, even of what is wrong, nor in the history, nor
// in an export, nor in a list.
func TestNoSecretIsTold(t *testing.T) {
	dir := t.TempDir()
	log := &locked{}
	c, o := serveWith(t, dir, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	calendar := programOf(t, o).with(c, APIToken{Name: "calendar", Scope: store.APIPresence})
	calendar.wants("PUT", alice, `{"activity":"away"}`, 200, "")
	calendar.wants("PUT", alice, `{"activity":"x"}`, 422, "")
	calendar.wants("GET", "/v1/"+calendar.token, "", 404, "")
	tokens, _ := c.APITokens(t.Context())
	export, _ := c.Export(t.Context())
	history, _ := c.History(t.Context())
	said := log.String() + fmt.Sprint(tokens, string(export), history)
	if !strings.Contains(said, "presence was set") {
		t.Errorf("the log lacks what was done: %s", said)
	}
	for _, secret := range []string{calendar.token, hashOf(calendar.token)} {
		if strings.Contains(said, secret) {
			t.Errorf("it is told: %s", said)
		}
	}
}

// locked is a log that tests read.
type locked struct{ text atomic.Pointer[[]byte] }

func (l *locked) Write(b []byte) (int, error) {
	for {
		was := l.text.Load()
		next := bytes.Clone(b)
		if was != nil {
			next = slices.Concat(*was, b)
		}
		if l.text.CompareAndSwap(was, &next) {
			return len(b), nil
		}
	}
}

func (l *locked) String() string {
	if b := l.text.Load(); b != nil {
		return string(*b)
	}
	return ""
}

// TestAPortThatIsTaken: it is said once, and the node goes on; when the port is free, it
// is opened.
func TestAPortThatIsTaken(t *testing.T) {
	log := &locked{}
	p := &port{
		at: somewhere(), certify: certify(t), view: aToken(t).View, explain: func(err error) error { return err }, uses: NewUses(),
		log: slog.New(slog.NewTextHandler(log, nil)), handler: http.NotFoundHandler(), tokens: newFlood(1, 1), strangers: newFlood(1, 1),
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", p.at.String())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err = p.serve(t.Context()); err == nil {
			t.Fatal("it was opened twice")
		}
	}
	said := p.complain("", err.Error())
	p.complain(said, err.Error())
	if got := strings.Count(log.String(), "programs cannot ask over HTTPS"); got != 1 {
		t.Errorf("it was said %d times: %s", got, log)
	}
	_ = taken.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for !strings.Contains(log.String(), "answers over HTTPS") && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	if err = p.serve(ctx); err != nil || !strings.Contains(log.String(), "answers over HTTPS") {
		t.Errorf("got %v: %s", err, log)
	}
}

// aToken is a configuration with a token.
func aToken(t *testing.T) *configured {
	t.Helper()
	c := newConfigured(t)
	if err := c.Propose(t.Context(), store.AddAPIToken{Token: store.APIToken{Name: "wall", Hash: hashOf("x"), Scope: store.APIView}}); err != nil {
		t.Fatal(err)
	}
	return c
}
