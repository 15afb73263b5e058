package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
	"carillon/cluster/session"
	"carillon/test/tool"
)

// An end is one end of a line: sessions of this process over the real port, whose
// sockets are on a host of the lab.
type end struct {
	*link.Port
	*session.Sessions

	tb   testing.TB
	name string
	host Host

	mu    sync.Mutex
	knows map[string]string // owner/channel/key
}

// Dial connects from the host.
func (e *end) Dial(ctx context.Context, node string, at netip.AddrPort, protocol string) (c net.Conn, err error) {
	failed := e.host.from(func() error {
		c, err = e.Port.Dial(ctx, node, at, protocol)
		return nil
	})
	if failed != nil {
		return nil, failed
	}
	return c, err
}

func (e *end) learned(owner, channel string, x replica.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := owner + "/" + channel + "/" + x.Key()
	if e.knows[name] = x.Value(); x.Deleted {
		delete(e.knows, name)
	}
}

func (e *end) has(key, value string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.knows[key] == value
}

// openEnd opens the port of a node on a host.
func openEnd(tb testing.TB, a *link.Authority, name string, role link.Role, h Host) *end {
	tb.Helper()
	key, request, err := link.NewRequest(name)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := a.Issue(request, name, role)
	if err != nil {
		tb.Fatal(err)
	}
	identity, err := key.Identity(certificate, a.Certificate())
	if err != nil {
		tb.Fatal(err)
	}
	e := &end{tb: tb, name: name, host: h, knows: map[string]string{}}
	err = h.from(func() (err error) {
		e.Port, err = link.Open(link.Options{Listen: netip.AddrPortFrom(h.Addr, 7946), Identity: identity})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// runs has it keep a session with another end until the test is over.
func (e *end) runs(other *end, kbits int) {
	e.tb.Helper()
	relays := e.Peer().Role == link.Main
	s, err := session.New(session.Options{
		Node: e.name, Role: string(e.Peer().Role), Inc: 1, Port: e, Logger: slog.New(slog.DiscardHandler), Learned: e.learned, Carried: e.Carried,
		Peers: func() []session.Peer {
			return []session.Peer{{Node: other.name, Address: other.Address(), Relay: relays, Budget: kbits}}
		},
		Priority: []string{"reg", "dlg", "pres"},
	})
	if err != nil {
		e.tb.Fatal(err)
	}
	e.Sessions = s
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = e.Port.Run(ctx) })
	work.Go(func() { _ = s.Run(ctx) })
	e.tb.Cleanup(func() {
		cancel()
		work.Wait()
	})
}

// carried returns what it says that the line has carried.
func (e *end) carried() (sum int) {
	for _, l := range e.Lines() {
		for _, way := range []map[string]uint64{l.Out, l.In} {
			for _, n := range way {
				sum += int(n)
			}
		}
	}
	return sum
}

// flood changes presence so often a second until done is closed, and returns what
// holds then.
func (e *end) flood(each, keys int, done <-chan struct{}) map[string]string {
	last := map[string]string{}
	pres, tick := e.Namespace("pres"), time.NewTicker(time.Second/time.Duration(each))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-tick.C:
		case <-done:
			return last
		}
		key, value := fmt.Sprint(200+i%keys), fmt.Sprintf("<urn:uuid:%08d> %s", i*7919, []string{"open", "away", "on the phone"}[i%3])
		pres.Set(key, []byte(value))
		last[e.name+"/pres/"+key] = value
	}
}

// worst samples the meter until done is closed, and returns the most that passed
// within a window.
func worst(m *Meter, window time.Duration, done <-chan struct{}) (most int) {
	type sample struct {
		at    time.Time
		bytes int
	}
	var all []sample
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		all = append(all, sample{time.Now(), m.Bytes()})
		now := all[len(all)-1]
		for len(all) > 1 && now.at.Sub(all[1].at) >= window { // the window or a sample more, not less
			all = all[1:]
		}
		most = max(most, now.bytes-all[0].bytes)
		select {
		case <-tick.C:
		case <-done:
			return most
		}
	}
}

// TestBudget: a line with a budget of 16 kbit/s and 200 changes of presence a second
// never carries more in any 5 s, as the kernel counts; a registration is known within
// a second, the end of it all is known everywhere, and the nodes' own count is right.
func TestBudget(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	const kbits, registrations, window = 16, 20, 5 * time.Second
	s := OpenSites(t)
	authority, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	main := openEnd(t, authority, "laurel", link.Main, s.Host("hq", "laurel"))
	branch := openEnd(t, authority, "mons", link.LifeGUARD, s.Host("mons", "mons-node"))
	meter := s.lines["mons"].Meter()
	main.runs(branch, kbits)
	branch.runs(main, kbits)
	branch.Namespace("reg").Set("200", []byte("a"))
	eventually(t, "the first registration is known", 20*time.Second, func() bool { return main.has("mons/reg/200", "a") })
	time.Sleep(window)

	counted, said := meter.Bytes(), branch.carried()
	done, sampled, flooded := make(chan struct{}), make(chan int, 1), make(chan map[string]string, 1)
	go func() { sampled <- worst(meter, window, done) }()
	go func() { flooded <- branch.flood(200, 100, done) }()
	slowest := time.Duration(0)
	for i := range registrations {
		time.Sleep(time.Second + time.Duration(i)*37*time.Millisecond)
		key, value := fmt.Sprint(300+i), fmt.Sprintf("\x01\x01<\x00\x00\xe8\x07\x03tcp\x2bsip:%d@192.196.203.%d:%d;transport=tcp", 300+i, i, 49152+13*i)
		began := time.Now()
		branch.Namespace("reg").Set(key, []byte(value))
		eventually(t, "a registration is known", 10*time.Second, func() bool { return main.has("mons/reg/"+key, value) })
		slowest = max(slowest, time.Since(began))
	}
	close(done)
	most, last := <-sampled, <-flooded
	eventually(t, "all is known", 30*time.Second, func() bool { return branch.Lines()[0].Lag == 0 })
	time.Sleep(2 * time.Second)
	for key, want := range last {
		if !main.has(key, want) {
			t.Errorf("%s: the main knows another state of it than %q", key, want)
		}
	}
	counted, said = meter.Bytes()-counted, branch.carried()-said
	goal := kbits * 1000 / 8 * int(window/time.Second)
	tool.Figure(t, "a budget of 16 kbit/s: the most in 5 s", float64(most), float64(goal), "B")
	tool.Figure(t, "the slowest registration beside 200 changes of presence a second", slowest.Seconds(), 1, "s")
	tool.Figure(t, "the meter beside the kernel's counter", 100*float64(abs(said-counted))/float64(counted), 3, "% off")
	if most > goal || most < goal/2 {
		t.Errorf("%d bytes in 5 s, want at most %d, and more than half of that", most, goal)
	}
	if slowest > time.Second {
		t.Errorf("a registration took %v, want at most 1s", slowest)
	}
	if 100*abs(said-counted) > 3*counted {
		t.Errorf("the kernel has counted %d bytes, and the node %d", counted, said)
	}
}
