package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// The server of the benchmarks is this test binary again, so that its CPU time
// is its own: it echoes until its standard input ends, and prints what it used.
const serverEnv = "CARILLON_TEST_ECHO_SERVER"

func TestMain(m *testing.M) {
	addr := os.Getenv(serverEnv)
	if addr == "" {
		os.Exit(m.Run())
	}
	if err := serveEcho(netip.MustParseAddrPort(addr)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveEcho(at netip.AddrPort) error {
	o := Options{Addr: at.Addr(), Port: at.Port()}
	if at.Addr().IsUnspecified() {
		o.Addr = netip.Addr{}
	}
	l, err := Open(o)
	if err != nil {
		return err
	}
	answer := []byte(response("echo"))
	done := make(chan error, 1)
	go func() {
		done <- l.Run(context.Background(), handlerFunc(func(f Flow, _ *message.Message) { _ = f.Send(answer) }))
	}()
	fmt.Println("ready")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := cpuTime()
	_, _ = io.Copy(io.Discard, os.Stdin)
	used := cpuTime() - begin
	runtime.ReadMemStats(&after)
	c := l.Counters()
	fmt.Println("used", int64(used), after.Mallocs-before.Mallocs, c.UDP.In+c.TCP.In)
	return errors.Join(l.Close(), <-done)
}

// handlerFunc is a Handler of received messages.
type handlerFunc func(Flow, *message.Message)

func (h handlerFunc) Receive(f Flow, m *message.Message)      { h(f, m) }
func (h handlerFunc) Malformed(Flow, *message.Message, error) {}
func (h handlerFunc) Closed(Flow)                             {}

// cpuTime returns what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // its own process it can see
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serve starts a server at addr; the function returned ends it and reports its
// cost per message.
func serve(b *testing.B, addr netip.AddrPort) (report func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+addr.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	return func() {
		_ = in.Close()
		for lines.Scan() {
			f := strings.Fields(lines.Text())
			if len(f) != 4 || f[0] != "used" {
				continue
			}
			n, _ := strconv.ParseFloat(f[3], 64)
			for i, unit := range []string{"cpu-ns/msg", "allocs/msg"} {
				v, _ := strconv.ParseFloat(f[i+1], 64)
				b.ReportMetric(v/n, unit)
			}
		}
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// pump sends b.N requests over conns in turn, window in flight on each, and
// reads as many answers.
func pump(b *testing.B, conns []net.Conn, window int) {
	b.Helper()
	req := []byte(request("echo", 0))
	size := len(response("echo"))
	buf := make([]byte, 64<<10)
	for left := b.N; left > 0; {
		sent := 0
		for _, c := range conns {
			for i := 0; i < window && sent < left; i++ {
				if _, err := c.Write(req); err != nil {
					b.Fatal(err)
				}
				sent++
			}
		}
		left -= sent
		for _, c := range conns {
			for want := min(window, sent) * size; want > 0; {
				n, err := c.Read(buf)
				if err != nil {
					b.Fatal(err)
				}
				want -= n
			}
			sent -= min(window, sent)
		}
	}
}

// BenchmarkEcho measures the server's CPU time for receiving one message and
// sending another. "bursts": 32 at a time on a flow; "singly": one at a time.
func BenchmarkEcho(b *testing.B) {
	for _, bb := range []struct {
		name, network string
		all           bool
		flows, window int
	}{
		{"udp/singly", "udp", false, 100, 1},
		{"udp/bursts", "udp", false, 1, 32},
		{"udp/all-addresses", "udp", true, 100, 1},
		{"tcp/singly", "tcp", false, 100, 1},
		{"tcp/bursts", "tcp", false, 1, 32},
	} {
		b.Run(bb.name, func(b *testing.B) {
			to := netip.AddrPortFrom(host(), 5060)
			listen := to
			if bb.all {
				to = netip.AddrPortFrom(to.Addr(), freePort(b))
				listen = netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())
			}
			report := serve(b, listen)
			var conns []net.Conn
			for range bb.flows {
				c := dialTo(b, bb.network, to.String())
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				conns = append(conns, c)
			}
			b.ResetTimer()
			pump(b, conns, bb.window)
			b.StopTimer()
			report()
		})
	}
}

// BenchmarkCrowd measures how soon datagrams of many senders are handled that
// each keep a core busy for 20 µs. `-cpu 1,2` shows what a second core is good for.
func BenchmarkCrowd(b *testing.B) {
	const window = 256
	var handled atomic.Int64
	l := listening(b, Options{}, handlerFunc(func(Flow, *message.Message) {
		for begin := time.Now(); time.Since(begin) < 20*time.Microsecond; {
		}
		handled.Add(1)
	}))
	peers := make([]net.Conn, 64)
	for i := range peers {
		peers[i] = dialTo(b, "udp", at(l))
		_ = peers[i].SetDeadline(time.Time{})
	}
	m := []byte(request("crowd", 0))
	b.ResetTimer()
	for sent := range b.N {
		if _, err := peers[sent%len(peers)].Write(m); err != nil {
			b.Fatal(err)
		}
		for int64(sent)-handled.Load() > window {
			time.Sleep(100 * time.Microsecond)
		}
	}
	eventually(b, "all are handled", func() bool { return handled.Load() == int64(b.N) })
}

// BenchmarkSend measures one UDP send with nobody at the other end.
func BenchmarkSend(b *testing.B) {
	l := listening(b, Options{}, &record{})
	f, _ := l.UDP(netip.AddrPortFrom(host(), 9))
	m := []byte(response("x"))
	b.ReportAllocs()
	for b.Loop() {
		_ = f.Send(m)
	}
}

// BenchmarkFacing measures choosing the source address when listening on all.
func BenchmarkFacing(b *testing.B) {
	l := listening(b, Options{Port: freePort(b)}, &record{})
	to := netip.AddrPortFrom(host(), 9)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.UDP(to); !ok {
			b.Fatal("no flow")
		}
	}
}

// TestIdleMemory opens many connections, has each exchange a message, and wants
// what each costs afterwards, goroutine included, to be little.
func TestIdleMemory(t *testing.T) {
	const n, most = 1000, 16 << 10 // the race detector's share included
	l := listening(t, Options{}, &record{answer: echo})
	before := inUse()
	peers := make([]int, 0, n) // bare descriptors: a net.Conn would be counted too
	defer func() {
		for _, fd := range peers {
			_ = syscall.Close(fd)
		}
	}()
	req, buf := []byte(request("idle", 2000)), make([]byte, 4096)
	for range n {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, fd)
		if err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: 5060, Addr: l.opts.Addr.As4()}); err != nil {
			t.Fatal(err)
		}
		if _, err = syscall.Write(fd, req); err != nil {
			t.Fatal(err)
		}
		if k, rerr := syscall.Read(fd, buf); k <= 0 {
			t.Fatal(k, rerr)
		}
	}
	each := (inUse() - before) / n
	t.Logf("%d bytes per idle connection", each)
	if each > most {
		t.Errorf("got %d bytes per idle connection, want at most %d", each, most)
	}
}

// inUse returns the bytes of heap and stacks, when the garbage is gone.
func inUse() int64 {
	for range 5 { // stacks shrink by half in each
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
