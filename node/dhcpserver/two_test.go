package dhcpserver

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// A town is some servers of one pool and many devices, on one clock, with
// everything between them that may be lost.
type town struct {
	t       *testing.T
	rand    *rand.Rand
	now     time.Time
	pool    store.Pool
	names   []string
	servers map[string]*box
	cut     bool // the servers do not hear each other
	devices []*device
	fault   string

	acks, renewals, duplicates, moved, recalls int
}

// A box is a server with its disk, which survives it.
type box struct {
	name   string
	up     bool
	a      *allocator
	leases map[string]string // records by node and address
	status map[string]status
	queues map[string][]said // what others have not heard yet, in order
}

type said struct {
	key   string
	value []byte
}

// A device has one address at most, until its time is over.
type device struct {
	name   string
	has    netip.Addr
	from   string
	until  time.Time
	absent time.Time // it is switched off until then
}

func newTown(t *testing.T, seed uint64, servers, addresses, devices int) *town {
	t.Helper()
	first := netip.MustParseAddr("10.0.0.10")
	w := &town{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_700_000_000, 0), servers: map[string]*box{},
		pool: store.Pool{
			Network: netip.MustParsePrefix("10.0.0.0/16"), First: first, Last: address(number(first) + uint32(addresses) - 1), Lease: 10 * time.Minute,
			Reservations: []store.Reservation{{MAC: "d0", Address: first}},
		},
	}
	for i := range servers {
		name := fmt.Sprintf("s%d", i)
		w.names = append(w.names, name)
		w.servers[name] = &box{name: name, leases: map[string]string{}, status: map[string]status{}, queues: map[string][]said{}}
	}
	for _, name := range w.names {
		w.start(name)
	}
	for i := range devices {
		w.devices = append(w.devices, &device{name: fmt.Sprintf("d%d", i)})
	}
	return w
}

// start boots a server from its disk; it and the others tell each other all again.
func (w *town) start(name string) {
	b := w.servers[name]
	table := live.NewLeases(name)
	b.a, b.up = newAllocator(name, table, func(n string) bool { return w.servers[n].up && !w.cut }), true
	for node, x := range b.status {
		y, err := parseStatus(x.bytes()) // maps are not shared with what is on disk
		if err != nil {
			w.t.Fatal(err)
		}
		b.a.restore(node, y)
	}
	for key, value := range b.leases {
		var node, a string
		_, _ = fmt.Sscan(key, &node, &a)
		if err := table.Restore(node, a, value); err != nil {
			w.t.Fatal(err)
		}
	}
	b.a.follow([]store.Pool{w.pool}, w.names, w.now)
	b.a.serve(true, netip.Addr{})
	w.flush(b)
	for _, other := range w.names {
		if other != name {
			b.queues[other] = b.everything(w)
			if o := w.servers[other]; o.up {
				o.queues[name] = o.everything(w)
			}
		}
	}
}

// everything is the whole of what a server says, as a session tells it anew.
func (b *box) everything(w *town) (all []said) {
	for _, x := range b.a.leases.All() {
		for _, y := range b.a.leases.Said(x.Address) {
			if y.Node == b.name {
				all = append(all, said{y.Address.String(), y.AppendShared(nil, w.now)})
			}
		}
	}
	return append(all, said{statusKey, b.a.share.own.bytes()})
}

// flush puts on disk what is new, and then has it told.
func (w *town) flush(b *box) {
	changes, statuses := b.a.take()
	for _, x := range changes {
		if w.fault == "no disk" {
			break
		}
		b.leases[x.Node+" "+x.Address.String()] = string(x.AppendRecord(nil))
	}
	maps.Copy(b.status, statuses)
	for _, x := range changes {
		if x.State == live.LeaseRecalled && x.Node == b.name {
			w.recalls++
		}
		for _, other := range w.names {
			if x.Node == b.name && other != b.name {
				b.queues[other] = append(b.queues[other], said{x.Address.String(), x.AppendShared(nil, w.now)})
			}
		}
	}
	for _, other := range w.names {
		if statuses != nil && other != b.name {
			b.queues[other] = append(b.queues[other], said{statusKey, statuses[b.name].bytes()})
		}
	}
}

// deliver hands over some of what waits, in order.
func (w *town) deliver(most int) {
	for _, from := range w.names {
		for _, to := range w.names {
			f, b := w.servers[from], w.servers[to]
			for n := 0; n < most && from != to && f.up && b.up && !w.cut && len(f.queues[to]) > 0; n++ {
				m := f.queues[to][0]
				f.queues[to] = f.queues[to][1:]
				if err := b.a.learn(from, m.key, m.value, w.now); err != nil {
					w.t.Fatal(err)
				}
				w.flush(b)
			}
		}
	}
}

// lost says that one packet does not arrive.
func (w *town) lost() bool { return w.rand.IntN(10) == 0 }

func (w *town) query(d *device, x netip.Addr) query {
	return query{client: d.name, id: []byte(d.name), mac: d.name, requested: x, eager: w.rand.IntN(3) == 0}
}

