package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// LongestBody is how large a question or an answer may be.
const LongestBody = 8 << 20

// How long who waits.
const (
	longestAnswer = 30 * time.Second // for one answer, whatever the asker's context says
	idleAsker     = 60 * time.Second // then the asker hangs up
	idleAnswerer  = 3 * time.Minute  // then the other does
	atOnce        = 32               // questions of one connection being answered
)

// A RemoteError is what the asked node's handler answered instead of a body:
// the question arrived.
type RemoteError struct {
	Node string
	Kind string
	Text string
}

// Error says it in the other node's words.
func (e *RemoteError) Error() string { return fmt.Sprintf("%s: %s", e.Node, e.Text) }

// Ask puts a question to a node and waits for the answer, at most 30 s. The
// error is a *RemoteError when the other's handler gave it; with any other, the
// question may or may not have arrived. Questions to one node share one
// connection, which stays open for a minute.
func (p *Port) Ask(ctx context.Context, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error) {
	return p.askBy(ctx, p.asks, node, at, kind, body)
}

func (p *Port) askBy(ctx context.Context, by *asks, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error) {
	if len(body) > LongestBody {
		return nil, fmt.Errorf("asking %s for %s: %d bytes are too many", node, kind, len(body))
	}
	ctx, cancel := context.WithTimeout(ctx, longestAnswer)
	defer cancel()
	answer, err := by.ask(ctx, node, at, kind, body)
	if err != nil {
		if _, remote := errors.AsType[*RemoteError](err); remote {
			return nil, err
		}
		return nil, fmt.Errorf("asking %s for %s: %w", node, kind, err)
	}
	return answer, nil
}

// HandleAsk answers the questions of a kind by h, several at once. Its context
// ends when the asker gave up, and its error's text is the answer.
func (p *Port) HandleAsk(kind string, h func(ctx context.Context, from Peer, body []byte) ([]byte, error)) {
	p.asks.kinds[kind] = h
}

type answerer func(ctx context.Context, from Peer, body []byte) ([]byte, error)

// asks are the questions under way, by connection.
type asks struct {
	port     *Port
	protocol string
	kinds    map[string]answerer

	mu    sync.Mutex
	lines map[place]*line
}

type place struct {
	node string
	at   netip.AddrPort
}

func newAsks(p *Port, protocol string) *asks {
	return &asks{port: p, protocol: protocol, kinds: map[string]answerer{}, lines: map[place]*line{}}
}

func (a *asks) ask(ctx context.Context, node string, at netip.AddrPort, kind string, body []byte) ([]byte, error) {
	for {
		l := a.line(place{node, at})
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if l.failed != nil {
			return nil, l.failed
		}
		answer, err := l.ask(ctx, kind, body)
		if !errors.Is(err, errEnded) || ctx.Err() != nil {
			return answer, err
		}
	}
}

// line returns the open connection to a place, or one being opened.
func (a *asks) line(to place) *line {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.lines[to]; l != nil && !l.over() {
		return l
	}
	l := newLine(to.node)
	a.lines[to] = l
	if !a.port.start(func() { a.keep(to, l) }) {
		l.failed = ErrClosed
		l.fail(ErrClosed)
		close(l.ready)
	}
	return l
}

// keep opens a line and reads its answers until it ends.
func (a *asks) keep(to place, l *line) {
	c, err := a.port.dial(a.port.ctx, to.node, to.at, a.protocol)
	if err != nil {
		l.failed = fmt.Errorf("connecting to %s: %w", to.at, err)
		l.fail(l.failed)
	}
	l.c = c
	close(l.ready)
	if err == nil {
		l.fail(l.read())
		_ = c.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lines[to] == l {
		delete(a.lines, to)
	}
}
