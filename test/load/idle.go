package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"carillon/test/house/wire"
)

const idleUsage = `Open many connections to a node, have each answered once, and print what the node keeps for
each of them while nothing happens.

  go run ./test/load idle [flags]

It needs twice as many open files as connections, half of them for the node. Flags:
`

// idleFlags is what the command line says.
type idleFlags struct {
	n      int
	over   string
	listen string
	wait   time.Duration
}

// idle measures the memory of connections that only stand.
func idle(ctx context.Context, args []string) error {
	var f idleFlags
	set := flag.NewFlagSet("load idle", flag.ContinueOnError)
	set.IntVar(&f.n, "n", 10000, "connections")
	set.StringVar(&f.over, "over", "tls", "tcp, tls, ws or wss")
	set.StringVar(&f.listen, "listen", "127.0.0.41", "address of the node")
	set.DurationVar(&f.wait, "wait", time.Minute, "how long to look at them")
	set.Usage = func() {
		_, _ = fmt.Fprint(set.Output(), idleUsage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	at, err := netip.ParseAddr(f.listen)
	if err != nil {
		return err
	}
	if err = moreFiles(f.n + 1000); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "carillon-idle-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return f.measure(ctx, dir, at)
}

// measure starts a node and connects to it.
func (f idleFlags) measure(ctx context.Context, dir string, at netip.Addr) error {
	node, stop, err := startIdle(ctx, dir, at)
	if err != nil {
		return err
	}
	defer stop()
	before, err := rss(node)
	if err != nil {
		return err
	}
	began := time.Now()
	conns, err := f.connect(ctx, at)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	fmt.Printf("%d connections over %s, each answered once, in %.1f s; the node has %d kB without them\n\n",
		len(conns), f.over, time.Since(began).Seconds(), before>>10)
	began = time.Now()
	fmt.Printf("| after | kB each |\n|---|---|\n")
	for _, after := range []time.Duration{0, f.wait / 4, f.wait / 2, f.wait} {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(began.Add(after))):
		}
		now, err := rss(node)
		if err != nil {
			return err
		}
		fmt.Printf("| %v | %.1f |\n", after.Round(time.Second), float64(now-before)/1024/float64(len(conns)))
	}
	return nil
}

// startIdle builds a node and starts it; it ends with stop.
func startIdle(ctx context.Context, dir string, at netip.Addr) (pid int, stop func(), err error) {
	binary, config, data := filepath.Join(dir, "carillon"), filepath.Join(dir, "idle.yaml"), filepath.Join(dir, "data")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/carillon") //nolint:gosec // our own
	if out, e := build.CombinedOutput(); e != nil {
		return 0, nil, fmt.Errorf("building carillon: %w\n%s", e, out)
	}
	text := "domain: idle.test\nsites: [{name: hq, networks: [127.0.0.0/8]}]\nbrowsers: {origins: [\"*\"]}\n"
	if err = os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, nil, err
	}
	var words bytes.Buffer
	server := exec.Command(binary, "run", "--data", data, "--name", "idle", "--listen", at.String(), "--apply", config) //nolint:gosec,noctx // our own; ended by stop
	server.Stdout, server.Stderr = &words, &words
	if err = server.Start(); err != nil {
		return 0, nil, err
	}
	ended, gone := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(gone)
		ended <- server.Wait()
	}()
	stop = func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		<-gone
	}
	r := &rig{binary: binary}
	if err = r.answers(ctx, data, ended); err != nil {
		stop()
		return 0, nil, fmt.Errorf("starting a node: %w\n%s", err, words.Bytes())
	}
	time.Sleep(time.Second) // what a start leaves to be done
	return server.Process.Pid, stop, nil
}

// connect opens the connections, from several addresses.
func (f idleFlags) connect(ctx context.Context, at netip.Addr) (conns []*wire.Conn, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4 * runtime.NumCPU())
	local := netip.MustParseAddr("127.0.41.1")
	for i := range f.n {
		from := local
		if local = local.Next(); i%10 == 9 {
			local = netip.MustParseAddr("127.0.41.1")
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c, err := wire.Dialer{Local: from}.Dial(f.over, netip.AddrPortFrom(at, wire.Port(f.over))) //nolint:contextcheck // it has a limit of its own
			if err != nil {
				return err
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			return greet(c, i)
		})
	}
	return conns, g.Wait()
}

// greet has a connection answered.
func greet(c *wire.Conn, i int) error {
	m := wire.Message{Start: "OPTIONS sip:idle.test SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%d", strings.ToUpper(c.Transport), c.Local(), i))
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:x@idle.test>;tag=1")
	m.Add("To", "<sip:idle.test>")
	m.Add("Call-ID", strconv.Itoa(i))
	m.Add("CSeq", "1 OPTIONS")
	if err := c.Send(m); err != nil {
		return err
	}
	answer, err := c.Receive(20 * time.Second)
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("answered with %s", answer.Start)
	}
	return err
}

func closeAll(conns []*wire.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// rss returns what a process has of the memory, in bytes.
func rss(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading the memory of process %d: %q", pid, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// moreFiles raises the limit of open files as far as may be.
func moreFiles(want int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur < uint64(want) { //nolint:gosec // not negative
		return fmt.Errorf("%d open files are allowed, and %d are needed: ulimit -Hn", limit.Cur, want)
	}
	return nil
}
