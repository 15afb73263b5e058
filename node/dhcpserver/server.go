// Package dhcpserver gives addresses to devices (RFC 2131) from the pools of the
// View. The servers of a site share its pools: each knows the leases of the others,
// and none depends on the others to renew them. Who gets what is decided on values
// (allocator, share); this file has the socket, the disk and the clock. DESIGN.md
// says why an address is never given twice.
package dhcpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"carillon/store"
	"carillon/store/live"
)

// Port is where servers and relays listen.
const Port = 67

const (
	queue      = 512 // packets that wait; more are dropped
	batch      = 64  // packets that share one write to the disk
	mostProbes = 64  // addresses that are probed at a time; more are offered as they are
	tickEvery  = time.Second
)

// A Keeper keeps records on disk: what Write returned without an error for stays.
type Keeper interface {
	Each(f func(key, value string)) error
	Write(all map[string][]byte) error
}

// Options is what a Server must be told; all is required but Interface and DNS.
type Options struct {
	Node      string
	Site      string // whose pools are given out
	Interface string // where it listens; empty: nowhere, and it only tells the others so
	View      func() *store.View
	Alive     func(node string) bool // no: it is known to be dead
	DNS       netip.Addr             // where this node answers DNS; zero: it does not
	Keep      Keeper
	Others    live.Journal                     // tells the other nodes of the site
	Tell      func(format string, args ...any) // tells the operator
	Logger    *slog.Logger
}

// A Server answers DHCP. Use Open to make one. Its methods may be called by many
// at a time.
type Server struct {
	o      Options
	conn   net.PacketConn // nil where it does not listen
	leases *live.Leases
	a      *allocator
	limit  limiter
	counts counts
	ping   func(context.Context, netip.Addr) bool

	packets chan packet
	probed  chan probe
	probing chan struct{} // has one element for each probe
	wake    chan struct{} // something was learned
	probes  sync.WaitGroup

	mu    sync.Mutex
	told  map[string]time.Time // what the operator was told, and when
	local []netip.Prefix       // the addresses of the interface
	until time.Time            // local is good

	view *store.View // Run's own: that the allocator follows
}

type packet struct {
	data []byte
	at   time.Time
}

type counts struct {
	discovers, offers, requests, acks, naks, declines, releases, informs atomic.Uint64
	limited, malformed, foreign, conflicts, exhausted                    atomic.Uint64
}

// Open binds the port and reads what was leased before; nobody is answered before
// Run. Its error says what to do about a port that needs permission.
func Open(ctx context.Context, o Options) (*Server, error) {
	leases := live.NewLeases(o.Node)
	s := &Server{
		o: o, leases: leases, a: newAllocator(o.Node, leases, o.Alive), ping: ping,
		packets: make(chan packet, queue), probed: make(chan probe, mostProbes), probing: make(chan struct{}, mostProbes), wake: make(chan struct{}, 1), told: map[string]time.Time{"waiting": time.Now()},
	}
	if err := s.restore(); err != nil {
		return nil, err
	}
	if o.Interface != "" {
		var err error
		if s.conn, err = listen(ctx, o.Interface, Port); err != nil {
			return nil, err
		}
	}
	s.a.serve(o.Interface != "", o.DNS)
	s.follow(time.Now())
	return s, nil
}

func listen(ctx context.Context, name string, port uint16) (net.PacketConn, error) {
	if _, err := net.InterfaceByName(name); err != nil {
		return nil, fmt.Errorf("listening for DHCP: this machine has no interface %q; `ip link` shows those it has", name)
	}
	var bound error
	listening := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return errors.Join(c.Control(func(fd uintptr) {
			bound = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
				unix.BindToDevice(int(fd), name),
			)
		}), bound)
	}}
	conn, err := listening.ListenPacket(ctx, "udp4", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, fmt.Errorf("listening for DHCP on %s: %w", name, permitted(err))
	}
	return conn, nil
}

// permitted says what to do about a port that cannot be had.
func permitted(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program answers there (`ss -lnup` names it): stop it, or start with --dhcp off", err)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: port 67 needs permission: start as root, or `setcap cap_net_bind_service,cap_net_raw=+ep` the program, "+
			"or start with --dhcp off", err)
	}
	return err
}

// Close gives the port back; it may be called without Run, and more than once.
func (s *Server) Close() error {
	if s.conn == nil {
		return nil
	}
	if err := s.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reading sync.WaitGroup
	if s.conn != nil {
		stop := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer stop()
		reading.Go(func() { s.read() })
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		var replies []reply
		select {
		case <-ctx.Done():
		case p := <-s.packets:
			replies = s.handleAll(ctx, p)
		case p := <-s.probed:
			replies = s.judge(ctx, p)
		case <-s.wake:
		case now := <-tick.C:
			s.follow(now)
			s.a.tick(now)
		}
		s.commit(replies)
	}
	err := s.Close()
	reading.Wait()
	s.probes.Wait()
	return err
}

// handleAll handles a packet and those that wait behind it: they share one write.
func (s *Server) handleAll(ctx context.Context, p packet) (replies []reply) {
	s.follow(p.at)
	for n := 0; ; n++ {
		if r, ok := s.handle(ctx, p); ok {
			replies = append(replies, r)
		}
		if n == batch {
			return replies
		}
		select {
		case p = <-s.packets:
		default:
			return replies
		}
	}
}

