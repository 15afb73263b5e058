package link

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A system is an authority and its nodes' ports, each on a loopback address of
// its own.
type system struct {
	t         testing.TB
	authority *Authority
}

func newSystem(t *testing.T) *system {
	t.Helper()
	a, err := NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	return &system{t, a}
}

var nextHost struct {
	sync.Mutex
	n int
}

// loopback is an address that no other test of the run has.
func loopback() netip.AddrPort {
	nextHost.Lock()
	defer nextHost.Unlock()
	nextHost.n++
	return netip.MustParseAddrPort(fmt.Sprintf("127.73.%d.%d:0", nextHost.n/200, 1+nextHost.n%200))
}

func (s *system) identity(node string, role Role) Identity {
	s.t.Helper()
	key, request, err := NewRequest(node)
	if err != nil {
		s.t.Fatal(err)
	}
	certificate, err := s.authority.Issue(request, node, role)
	if err != nil {
		s.t.Fatal(err)
	}
	i, err := key.Identity(certificate, s.authority.Certificate())
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

// open opens a port that the caller sets up and runs.
func (s *system) open(node string, role Role, more func(*Options)) *Port {
	s.t.Helper()
	o := Options{Listen: loopback(), Identity: s.identity(node, role), Logger: slog.New(slog.DiscardHandler)}
	if more != nil {
		more(&o)
	}
	p, err := Open(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.Close() })
	return p
}

// run runs a port until the test or the returned function ends it.
func run(t *testing.T, p *Port) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("got %v from Run, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits for what another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it never came: %s", what)
}

// A page is a log that a test reads.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) count(words string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Count(p.text.Bytes(), []byte(words))
}

func (p *page) logger() *slog.Logger { return slog.New(slog.NewTextHandler(p, nil)) }
