package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
)

const (
	batchDelay   = 200 * time.Millisecond
	fullBatch    = 16 << 10 // bytes written at once, so that urgent things do not wait for long
	helloTimeout = 5 * time.Second
	writeTimeout = 30 * time.Second // a lossy line can stand still for long
)

// The classes of bytes besides the channels.
const (
	classHello   = "hello"   // beside the connection
	classSession = "session" // who has what
	classFeed    = "feed"    // the configuration
)

// A conn is one connection to a peer. The goroutine that made it reads, and one
// more writes.
type conn struct {
	s    *Sessions
	peer *peer
	net  net.Conn
	end  func()        // closes net, in another goroutine: that can wait for a moment
	work chan struct{} // there is something to send
	rush chan struct{} // and it does not wait for a batch
	done chan struct{} // the reader has ended

	// What we want, and what the far end wants; guarded by Sessions.mu.
	wants         scope
	mustSubscribe bool
	wantsWhole    bool // the configuration, not what changed of it
	version       byte // of the protocol, that both speak
	scope         scope
	far           interests // what the far end wants of what is in its scope
	subscribed    bool
	streams       map[*replica.Replica]*stream
	marked        []*stream
	lastID        uint64
	batched       bool    // what was written last had deltas
	fresh         bool    // something is due that was not when the last batch was filled
	full          int     // how many batches in a row were too small for what was due
	ratio         float64 // of what an entry takes to its size
	asks          []uint64
	asked         map[uint64]replica.Cursor
	deafTo        map[string]bool // nodes that are gone and that it named
	holds         []uint64        // namespaces of the far end to say that they have arrived
	told          map[uint64]replica.Cursor
	claims        []byte                              // of others, to pass on
	passed        map[*replica.Replica]replica.Cursor // the claims that were
	feed          parcel
	saidIndex     uint64 // what the far end was told that we have of the configuration

	carried uint64 // by the line, of what the budget was charged with; guarded by pace.mu

	// The reader's own.
	stood    bool // it was the session with its peer
	named    map[uint64]*replica.Replica
	heardTo  map[uint64]replica.Cursor // where the last delta of each namespace ended
	arriving arrival
}

// accept serves a connection that another node has opened.
func (s *Sessions) accept(_ context.Context, c net.Conn, from link.Peer) {
	ctx, p := s.known(from.Node)
	if p == nil || s.dials(p) || !s.enter() {
		s.log.Debug("turning away a session", "node", from.Node)
		_ = c.Close()
		return
	}
	defer s.work.Done()
	_ = s.serve(ctx, c, p) //nolint:contextcheck // a session ends with Run, whatever the port does
}

// serve carries a session over nc until it ends, and closes nc. It reports
// whether the far end ever spoke.
func (s *Sessions) serve(ctx context.Context, nc net.Conn, p *peer) (stood bool) {
	c := &conn{
		s: s, peer: p, net: nc,
		work: make(chan struct{}, 1), rush: make(chan struct{}, 1), done: make(chan struct{}),
		ratio: 1, streams: map[*replica.Replica]*stream{}, asked: map[uint64]replica.Cursor{}, deafTo: map[string]bool{}, named: map[uint64]*replica.Replica{},
		heardTo: map[uint64]replica.Cursor{}, told: map[uint64]replica.Cursor{}, passed: map[*replica.Replica]replica.Cursor{},
	}
	ending, end := context.WithCancel(ctx)
	c.end = end
	defer end()
	context.AfterFunc(ending, c.close)
	var writing sync.WaitGroup
	writing.Go(c.write)
	err := c.read()
	s.detach(c)
	close(c.done)
	end()
	writing.Wait()
	if ctx.Err() == nil {
		s.log.Debug("a session ended", "node", p.Node, "error", err)
	}
	return c.stood
}

func (c *conn) close() { _ = c.net.Close() }

// hurry has the writer look at once.
func (c *conn) hurry() { wake(c.rush) }

var errNotPeer = errors.New("not a peer any more")

// read takes frames until the connection ends.
func (c *conn) read() error {
	timeout := time.AfterFunc(helloTimeout, c.close)
	defer timeout.Stop()
	heard := func() {
		c.peer.heard.Store(int64(time.Since(c.s.base)))
		c.account()
	}
	frames := frameReader{r: bufio.NewReader(meter{c.net, heard})}
	kind, body, err := frames.next()
	switch {
	case err != nil:
		return err
	case kind != frameHello || len(body) == 0 || body[0] == 0:
		return errFrame
	}
	if err = c.takeIndex(body[1:]); err != nil {
		return err
	}
	if !c.s.attach(c, body[0]) {
		return errNotPeer
	}
	timeout.Stop()
	c.stood = true
	for {
		if kind, body, err = frames.next(); err != nil {
			return err
		}
		if err = c.take(kind, body); err != nil {
			return fmt.Errorf("frame %d: %w", kind, err)
		}
	}
}

// take acts on a frame. One of a kind that we do not know is for later versions.
func (c *conn) take(kind byte, body []byte) error {
	switch kind {
	case frameSubscribe:
		return c.takeSubscription(body)
	case frameName:
		return c.takeName(body)
	case frameDelta:
		return c.takeDelta(body)
	case frameCursor:
		return c.takeCursor(body)
	case frameFeed:
		return c.takeFeed(body, false)
	case frameAmend:
		return c.takeFeed(body, true)
	case frameNext:
		return c.takeNext(body)
	case frameSince:
		return c.takeSince(body)
	case frameInterest:
		return c.takeInterest(body)
	case frameHeld:
		return c.takeHeld(body)
	case frameClaim:
		return c.takeClaim(body)
	case frameIndex:
		return c.takeIndex(body)
	}
	return nil
}

func (c *conn) takeSubscription(body []byte) error {
	sub, err := parseSubscription(body)
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	unknown := c.s.subscribedLocked(c, sub)
	c.feed.subscribe(sub)
	c.peer.count(&c.peer.in, classSession, len(body)+frameCost)
	c.s.mu.Unlock()
	if unknown > 0 {
		c.s.outranked(unknown)
	}
	c.hurry()
	return nil
}

// takeName learns which namespace a number stands for. A main may speak for
// others, but nobody for us.
func (c *conn) takeName(body []byte) error {
	id, owner, channel, err := parseName(body)
	if err != nil || len(c.named) >= maxNamespaces {
		return errFrame
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.peer.count(&c.peer.in, channel, len(body)+frameCost)
	c.named[id] = nil
	if c.s.gone[owner] {
		c.deafTo[owner] = true
		return nil
	}
	if owner != c.s.o.Node && (owner == c.peer.Node || c.peer.role() == roleMain) && c.s.set.Len() < maxNamespaces {
		c.named[id] = c.s.learnsLocked(owner, channel)
	}
	return nil
}

func (c *conn) takeCursor(body []byte) error {
	id, at, err := parseCursor(body)
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	unknown := c.resendLocked(id, at)
	c.peer.count(&c.peer.in, classSession, len(body)+frameCost)
	c.s.mu.Unlock()
	if unknown > 0 {
		c.s.outranked(unknown)
	}
	return nil
}

func (c *conn) resendLocked(id uint64, at replica.Cursor) (unknown uint64) {
	for r, st := range c.streams {
		if st.id != id || id == 0 {
			continue
		}
		if c.s.claimedLocked(r, replica.Claim{Cursor: at}) {
			return at.Inc
		}
		st.sent, st.level, st.claimed = at, false, false
		c.markLocked(r)
	}
	return 0
}
