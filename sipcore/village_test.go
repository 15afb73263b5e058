package sipcore

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
)

const villageDomain = "tel.test"

// A village is several SIP servers of one system with their phones, in simulated time
// and without a socket: it is made and used in a synctest bubble. What one node's tables
// tell travels in order, later, and not at all while a line is cut.
type village struct {
	t    *testing.T
	rng  *rand.Rand // of who writes the scene
	view *store.View
	ctx  context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	nodes   map[string]*cottage
	phones  []*handset
	affairs map[string]*affair
	cuts    map[[2]string]bool
	cords   []*cord
	posts   map[[2]string]*post
	diary   []string
	began   time.Time
}

// A cottage is one life of a node.
type cottage struct {
	*Server

	name    string
	addr    netip.Addr
	village *village
	stop    func()
	dead    bool
	told    map[string][]byte // what others are to know of it, guarded by village.mu
}

// A post is the way of what one node's tables tell another.
type post struct {
	letters []letter
	news    chan struct{}
}

type letter struct {
	from  *cottage
	kind  byte // 'd' of dialogs, 'b' of bindings
	key   string
	value []byte
	at    time.Time
}

func newVillage(t *testing.T, seed uint64, nodes int) *village {
	t.Helper()
	v := &village{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), nodes: make(map[string]*cottage), affairs: make(map[string]*affair),
		cuts: make(map[[2]string]bool), posts: make(map[[2]string]*post), began: time.Now(),
	}
	v.ctx, v.end = context.WithCancel(t.Context())
	c := store.Config{
		Domain: villageDomain, Sites: []store.Site{{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Country: "+32", Outside: "9"}},
		Trunks: []store.Trunk{{Name: "isdn", Site: "hq", Address: "127.9.9.9:5060", Transport: store.TCP}},
	}
	for i := range 6 {
		number := fmt.Sprint(201 + i)
		c.Users = append(c.Users, store.User{Number: number, Site: "hq", Direct: []string{"+3225551" + number}})
	}
	names := nodeNames[:nodes]
	for _, name := range names {
		c.Nodes = append(c.Nodes, store.Node{Name: name, Role: store.Main, Site: "hq"})
	}
	v.view = store.NewView(c)
	for _, name := range names {
		v.open(name)
		for _, other := range names {
			if other != name {
				v.delivers(name, other)
			}
		}
	}
	return v
}

var nodeNames = [...]string{"one", "two", "three"}

func addrOf(node string) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1, 1, byte(1 + slices.Index(nodeNames[:], node))})
}

