package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"carillon/store"
)

// Limits of the port: whoever reaches it may be anybody.
const (
	apiHeaderTime = 5 * time.Second
	apiReadTime   = 10 * time.Second
	apiWriteTime  = 30 * time.Second
	apiIdleTime   = 30 * time.Second
	largestHeader = 8 << 10
	mostCallers   = 128 // connections at once
	mostOfOne     = 16  // of them from one address

	tokenBurst, tokenEvery     = 200, 20 * time.Millisecond // requests of one token
	strangerBurst, strangerOne = 20, 3 * time.Second        // requests of one address without a good token
)

// portLook is how often a node looks whether there are tokens.
const portLook = time.Second

// portAgain is how long a node waits with a port that it cannot have.
const portAgain = 30 * time.Second

// A port is where programs ask over HTTPS. It is open while there is a token that counts:
// before, there is nobody to let in. It is made by newPort.
type port struct {
	at      netip.AddrPort // a zero address is all
	certify func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	view    func() *store.View
	explain func(error) error // says what to do about a port that cannot be had
	uses    *Uses
	log     *slog.Logger
	handler http.Handler

	tokens, strangers *flood
	wake              chan struct{} // there may be a token
}

// run opens the port and closes it, as tokens come and go, until ctx ends.
func (p *port) run(ctx context.Context) {
	if p.at.Port() == 0 {
		return
	}
	tick := time.NewTicker(portLook)
	defer tick.Stop()
	var again time.Time
	for said := ""; ctx.Err() == nil; {
		if now := time.Now(); p.isWanted(now) && !now.Before(again) {
			err := p.serve(ctx)
			if err != nil {
				again = time.Now().Add(portAgain)
				said = p.complain(said, p.explain(err).Error())
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-p.wake:
		}
	}
}

// complain says once what is wrong.
func (p *port) complain(before, now string) string {
	if now != before {
		p.log.Warn("programs cannot ask over HTTPS", "error", now)
	}
	return now
}

// look has run look at once whether there are tokens.
func (p *port) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// isWanted reports whether anybody could be let in.
func (p *port) isWanted(now time.Time) bool {
	for _, t := range p.view().APITokens() {
		if !t.Ended(now) {
			return true
		}
	}
	return false
}

// serve answers while it is wanted, until ctx ends.
func (p *port) serve(ctx context.Context) error {
	address := p.at.String()
	if !p.at.Addr().IsValid() {
		address = fmt.Sprintf(":%d", p.at.Port())
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	secure := tls.NewListener(newCrowd(listener), &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.certify, NextProtos: []string{"http/1.1"}})
	server := &http.Server{
		Handler:           p.admitting(p.handler),
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug), // anybody can make a handshake fail
		ReadHeaderTimeout: apiHeaderTime, ReadTimeout: apiReadTime, WriteTimeout: apiWriteTime, IdleTimeout: apiIdleTime,
		MaxHeaderBytes: largestHeader,
	}
	p.log.Info("the API answers over HTTPS", "address", address)
	done := make(chan error, 1)
	go func() { done <- server.Serve(secure) }()
	err = p.whileWanted(ctx, done)
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	if errors.Is(server.Shutdown(farewell), context.DeadlineExceeded) {
		_ = server.Close()
	}
	return err
}

// whileWanted returns when there is no token left, when ctx ends, or with the error that
// the server ended with.
func (p *port) whileWanted(ctx context.Context, done <-chan error) error {
	tick := time.NewTicker(portLook)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if !p.isWanted(now) {
				return nil
			}
		}
	}
}

// admitting lets those ask h who show a token that counts.
func (p *port) admitting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if broken := recover(); broken != nil {
				p.mourn(r, broken)
				panic(http.ErrAbortHandler)
			}
		}()
		now := time.Now()
		token, ok := p.view().APIToken(hashOf(bearer(r)))
		if !ok || token.Ended(now) {
			p.refuse(w, r, ok, now)
			return
		}
		if wait := p.tokens.take(token.Hash, now); wait > 0 {
			slowDown(w, wait)
			return
		}
		p.uses.note(token.Name, now)
		r.Header.Set("Content-Type", "application/json") // whatever curl calls it
		h.ServeHTTP(w, r.WithContext(withAsker(r.Context(), asker{token: token})))
	})
}

// mourn logs a panic, unless it is how huma says that the program has gone.
func (p *port) mourn(r *http.Request, broken any) {
	if err, ok := broken.(error); ok {
		if _, gone := errors.AsType[*net.OpError](err); gone {
			return
		}
	}
	p.log.Error("answering a program", "path", r.URL.Path, "panic", broken)
}

// refuse turns away who shows no token that counts.
func (p *port) refuse(w http.ResponseWriter, r *http.Request, ended bool, now time.Time) {
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	if wait := p.strangers.take(from, now); wait > 0 {
		slowDown(w, wait)
		return
	}
	words := "show a token, as in `Authorization: Bearer carillon_...`: `carillon token create --api NAME` makes one"
	switch {
	case ended:
		words = "the token has ended: make another one with `carillon token create --api NAME`"
	case bearer(r) != "":
		words = "the token is not known here: it was revoked, or it is of another system"
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="carillon"`)
	writeProblem(w, http.StatusUnauthorized, words)
}

func slowDown(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", inSeconds(wait))
	writeProblem(w, http.StatusTooManyRequests, "these are too many questions: wait as long as Retry-After says")
}

// bearer returns the token that a request shows.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// A crowd is a listener that bounds how many connections there are, and how many of them
// are from one address: others are closed at once.
type crowd struct {
	net.Listener

	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

func newCrowd(l net.Listener) *crowd { return &crowd{Listener: l, from: make(map[netip.Addr]int)} }

// Accept implements [net.Listener].
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(conn)
		if c.enter(from) {
			return &caller{Conn: conn, leave: sync.OnceFunc(func() { c.leave(from) })}, nil
		}
		_ = conn.Close()
	}
}

func (c *crowd) enter(from netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= mostCallers || c.from[from] >= mostOfOne {
		return false
	}
	c.all++
	c.from[from]++
	return true
}

func (c *crowd) leave(from netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.from[from]--; c.from[from] == 0 {
		delete(c.from, from)
	}
}

func addressOf(c net.Conn) netip.Addr {
	at, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	return at.Addr().Unmap()
}

// A caller is a connection that is counted.
type caller struct {
	net.Conn

	leave func()
}

// Close implements [net.Conn].
func (c *caller) Close() error {
	c.leave()
	return c.Conn.Close()
}
