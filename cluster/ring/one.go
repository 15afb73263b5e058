package ring

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"

	"carillon/cluster/link"
)

// A ring is one memberlist.
type ring struct {
	name  string
	node  string // this one
	main  bool   // it is one
	own   []byte // this node's note
	list  *memberlist.Memberlist
	table *table
	pace  pace
	seeds chan []Seed
	stop  chan struct{}
	ends  sync.Once
}

// open begins a ring of this node alone.
func (r *Rings) open(name string) (*ring, error) {
	if len(name) > longestName {
		return nil, fmt.Errorf("opening the ring %s: its name is too long", name)
	}
	o := r.options
	one := &ring{
		name: name, node: o.Node, main: o.Role == string(link.Main), own: note{o.Site, o.Role, o.Version}.encode(), table: r.table, pace: o.pace,
		seeds: make(chan []Seed, 1), stop: make(chan struct{}),
	}
	c := o.pace.values(name, one.main)
	c.Name = o.Node
	c.Transport = r.port.open(name, o.Address)
	c.BindPort, c.AdvertisePort = int(o.Address.Port()), int(o.Address.Port())
	c.Delegate, c.Events, c.Alive = voice{one}, events{one}, door{one}
	c.LogOutput = ear{one, o.Logger.With("ring", name)}
	var err error
	if one.list, err = memberlist.Create(c); err != nil {
		_ = c.Transport.Shutdown()
		return nil, fmt.Errorf("opening the ring %s: %w", name, err)
	}
	return one, nil
}

// seek has run join those of the seeds whom the ring lacks. It does not wait.
func (r *ring) seek(seeds []Seed) {
	select {
	case <-r.seeds: // older ones
	default:
	}
	r.seeds <- seeds
}

// end has run leave.
func (r *ring) end() { r.ends.Do(func() { close(r.stop) }) }

// run joins whom it is told to, and leaves in the end.
func (r *ring) run(ctx context.Context) {
	for {
		select {
		case seeds := <-r.seeds:
			r.join(ctx, seeds)
		case <-r.stop:
			r.leave()
			r.table.forget(r.name)
			return
		case <-ctx.Done():
			r.leave()
			return
		}
	}
}

// join asks each seed that is not among the living, one after another.
func (r *ring) join(ctx context.Context, seeds []Seed) {
	living := map[string]bool{}
	for _, n := range r.list.Members() {
		living[n.Name] = true
	}
	for _, s := range seeds {
		if ctx.Err() != nil || living[s.Node] {
			continue
		}
		_, _ = r.list.Join([]string{s.Node + "/" + s.Address.String()}) // it is logged, and tried again for ever
	}
}

// leave says good-bye to each member, then has memberlist gossip that this node
// is gone. Memberlist does not tell its user who left from who died.
func (r *ring) leave() {
	var told sync.WaitGroup
	for _, n := range r.list.Members() {
		if n.Name != r.node {
			told.Go(func() { r.goodbye(n) })
		}
	}
	told.Wait()
	_ = r.list.Leave(r.pace.leave) // nobody may be there to hear it
	_ = r.list.Shutdown()
}

// goodbye uses a connection, since a packet may be lost; but a main says it to
// all branches, where too many connections would be more harm than a main that
// is listed as dead and not as gone.
func (r *ring) goodbye(to *memberlist.Node) {
	send := r.list.SendReliable
	if r.main && r.name != core {
		send = r.list.SendBestEffort
	}
	_ = send(to, []byte(r.node)) // then it is listed as dead
}

// events passes on what memberlist tells.
type events struct{ of *ring }

// NotifyJoin implements [memberlist.EventDelegate].
func (e events) NotifyJoin(n *memberlist.Node) { e.of.table.set(e.of.name, seen(n, alive)) }

// NotifyUpdate implements [memberlist.EventDelegate].
func (e events) NotifyUpdate(n *memberlist.Node) { e.of.table.set(e.of.name, seen(n, alive)) }

// NotifyLeave implements [memberlist.EventDelegate].
func (e events) NotifyLeave(n *memberlist.Node) { e.of.table.set(e.of.name, seen(n, dead)) }

// A door lets in who belongs to the ring.
type door struct{ of *ring }

// NotifyAlive implements [memberlist.AliveDelegate].
func (d door) NotifyAlive(n *memberlist.Node) error {
	says, err := decodeNote(n.Meta)
	if err != nil {
		return err
	}
	if !belongs(d.of.name, says.site, says.role) {
		return fmt.Errorf("%s of %s does not belong here", n.Name, says.site)
	}
	d.of.table.trust(d.of.name, n.Name)
	return nil
}

// A voice is what a ring carries: its members' notes and their good-byes. It
// implements [memberlist.Delegate].
type voice struct{ of *ring }

// NodeMeta implements [memberlist.Delegate].
func (v voice) NodeMeta(int) []byte { return v.of.own }

// NotifyMsg implements [memberlist.Delegate]: a good-bye is the node's name.
func (v voice) NotifyMsg(b []byte) { v.of.table.goodbye(v.of.name, string(b)) }

// GetBroadcasts implements [memberlist.Delegate].
func (voice) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState implements [memberlist.Delegate].
func (voice) LocalState(bool) []byte { return nil }

// MergeRemoteState implements [memberlist.Delegate].
func (voice) MergeRemoteState([]byte, bool) {}

// An ear is where memberlist logs to. Its log is the only place where it says
// whom it suspects.
type ear struct {
	of *ring
	to *slog.Logger
}

// Write implements [io.Writer].
func (e ear) Write(line []byte) (int, error) {
	said := strings.TrimSpace(string(line))
	if _, words, ok := strings.Cut(said, "memberlist: "); ok {
		said = words // without the time, which slog has too
	}
	if rest, ok := strings.CutPrefix(said, "Suspect "); ok {
		if node, _, ok := strings.Cut(rest, " has failed"); ok {
			e.of.table.doubt(e.of.name, node)
		}
	}
	e.to.Debug("memberlist", "says", said)
	return len(line), nil
}

func addressOf(n *memberlist.Node) netip.AddrPort {
	at, _ := netip.AddrFromSlice(n.Addr)
	return netip.AddrPortFrom(at.Unmap(), n.Port)
}