// open begins a life of a node: it learns what the others have told.
func (v *village) open(name string) {
	v.t.Helper()
	c := &cottage{name: name, addr: addrOf(name), village: v, told: make(map[string][]byte)}
	logger := slog.New(slog.DiscardHandler)
	var err error
	c.Server, err = Open(Options{
		Node: name, Listen: c.addr, Indoors: true, Store: store.New(v.view), Calls: live.NewCalls(), Peers: c, Key: [32]byte{7}, Logger: logger,
		Bindings: live.NewBindings(name, teller{c, 'b'}), Dialogs: live.NewDialogs(name, func() string { return villageDomain }, teller{c, 'd'}),
	})
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(v.ctx)
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{
		c.wheel.Run, c.calls.Run, c.events.Run, c.o.Dialogs.Run,
		func(ctx context.Context) error { return c.transport.Run(ctx, receiver{c.Server}) },
	} {
		wg.Go(func() { _ = run(ctx) })
	}
	c.stop = sync.OnceFunc(func() {
		cancel()
		_ = c.Close()
		wg.Wait()
		c.proxy.Close()
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, other := range v.nodes {
		for key, value := range other.told {
			v.postLocked(other, name, key[0], key[1:], value)
		}
	}
	v.nodes[name] = c
}

func (v *village) close() {
	v.mu.Lock()
	nodes, phones := slices.Collect(maps.Values(v.nodes)), v.phones
	v.cuts = map[[2]string]bool{}
	v.mu.Unlock()
	for _, h := range phones {
		h.leaves()
	}
	for _, c := range nodes {
		c.stop()
	}
	v.end()
	v.wg.Wait()
}

// A teller is the journal of one table of a node.
type teller struct {
	*cottage

	kind byte
}

// Set implements [live.Journal].
func (j teller) Set(key string, value []byte) { j.tells(key, slices.Clone(value)) }

// Delete implements [live.Journal].
func (j teller) Delete(key string) { j.tells(key, nil) }

func (j teller) tells(key string, value []byte) {
	v := j.village
	v.mu.Lock()
	defer v.mu.Unlock()
	if j.dead {
		return
	}
	if full := string(j.kind) + key; value == nil {
		delete(j.told, full)
	} else {
		j.told[full] = value
	}
	for name := range v.nodes {
		if name != j.name {
			v.postLocked(j.cottage, name, j.kind, key, value)
		}
	}
}

func (v *village) postLocked(from *cottage, to string, kind byte, key string, value []byte) {
	p := v.posts[[2]string{from.name, to}]
	if p == nil {
		return
	}
	p.letters = append(p.letters, letter{from, kind, key, value, time.Now().Add(20 * time.Millisecond)})
	p.rings()
}

func (p *post) rings() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// delivers carries what one node tells another, until the village ends.
func (v *village) delivers(from, to string) {
	way := [2]string{from, to}
	p := &post{news: make(chan struct{}, 1)}
	v.mu.Lock()
	v.posts[way] = p
	v.mu.Unlock()
	v.wg.Go(func() {
		for v.ctx.Err() == nil {
			v.mu.Lock()
			reader := v.nodes[to]
			if len(p.letters) == 0 || v.cuts[way] || reader == nil {
				v.mu.Unlock()
				select {
				case <-p.news:
				case <-v.ctx.Done():
				}
				continue
			}
			x := p.letters[0]
			p.letters = p.letters[1:]
			v.mu.Unlock()
			time.Sleep(time.Until(x.at))
			reader.learns(x)
		}
	})
}

func (c *cottage) learns(x letter) {
	switch {
	case c.dead:
	case x.kind == 'b':
		_ = c.o.Bindings.Learn(x.from.name, x.key, x.value)
	default:
		if err := c.o.Dialogs.Learn(x.from.name, x.key, x.value); err != nil {
			c.village.t.Errorf("%s does not understand a call of %s: %v", c.name, x.from.name, err)
		}
	}
}

// cut cuts a line between two nodes, or mends it. Both notice soon, by what they do not
// hear.
func (v *village) cut(a, b string, is bool) {
	v.mu.Lock()
	v.cuts[[2]string{a, b}], v.cuts[[2]string{b, a}] = is, is
	for _, c := range v.cords {
		c.rings()
	}
	v.posts[[2]string{a, b}].rings()
	v.posts[[2]string{b, a}].rings()
	v.mu.Unlock()
	v.writes("line %s-%s cut: %v", a, b, is)
	hears := func() { v.hears(a, b); v.hears(b, a) }
	if !is {
		hears()
		return
	}
	time.AfterFunc(1500*time.Millisecond, hears)
}

// hears lets a node know whether it hears another.
func (v *village) hears(a, b string) {
	v.mu.Lock()
	node, alive := v.nodes[a], !v.cuts[[2]string{a, b}] && v.nodes[b] != nil
	v.mu.Unlock()
	if node != nil {
		node.o.Bindings.SetNodeAlive(b, alive)
		node.o.Dialogs.SetNodeAlive(b, alive)
	}
}

// kill ends a node with nothing said.
func (v *village) kill(name string) *cottage {
	v.writes("node %s is killed", name)
	v.mu.Lock()
	c := v.nodes[name]
	c.dead = true
	delete(v.nodes, name)
	others := slices.Collect(maps.Keys(v.nodes))
	v.mu.Unlock()
	c.stop()
	time.AfterFunc(1500*time.Millisecond, func() {
		for _, other := range others {
			v.hears(other, name)
		}
	})
	return c
}

// revives begins another life of a node: it has forgotten its calls, and the others hear
// of that.
func (v *village) revives(was *cottage) {
	v.writes("node %s starts again", was.name)
	v.mu.Lock()
	for key := range was.told {
		for name := range v.nodes {
			v.postLocked(was, name, key[0], key[1:], nil)
		}
	}
	for name := range v.nodes {
		v.posts[[2]string{name, was.name}].letters = nil
	}
	v.mu.Unlock()
	v.open(was.name)
	for _, other := range nodeNames {
		v.hears(other, was.name)
	}
}

// Dial implements [Peers].
func (c *cottage) Dial(ctx context.Context, node string) (net.Conn, error) {
	v := c.village
	v.mu.Lock()
	to := v.nodes[node]
	isCut := v.cuts[[2]string{c.name, node}]
	v.mu.Unlock()
	switch {
	case isCut:
		<-ctx.Done()
		return nil, ctx.Err()
	case to == nil:
		return nil, net.ErrClosed
	}
	near, far := v.cord(netip.AddrPortFrom(c.addr, 40000), netip.AddrPortFrom(to.addr, 5060), 10*time.Millisecond, c.name, node)
	v.wg.Go(func() { to.Serve(v.ctx, far, c.name) })
	return near, nil
}

// NodeAt implements [Peers].
func (c *cottage) NodeAt(addr netip.Addr) (string, bool) {
	for _, name := range nodeNames {
		if addr == addrOf(name) {
			return name, true
		}
	}
	return "", false
}

// Relays implements [Peers].
func (c *cottage) Relays() []string { return nil }

// writes keeps what happened, for who reads a failure.
func (v *village) writes(format string, values ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.diary = append(v.diary, fmt.Sprintf("%8.3f ", time.Since(v.began).Seconds())+fmt.Sprintf(format, values...))
}
