package session

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carillon/cluster/replica"
)

// A house is nodes with sessions over one network, inside a synctest bubble.
type house struct {
	t     *testing.T
	n     *network
	nodes map[string]*node

	mu    sync.Mutex
	peers map[string][]Peer
}

func (h *house) peersOf(node string) []Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.peers[node]
}

func (h *house) setPeers(node string, list ...Peer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.peers[node] = list
}

type node struct {
	*Sessions
	reg    *Namespace
	port   *port
	cancel func()
	ended  chan struct{}
	feed   *config

	mu     sync.Mutex
	knows  map[string]string // owner/channel/key
	heard  int
	hears  func(channel, key string)
	events []Link
}

// inHouse runs f in a bubble, with mains named m1, m2, ... and lifeguards named
// after sites; every lifeguard prefers the mains in that order. Mains alone have names of two letters.
func inHouse(t *testing.T, mains int, lifeguards []string, f func(*house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, n: newNetwork(), nodes: map[string]*node{}, peers: map[string][]Peer{}}
		var names []string
		for i := range mains {
			names = append(names, fmt.Sprint("m", i+1))
		}
		for _, a := range names {
			for _, b := range names {
				if a != b {
					h.peers[a] = append(h.peers[a], Peer{Node: b})
				}
			}
			for _, l := range lifeguards {
				h.peers[a] = append(h.peers[a], Peer{Node: l, Relay: true, Site: l})
				h.peers[l] = append(h.peers[l], Peer{Node: a})
			}
		}
		for _, name := range slices.Concat(names, lifeguards) {
			h.start(name, 1)
		}
		time.Sleep(stable + helloQuiet + 3*time.Second) // all have the primary that they prefer
		defer func() {                                  // also after Fatal: a bubble waits for all in it
			for _, x := range h.nodes {
				x.stop()
			}
		}()
		f(h)
	})
}

func (h *house) start(name string, inc uint64) *node {
	h.t.Helper()
	x := &node{port: h.n.port(name), knows: map[string]string{}, ended: make(chan struct{}), feed: &config{}}
	o := Options{
		Node: name, Role: roleLifeguard, Inc: inc, Port: x.port, Logger: slog.New(slog.DiscardHandler),
		Concerns: func(site, channel string) bool { return classOf(channel) != "for" || channel == "for/"+site },
		Peers:    func() []Peer { return h.peersOf(name) }, Learned: x.learned, Carried: x.port.Carried, Priority: []string{"reg", "dlg"},
	}
	if len(name) == 2 {
		o.Role, o.Feed = roleMain, x.feed
	} else {
		o.FeedTo = x.feed
	}
	s, err := New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.Sessions, x.cancel, x.reg = s, cancel, s.Namespace("reg")
	s.OnLink(func(l Link) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.events = append(x.events, l)
	})
	go func() {
		defer close(x.ended)
		if err := s.Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	h.nodes[name] = x
	return x
}

// stop ends a node in order; connections of its own that wait see the end.
func (x *node) stop() {
	x.port.n.mu.Lock()
	x.port.closed = true
	x.port.n.mu.Unlock()
	x.cancel()
	<-x.ended
}

func (x *node) learned(owner, channel string, c replica.Change) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard++
	if x.hears != nil {
		x.hears(channel, c.Key())
	}
	name := owner + "/" + channel + "/" + c.Key()
	if x.knows[name] = c.Value(); c.Deleted {
		delete(x.knows, name)
	}
}

// wants has every node but the owners know exactly what is wanted.
func (h *house) wants(want map[string]string) {
	h.t.Helper()
	synctest.Wait()
	for name, x := range h.nodes {
		mine := maps.Clone(want)
		maps.DeleteFunc(mine, func(key, _ string) bool { return len(key) > len(name) && key[:len(name)+1] == name+"/" })
		x.mu.Lock()
		if !maps.Equal(x.knows, mine) {
			h.t.Errorf("%s knows %v, want %v", name, x.knows, mine)
		}
		x.mu.Unlock()
	}
}

func (x *node) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.heard
}

func (x *node) told() []Link {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.events)
}

func (x *node) link(to string) Link {
	links := x.Links()
	return links[slices.IndexFunc(links, func(l Link) bool { return l.Node == to })]
}

type config struct {
	mu    sync.Mutex
	index uint64
	data  []byte
	own   func(node string) []byte
	past  map[uint64]Snapshot

	broken  bool // nothing can be read
	ownSize int  // of a sink: how much at the end of data is its own
}

func (c *config) Index() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.index
}

func (c *config) Snapshot(string) Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return Snapshot{}
	}
	return Snapshot{Index: c.index, Shared: c.data, Own: c.own}
}

// Past is of a source that was given a past.
func (c *config) Past(_ string, index uint64) (Snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.past[index]
	return x, ok
}

// Has is of a sink.
func (c *config) Has() (shared, own []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(c.ownSize, len(c.data))
	return c.data[:len(c.data)-n], c.data[len(c.data)-n:], true
}

func (c *config) Install(index uint64, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.past == nil {
		c.past = map[uint64]Snapshot{}
	}
	c.past[c.index] = Snapshot{Index: c.index, Shared: c.data, Own: c.own}
	c.index, c.data = index, data
	return nil
}
