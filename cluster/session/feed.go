package session

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"slices"
	"sync"
	"time"
)

// A Source has the configuration, as bytes at an index that grows, and knows what
// who may have of it.
type Source interface {
	Index() uint64
	// Snapshot returns what nodes of a role may have.
	Snapshot(role string) Snapshot
	// Past returns what Snapshot returned at an earlier index, if that is known.
	Past(role string, index uint64) (Snapshot, bool)
}

// A Snapshot is the configuration at one index.
type Snapshot struct {
	Index  uint64
	Shared []byte                   // what all of a role may have: packed once for all of them
	Own    func(node string) []byte // what one of them may have beside it, and takes behind it; nil: nothing
}

// A Sink takes the configuration. Install is called with ever higher indexes;
// when it returns an error, the same is offered again with the next session.
type Sink interface {
	Index() uint64
	// Has returns what was installed last, the two parts just as the source had them; it
	// is false when that cannot be told.
	Has() (shared, own []byte, ok bool)
	Install(index uint64, data []byte) error
}

const (
	feedPiece  = fullBatch / 2
	leastPiece = 64
	maxFeed    = 64 << 20
)

// FeedChanged says that the source has a new index. The lifeguards hear of it, and
// those whose primary we are get it, with the next batch.
func (s *Sessions) FeedChanged() {
	s.configure()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.order {
		if p.conn == nil || !p.conn.saysIndexLocked() {
			continue
		}
		if wake(p.conn.work); !p.conn.knowsIndexes() {
			p.helloSent = time.Time{}
		}
	}
	wake(s.watch)
}