func (s *Server) read() {
	b := make([]byte, mostPacket+1)
	for {
		n, _, err := s.conn.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.o.Logger.Debug("reading DHCP", "error", err)
			time.Sleep(10 * time.Millisecond) //nolint:mnd // the interface may be down
			continue
		}
		select {
		case s.packets <- packet{slices.Clone(b[:n]), time.Now()}:
		default:
			s.counts.limited.Add(1)
		}
	}
}

// follow takes over the configuration, if there is another one.
func (s *Server) follow(now time.Time) {
	v := s.o.View()
	if v == s.view {
		return
	}
	s.view = v
	site, _ := v.Site(s.o.Site)
	s.a.follow(site.DHCP, members(v, s.o.Site), now)
}

// commit puts on disk what was decided and learned, has the other nodes told of it,
// and only then answers the devices.
func (s *Server) commit(replies []reply) {
	changes, said := s.a.take()
	records := map[string][]byte{}
	for _, x := range changes {
		records[recordKey(x.Node, x.Address.String())] = nil
		if x.State != 0 {
			records[recordKey(x.Node, x.Address.String())] = x.AppendRecord(nil)
		}
	}
	for node, x := range said {
		records[recordKey(node, statusKey)] = x.bytes()
	}
	if len(records) > 0 {
		if err := s.o.Keep.Write(records); err != nil {
			s.a.giveBack(changes, said)
			s.once("disk", time.Minute, "leases cannot be written, so none is given: %v", err)
			return
		}
	}
	s.publish(changes, said)
	for _, r := range replies {
		s.send(r)
	}
}

// publish has the other nodes told, what is said of this node itself last.
func (s *Server) publish(changes []live.Lease, said map[string]status) {
	now := time.Now()
	for _, x := range changes {
		switch {
		case x.Node != s.o.Node:
		case x.State == 0:
			s.o.Others.Delete(x.Address.String())
		default:
			s.o.Others.Set(x.Address.String(), x.AppendShared(nil, now))
		}
	}
	if own, ok := said[s.o.Node]; ok {
		s.o.Others.Set(statusKey, own.bytes())
	}
}

func recordKey(node, key string) string { return node + "\x00" + key }

// restore reads what is on disk, and has the other nodes told what was this node's.
func (s *Server) restore() error {
	if err := s.o.Keep.Each(s.restoreOne); err != nil {
		return fmt.Errorf("reading leases: %w", err)
	}
	var mine []live.Lease
	for _, x := range s.leases.All() {
		for _, y := range s.leases.Said(x.Address) {
			if y.Node == s.o.Node {
				mine = append(mine, y)
			}
		}
	}
	if own := s.a.share.own; own.Epoch != 0 {
		s.publish(mine, map[string]status{s.o.Node: own})
	}
	return nil
}

// restoreOne takes over a record.
func (s *Server) restoreOne(key, value string) {
	node, key, _ := strings.Cut(key, "\x00")
	var err error
	if key == statusKey {
		var x status
		if x, err = parseStatus([]byte(value)); err == nil {
			s.a.restore(node, x)
		}
	} else {
		err = s.leases.Restore(node, key, value)
	}
	if err != nil {
		s.o.Logger.Error("a record of leases makes no sense", "error", err)
	}
}

// Learn takes in what another node of the site says.
func (s *Server) Learn(node, key string, value []byte) error {
	err := s.a.learn(node, key, value, time.Now())
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return err
}

// Site returns the site whose addresses are given out.
func (s *Server) Site() string { return s.o.Site }

// Count returns how many addresses devices have.
func (s *Server) Count() (n int) {
	now := time.Now()
	for _, x := range s.leases.All() {
		if x.State == live.LeaseHeld && now.Before(x.Until) {
			n++
		}
	}
	return n
}

// Leases returns what counts of every address.
func (s *Server) Leases() []live.Lease { return s.leases.All() }

// Counters returns how many messages there were of each kind since the start, and
// what became of others.
func (s *Server) Counters() map[string]uint64 {
	c := &s.counts
	all := map[string]*atomic.Uint64{
		"discover": &c.discovers, "offer": &c.offers, "request": &c.requests, "ack": &c.acks, "nak": &c.naks,
		"decline": &c.declines, "release": &c.releases, "inform": &c.informs,
		"limited": &c.limited, "malformed": &c.malformed, "foreign": &c.foreign, "conflict": &c.conflicts, "exhausted": &c.exhausted,
	}
	figures := map[string]uint64{}
	for name, n := range maps.All(all) {
		figures[name] = n.Load()
	}
	return figures
}

// once tells the operator something, at most so often.
func (s *Server) once(what string, every time.Duration, format string, args ...any) {
	now := time.Now()
	s.mu.Lock()
	last, known := s.told[what]
	tell := !known || now.Sub(last) >= every
	if tell {
		if len(s.told) > mostTries {
			clear(s.told)
		}
		s.told[what] = now
	}
	s.mu.Unlock()
	if tell {
		s.o.Tell(format, args...)
	}
}

// addresses returns those of the interface, as they were a moment ago at most.
func (s *Server) addresses() []netip.Prefix {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.After(s.until) {
		s.until, s.local = now.Add(tickEvery), nil
		if i, err := net.InterfaceByName(s.o.Interface); err == nil {
			all, _ := i.Addrs()
			for _, a := range all {
				if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
					s.local = append(s.local, p)
				}
			}
		}
	}
	return s.local
}
