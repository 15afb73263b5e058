package scale

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/ring"
	"carillon/test/tool"
)

// asMain tells the test binary to be the main that is measured.
const asMain = "CARILLON_SCALE_MAIN"

// TestRings: a main is in the rings of 500 sites, each of one LifeGUARD that runs
// in this process; the main runs in one of its own.
func TestRings(t *testing.T) {
	const mostShare, mostMB, watch = 15.0, 100, 30 * time.Second
	if os.Getenv(asMain) != "" {
		beMain(t)
		return
	}
	n := sized(500)
	authority, err := link.NewAuthority("scale")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()

	seeds := make([]ring.Seed, n)
	ports := make([]*link.Port, n)
	for i := range n {
		name := fmt.Sprint("guard", i)
		if ports[i], err = link.Open(link.Options{Listen: netip.MustParseAddrPort("127.71.6.1:0"), Identity: identity(t, authority, name, link.LifeGUARD)}); err != nil {
			t.Fatal(err)
		}
		seeds[i] = ring.Seed{Node: name, Site: fmt.Sprint("site", i), Role: string(link.LifeGUARD), Address: ports[i].Address()}
	}
	m := startMain(t, identity(t, authority, "laurel", link.Main).Marshal(), seeds)
	for i := range n {
		own := seeds[i]
		r, err := ring.New(ring.Options{
			Node: own.Node, Site: own.Site, Role: own.Role, Version: "v1", Address: own.Address, Port: ports[i], Logger: slog.New(slog.DiscardHandler),
			Seeds: func() []ring.Seed { return []ring.Seed{own, m.seed} },
		})
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() { _ = ports[i].Run(ctx) })
		work.Go(func() { _ = r.Run(ctx) })
	}
	for began := time.Now(); ; time.Sleep(time.Second) {
		if x := m.report(t); x.Alive == n+1 {
			break
		} else if time.Since(began) > 3*time.Minute {
			t.Fatalf("the main sees %d of %d", x.Alive, n+1)
		}
	}
	time.Sleep(5 * time.Second) // what joining has left over
	first := m.report(t)
	time.Sleep(watch)
	last := m.report(t)
	share := 100 * (last.CPU - first.CPU).Seconds() / (last.At - first.At).Seconds()
	light := tool.Figure(t, fmt.Sprintf("%d rings on one main", n), share, mostShare, "% of a core")
	small := tool.Figure(t, fmt.Sprintf("%d rings on one main, in memory", n), float64(last.RSS>>20), mostMB, "MB")
	if last.Alive != n+1 {
		t.Errorf("%d are alive, want %d", last.Alive, n+1)
	}
	if *full && (!light || !small) {
		t.Error("that is more than the goal")
	}
}

// A report is what the main says of itself.
type report struct {
	Alive   int
	CPU, At time.Duration
	RSS     int
}

// An order is what the main is told when it begins.
type order struct {
	Identity []byte
	Seeds    []ring.Seed
}

// A child is the main as its parent sees it.
type child struct {
	seed ring.Seed
	in   io.Writer
	out  *bufio.Reader
}

func startMain(t *testing.T, identity []byte, seeds []ring.Seed) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRings$")
	cmd.Env = append(os.Environ(), asMain+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	c := &child{in: in, out: bufio.NewReader(out)}
	if err = json.NewEncoder(in).Encode(order{identity, seeds}); err != nil {
		t.Fatal(err)
	}
	c.read(t, &c.seed)
	return c
}

func (c *child) read(t *testing.T, x any) {
	t.Helper()
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, x)
	}
	if err != nil {
		t.Fatalf("the main said %q: %v", line, err)
	}
}

func (c *child) report(t *testing.T) (x report) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in); err != nil {
		t.Fatal(err)
	}
	c.read(t, &x)
	return x
}

// beMain runs the rings of a main, and reports for each line that it is sent.
func beMain(t *testing.T) {
	t.Helper()
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	line, err := in.ReadBytes('\n')
	var o order
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	id, err := link.LoadIdentity(o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	port, err := link.Open(link.Options{Listen: netip.MustParseAddrPort("127.71.6.2:0"), Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	own := ring.Seed{Node: "laurel", Site: "hq", Role: string(link.Main), Address: port.Address()}
	rings, err := ring.New(ring.Options{
		Node: own.Node, Site: own.Site, Role: own.Role, Version: "v1", Address: own.Address, Port: port, Logger: slog.New(slog.DiscardHandler),
		Seeds: func() []ring.Seed { return append([]ring.Seed{own}, o.Seeds...) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel() // and end: to take leave of 500 sites is not what is measured
	go func() { _ = port.Run(ctx) }()
	go func() { _ = rings.Run(ctx) }()
	if err = out.Encode(own); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for {
		if _, err = in.ReadBytes('\n'); err != nil {
			return
		}
		if err = out.Encode(look(rings, began)); err != nil {
			t.Fatal(err)
		}
	}
}

func look(rings *ring.Rings, began time.Time) report {
	x := report{At: time.Since(began), Alive: 0}
	for _, m := range rings.Members() {
		if m.State == "alive" {
			x.Alive++
		}
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil {
		x.CPU = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	status, _ := os.ReadFile("/proc/self/status") // without it there is no figure
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &x.RSS); err == nil {
			x.RSS <<= 10
			break
		}
	}
	return x
}
