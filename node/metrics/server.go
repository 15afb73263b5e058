package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Limits of the port: who asks is not known.
const (
	headerTime   = 5 * time.Second
	answerTime   = 30 * time.Second
	idleTime     = 2 * time.Minute
	longHeader   = 8 << 10
	farewellTime = time.Second
)

// A Server answers GET /metrics on a port of its own. Use Open to make one.
type Server struct {
	http     *http.Server
	listener net.Listener
}

// Open binds the port; nobody is answered before Run.
func Open(ctx context.Context, at netip.AddrPort, h http.Handler, log *slog.Logger) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("listening for Prometheus: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	log.Info("Prometheus is answered: figures, and the names of nodes, to whoever reaches this port; no users, numbers or addresses",
		"url", "http://"+l.Addr().String()+"/metrics")
	return &Server{listener: l, http: &http.Server{
		Handler: mux, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: longHeader,
	}}, nil
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	if err := s.http.Shutdown(farewell); errors.Is(err, context.DeadlineExceeded) {
		_ = s.http.Close() // whoever still reads has had his time
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close gives the port back. It may be called without Run.
func (s *Server) Close() error {
	if err := errors.Join(s.http.Close(), s.listener.Close()); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