// configure asks how far our configuration is; without the lock of Sessions.
func (s *Sessions) configure() {
	index := uint64(0)
	switch {
	case s.o.Feed != nil:
		index = s.o.Feed.Index()
	case s.o.FeedTo != nil:
		index = s.o.FeedTo.Index()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = max(s.config, index) // another goroutine may have asked later
}

// A feed keeps the configuration packed, for all sessions that need it. The zero feed
// is empty.
type feed struct {
	mu  sync.Mutex
	now map[string]*edition // by role
}

// wrap sees to it that what the far end of c lacks of the configuration is on
// its way. Source and sink are asked without the lock of Sessions.
func (s *Sessions) wrap(c *conn) {
	if s.o.FeedTo != nil {
		s.configure()
	}
	if s.o.Feed == nil {
		return
	}
	index := s.o.Feed.Index()
	s.mu.Lock()
	due, role := c.feed.wanted && len(c.feed.rest()) == 0 && index > c.feed.index, c.peer.role()
	since := c.feed.index
	if c.version < 4 || c.feed.whole {
		since = 0
	}
	s.mu.Unlock()
	if !due {
		return
	}
	p, err := s.feed.of(s.o.Feed, role, c.peer.Node, since, index)
	if err != nil {
		s.log.Error("packing the configuration", "error", err)
		return
	}
	if p.index < index || !s.mayHave(c.peer.Node) { // the source cannot read it, and has said so
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.wanted, p.whole = c.feed.wanted, c.feed.whole
	c.feed = p
}

// mayHave reports whether a node is one of the peers by the configuration that it
// would be sent: one that was removed must not hear what came of that, such as
// the new key, on a session that is about to be closed.
func (s *Sessions) mayHave(node string) bool {
	return slices.ContainsFunc(s.o.Peers(), func(p Peer) bool { return p.Node == node })
}

// of returns the parcel for a node that has what was at since, 0 for nothing. What is
// the node's own is told by who it is, which its certificate says, and by nothing that it
// asks for.
func (f *feed) of(source Source, role, node string, since, atLeast uint64) (p parcel, err error) {
	now, past, err := f.editions(source, role, since, atLeast)
	if err != nil {
		return p, err
	}
	var own []byte
	if now.Own != nil {
		own = now.Own(node)
	}
	p = parcel{index: now.Index, shared: now.packed}
	if len(own) > 0 {
		p.own, err = pack(own)
	}
	if !past.known || err != nil {
		return p, err
	}
	amended, err := now.amends(&past, since, node, own)
	if amended.size() < p.size() {
		return amended, err
	}
	return p, err
}

// editions returns the latest one, and what was at since.
func (f *feed) editions(source Source, role string, since, atLeast uint64) (now *edition, past former, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.now[role]
	if e == nil || e.Index < atLeast {
		e = &edition{Snapshot: source.Snapshot(role), former: map[uint64]former{}}
		if e.packed, err = pack(e.Shared); err != nil {
			return nil, past, err
		}
		e.sum = sum(e.Shared)
		if f.now == nil {
			f.now = make(map[string]*edition)
		}
		f.now[role] = e
	}
	if since != 0 {
		past, err = e.since(source, role, since)
	}
	return e, past, err
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(data); err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// unpack reads one packed part behind the other.
func unpack(packed []byte) (data []byte, err error) {
	from := bytes.NewReader(packed) // of which flate reads no more than its part
	for from.Len() > 0 {
		part, err := io.ReadAll(io.LimitReader(flate.NewReader(from), int64(maxFeed+1-len(data))))
		if data = append(data, part...); err != nil || len(data) > maxFeed {
			return nil, errFrame
		}
	}
	return data, nil
}

// A parcel is the configuration on its way over one connection, piece by piece
// so that changes pass it. It is guarded by Sessions.mu.
type parcel struct {
	wanted bool
	index  uint64 // what the far end has, or gets
	shared []byte // packed
	own    []byte // packed; follows it
	amends bool   // they are an amendment
	whole  bool   // an amendment was of no use to the far end
	sent   int
}

func (p *parcel) subscribe(s subscription) {
	wanted := s.feed && s.scope == scopeAll
	*p = parcel{wanted: wanted, index: s.index, whole: p.whole || wanted && s.index == 0 && p.index > 0}
}

func (p *parcel) size() int { return len(p.shared) + len(p.own) }

// rest returns what of its part is left.
func (p *parcel) rest() []byte {
	if p.sent < len(p.shared) {
		return p.shared[p.sent:]
	}
	return p.own[p.sent-len(p.shared):]
}

// append adds the next piece, until buf has about limit bytes, and reports whether
// there are more.
func (p *parcel) append(buf []byte, limit int) (_ []byte, more bool) {
	rest, room := p.rest(), limit-len(buf)
	if len(rest) == 0 || room < leastPiece {
		return buf, len(rest) > 0
	}
	piece := rest[:min(len(rest), feedPiece, room)]
	body := binary.AppendUvarint(nil, p.index)
	body = binary.AppendUvarint(body, uint64(p.size())) //nolint:gosec // not negative
	body = binary.AppendUvarint(body, uint64(p.sent))   //nolint:gosec // not negative
	p.sent += len(piece)
	if len(p.rest()) == 0 {
		p.shared, p.own, p.sent = nil, nil, 0
	}
	kind := byte(frameFeed)
	if p.amends {
		kind = frameAmend
	}
	return appendFrame(buf, kind, append(body, piece...)), true // there may be another
}

// An arrival is what has come of a parcel.
type arrival struct {
	index  uint64
	total  uint64
	data   []byte
	amends bool
}

func (c *conn) takeFeed(body []byte, amends bool) error {
	r := fields{data: body}
	index, total, offset := r.number(), r.number(), r.number()
	r.check(total <= maxFeed && uint64(len(r.data)) <= total && offset <= total-uint64(len(r.data)))
	if r.bad {
		return errFrame
	}
	c.s.mu.Lock()
	c.peer.count(&c.peer.in, classFeed, len(body)+frameCost)
	trusted := c.s.o.FeedTo != nil && c.peer.role() == roleMain
	c.s.mu.Unlock()
	a := &c.arriving
	if offset == 0 {
		*a = arrival{index: index, total: total, amends: amends}
	}
	if !trusted || index != a.index || total != a.total || amends != a.amends || offset != uint64(len(a.data)) {
		return nil
	}
	if a.data = append(a.data, r.data...); uint64(len(a.data)) < total {
		return nil
	}
	whole := *a
	*a = arrival{}
	return c.install(whole)
}

func (c *conn) install(a arrival) error {
	if a.index <= c.s.o.FeedTo.Index() {
		return nil
	}
	data, err := []byte(nil), error(nil)
	if a.amends {
		var ok bool
		if data, ok = c.amend(a.data); !ok {
			return nil
		}
	} else if data, err = unpack(a.data); err != nil {
		return err
	}
	if err = c.s.o.FeedTo.Install(a.index, data); err != nil {
		c.s.log.Error("taking the configuration of a main", "node", c.peer.Node, "index", a.index, "error", err)
	}
	c.s.configure()
	return nil
}