// act has a device do the next thing.
func (w *town) act(d *device) {
	switch {
	case w.now.Before(d.absent):
	case !d.has.IsValid():
		w.dora(d)
	case w.rand.IntN(40) == 0: // it is unplugged
		d.absent = w.now.Add(time.Duration(w.rand.IntN(3600)) * time.Second)
	case w.rand.IntN(60) == 0: // it says good-bye
		if b := w.servers[d.from]; b.up && !w.lost() {
			b.a.release(w.query(d, d.has), w.now)
			w.flush(b)
		}
		d.has, d.absent = netip.Addr{}, w.now.Add(time.Duration(w.rand.IntN(1200))*time.Second)
	case d.until.Sub(w.now) < 5*time.Minute:
		w.renew(d)
	}
}

func (w *town) dora(d *device) {
	for _, i := range w.rand.Perm(len(w.names)) {
		b := w.servers[w.names[i]]
		if !b.up || w.lost() {
			continue
		}
		x, why := b.a.discover(&w.pool, w.query(d, netip.Addr{}), w.now)
		if why == granted && !w.lost() {
			w.request(d, b, x, true)
			return
		}
	}
}

// renew asks the server that gave the address, or late, all of them.
func (w *town) renew(d *device) {
	for _, i := range w.rand.Perm(len(w.names)) {
		b := w.servers[w.names[i]]
		if b.up && (b.name == d.from || d.until.Sub(w.now) < 2*time.Minute) {
			if w.request(d, b, d.has, false) {
				w.renewals++
			}
		}
	}
}

// request asks for an address, and checks that nobody else has it when it is given.
func (w *town) request(d *device, b *box, x netip.Addr, chosen bool) bool {
	if w.lost() {
		return false
	}
	why := b.a.request(&w.pool, w.query(d, x), chosen, w.now)
	if w.rand.IntN(50) == 0 {
		b.up = false // before it was written
		return false
	}
	w.flush(b)
	if w.rand.IntN(200) == 0 {
		b.up = false // when it was written
		return false
	}
	switch {
	case w.lost():
		return false
	case why == wrong:
		d.has = netip.Addr{}
		return false
	case why != granted:
		return false
	}
	for _, other := range w.devices {
		if other != d && other.has == x && w.now.Before(other.until) {
			w.duplicates++
			if w.fault == "" {
				w.t.Logf("%s: %s has %s from %s, and %s from %s until %s", w.now, x, d.name, b.name, other.name, other.from, other.until)
				for _, n := range w.names {
					w.t.Logf("  %s up=%v cut=%v %+v", n, w.servers[n].up, w.cut, w.servers[n].a.leases.Said(x))
				}
			}
		}
	}
	if d.has.IsValid() && d.has != x {
		w.moved++
	}
	w.acks++
	d.has, d.from, d.until = x, b.name, w.now.Add(w.pool.Lease)
	return true
}

// run lets so many seconds pass.
func (w *town) run(seconds int) {
	for second := range seconds {
		w.now = w.now.Add(time.Second)
		w.deliver(w.rand.IntN(4))
		for _, name := range w.names {
			b := w.servers[name]
			switch {
			case !b.up && w.rand.IntN(120) == 0:
				w.start(name)
			case b.up && w.rand.IntN(900) == 0:
				b.up = false
			case b.up && second%10 == 0:
				b.a.tick(w.now)
				w.flush(b)
			}
		}
		if w.rand.IntN(600) == 0 {
			w.cut = !w.cut
		}
		for _, d := range w.devices {
			if d.has.IsValid() && !w.now.Before(d.until) {
				d.has = netip.Addr{}
			}
			if w.rand.IntN(15) == 0 {
				w.act(d)
			}
		}
		w.sabotage()
	}
}

// sabotage breaks a rule, so that the test shows that it would see it.
func (w *town) sabotage() {
	for _, name := range w.names {
		s := &w.servers[name].a.share
		for other, x := range s.others {
			if w.fault == "whole pool" { // each believes that it is alone
				x.On = false
				s.others[other] = x
			}
		}
	}
}

// Two and three servers, killed, cut off from each other and losing packets, with
// more devices than addresses: no address is ever with two devices.
func TestNoAddressIsGivenTwice(t *testing.T) {
	acks, renewals, recalls := 0, 0, 0
	for seed := range uint64(6) {
		w := newTown(t, seed, 2+int(seed%2), 30, 36)
		w.run(2 * 3600)
		if w.duplicates > 0 {
			t.Errorf("seed %d: %d duplicates of %d leases", seed, w.duplicates, w.acks)
		}
		acks, renewals, recalls = acks+w.acks, renewals+w.renewals, recalls+w.recalls
	}
	t.Logf("%d leases, %d renewals, %d recalls", acks, renewals, recalls)
	if acks < 800 || renewals < acks/4 || recalls < 100 {
		t.Error("too little happened for this to mean anything")
	}
}

// The same town sees it when a rule is broken.
func TestATownSeesDuplicates(t *testing.T) {
	for _, fault := range []string{"whole pool", "no disk"} {
		found := 0
		for seed := range uint64(3) {
			w := newTown(t, seed, 2, 30, 36)
			w.fault = fault
			w.run(2 * 3600)
			found += w.duplicates
			t.Logf("%s: %d duplicates of %d leases", fault, w.duplicates, w.acks)
		}
		if found == 0 {
			t.Errorf("%s: no duplicate was seen", fault)
		}
	}
}
