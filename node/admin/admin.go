// Package admin is the API of a node: HTTP and JSON on a socket in its data
// directory, and the part of it that is for programs over HTTPS, with tokens. It shows Views and live tables and writes by proposing Changes; it
// decides nothing and knows neither SIP nor the cluster. The client that the
// command line uses lives here too, so that both ends of the API are one
// package, and so does the memory of events.
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
	"os"
	"path/filepath"
	"sync"
	"time"

	"carillon/store/live"
)

// Limits of the API. The peer is the machine's own operator, but a stuck or
// broken client must not keep memory or connections for ever.
const (
	maxBody      = 17 << 20 // more than store/file takes
	headerTime   = 5 * time.Second
	readTime     = 60 * time.Second
	writeTime    = 60 * time.Second // renewed by what streams
	idleTime     = 2 * time.Minute
	farewellTime = 2 * time.Second
)

// Options is what the API shows and changes. All fields must be set.
type Options struct {
	Dir       string // the data directory; the socket is created in it
	Status    func() Status
	System    System
	Presences *live.Presences // what is known of users; nil: nothing
	Banning   Banning
	Nodes     Nodes
	Mains     Mains
	Drills    Drills // nil at a witness, which rehearses nothing
	Tracing   Tracing
	Metrics   http.Handler // answers with figures for Prometheus

	Certificate func() Certificate
	Events      *Events
	Config      Configuration
	Blind       bool // the node has not the configuration: its Config is not asked for it
	Logger      *slog.Logger

	// Port is where programs ask over HTTPS while there are tokens; 0: nowhere. A zero
	// address is all. Certify has the certificate to show, and Explain says what to do about
	// a port that cannot be had. Uses remembers who asked here, AllUses asks other nodes too.
	Port    netip.AddrPort
	Certify func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Explain func(error) error
	Uses    *Uses
	AllUses func(ctx context.Context) (found []Use, silent []string)
}

// A Server answers questions about one node. Use Open to make one.
type Server struct {
	o        Options
	http     *http.Server
	listener net.Listener
	stop     context.CancelFunc // ends the requests that stream
	port     *port
}

// Open creates the socket; nobody is answered before Run. The caller must be
// the only process that uses the directory: what is left of an earlier one is replaced.
func Open(ctx context.Context, o Options) (*Server, error) {
	l, err := listen(ctx, o.Dir)
	if err != nil {
		return nil, fmt.Errorf("creating the socket: %w", err)
	}
	streams, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{o: o, listener: l, stop: stop}
	outside, err := s.outside()
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.port = outside
	s.http = &http.Server{
		Handler: s.routes(),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return withAsker(withPeer(ctx, c), asker{isOperator: true})
		},
		BaseContext:       func(net.Listener) context.Context { return streams },
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
	}
	return s, nil
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var asked sync.WaitGroup
	defer asked.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	asked.Go(func() { s.port.run(ctx) })
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	s.stop()
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	err := s.http.Shutdown(farewell)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if e := <-done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Close removes the socket. It may be called without Run.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	if e := s.listener.Close(); !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	if e := os.Remove(filepath.Join(s.o.Dir, SocketName)); !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("GET /v1/registrations", s.registrations)
	mux.HandleFunc("GET /v1/calls", s.calls)
	mux.HandleFunc("GET /v1/leases", s.leases)
	mux.HandleFunc("GET /v1/members", s.members)
	mux.HandleFunc("GET /v1/sites", s.sites)
	mux.HandleFunc("GET /v1/links", s.links)
	mux.HandleFunc("POST /v1/tokens", s.createToken)
	mux.HandleFunc("GET /v1/bans", s.bans)
	mux.HandleFunc("GET /v1/presence", s.presence)
	mux.HandleFunc("POST /v1/bans/lift", s.liftBan)
	mux.HandleFunc("DELETE /v1/nodes", s.removeNode)
	mux.HandleFunc("POST /v1/drain", s.drain)
	mux.HandleFunc("POST /v1/nodes/renew", s.renewNode)
	mux.HandleFunc("GET /v1/take-over", s.deciding)
	mux.HandleFunc("POST /v1/take-over", s.takeOver)
	mux.HandleFunc("GET /v1/events", s.events)
	if s.o.Drills != nil {
		mux.HandleFunc("GET /v1/drill", s.drill)
		mux.HandleFunc("POST /v1/drill", s.startDrill)
		mux.HandleFunc("DELETE /v1/drill", s.stopDrill)
	}
	mux.HandleFunc("GET /v1/users", s.knowing(s.users))
	mux.HandleFunc("GET /v1/certificate", s.certificate)
	mux.HandleFunc("GET /v1/trace/dialogs", s.dialogs)
	mux.HandleFunc("GET /v1/trace/messages", s.messages)
	mux.Handle("GET /v1/metrics", s.o.Metrics)
	mux.HandleFunc("POST /v1/config/plan", s.knowing(s.plan))
	mux.HandleFunc("POST /v1/config/apply", s.knowing(s.apply))
	mux.HandleFunc("GET /v1/config/export", s.knowing(s.export))
	mux.HandleFunc("GET /v1/config/history", s.knowing(s.history))
	mux.HandleFunc("POST /v1/config/rollback", s.knowing(s.rollback))
	mux.HandleFunc("POST /v1/api-tokens", s.knowing(s.createAPIToken))
	mux.HandleFunc("GET /v1/api-tokens", s.knowing(s.apiTokens))
	mux.HandleFunc("DELETE /v1/api-tokens", s.knowing(s.revokeAPIToken))
	if s.o.Blind {
		mux.HandleFunc(presencePath, s.knowing(nil))
	} else {
		s.mount(mux)
	}
	mux.HandleFunc("/", s.unknown)
	return mux
}

// outside is what programs may ask over HTTPS.
func (s *Server) outside() (*port, error) {
	mux := http.NewServeMux()
	api := s.mount(mux)
	s.mountViews(api)
	described, err := document(api.OpenAPI())
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /openapi.json", described)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, http.StatusNotFound, "the API has no "+r.Method+" "+r.URL.Path+": /openapi.json says what it has")
	})
	return &port{
		at: s.o.Port, certify: s.o.Certify, view: s.o.Config.View, explain: s.o.Explain, uses: s.o.Uses, log: s.o.Logger, handler: mux,
		tokens: newFlood(tokenBurst, tokenEvery), strangers: newFlood(strangerBurst, strangerOne), wake: make(chan struct{}, 1),
	}, nil
}
