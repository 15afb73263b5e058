package names

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	domain = "dns.test"
	config = "domain: " + domain + `
sites:
  - {name: hq, networks: [127.0.53.0/24, 127.53.1.0/24]}
  - {name: mons, networks: [127.53.2.0/24], homing: main-first}
`
	fromHQ, fromMons = "127.53.1.9", "127.53.2.9" // who asks
)

// A process is a server that was started.
type process struct {
	name  string
	addr  netip.AddrPort
	cmd   *exec.Cmd
	words bytes.Buffer
	gone  chan struct{}
}

func (p *process) start(cmd *exec.Cmd) error {
	cmd.Stdout, cmd.Stderr = &p.words, &p.words
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.cmd, p.gone = cmd, make(chan struct{})
	go func() {
		defer close(p.gone)
		_ = cmd.Wait() // it is ended by a signal
	}()
	return nil
}

func (p *process) stop() {
	if p == nil || p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.gone
}

// A town is the nodes of the deck: two mains and a LifeGUARD.
type town struct {
	dir, binary string
	nodes       []*process
}

func (t *town) stop() {
	for _, n := range slices.Backward(t.nodes) {
		n.stop()
	}
}

// startTown builds and starts the nodes, and waits until each has its place in
// the answers. What it returns is to be stopped, with an error too.
func startTown(ctx context.Context, dir string) (*town, error) {
	t := &town{dir: dir, binary: filepath.Join(dir, "carillon")}
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", t.binary, "./cmd/carillon") //nolint:gosec // our own
	if out, err := build.CombinedOutput(); err != nil {
		return t, fmt.Errorf("building carillon: %w\n%s", err, out)
	}
	file := filepath.Join(dir, "town.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return t, err
	}
	if err := t.add(ctx, "laurel", "127.0.53.11", "--site", "hq", "--first", "--apply", file); err != nil {
		return t, err
	}
	for _, n := range [][]string{{"hardy", "127.0.53.12", "main", "hq"}, {"lg-mons", "127.53.2.2", "lifeguard", "mons"}} {
		token, err := exec.CommandContext(ctx, t.binary, "token", "create", "--data", filepath.Join(dir, "laurel")).Output() //nolint:gosec // our own
		if err != nil {
			return t, fmt.Errorf("making a token: %w", err)
		}
		err = t.add(ctx, n[0], n[1], "--role", n[2], "--site", n[3], "--join", "127.0.53.11", "--token", strings.TrimSpace(string(token)))
		if err != nil {
			return t, err
		}
	}
	return t, t.settled(ctx)
}

// settled waits until all nodes are in the zone, and nothing changes it any more.
func (t *town) settled(ctx context.Context) error {
	const all = "10 50 5060 laurel.dns.test.\n20 50 5060 hardy.dns.test.\n30 50 5060 lg-mons.dns.test.\n"
	serial, since := "", time.Now()
	return eventually(ctx, "the zone has all nodes and stays as it is", func() bool {
		servers, err1 := dig(ctx, t.nodes[0].addr, fromMons, "+short", "_sip._tcp."+domain, "SRV")
		now, err2 := dig(ctx, t.nodes[0].addr, fromMons, "+short", domain, "SOA")
		if errors.Join(err1, err2) != nil || servers != all || now != serial {
			serial, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
}

// add starts a node and waits until it answers.
func (t *town) add(ctx context.Context, name, at string, args ...string) error {
	n := &process{name: name, addr: netip.AddrPortFrom(netip.MustParseAddr(at), 53)}
	data := filepath.Join(t.dir, name)
	args = append([]string{"run", "--data", data, "--name", name, "--listen", at, "--dns", at}, args...)
	if err := n.start(exec.Command(t.binary, args...)); err != nil { //nolint:gosec,noctx // our own; stop ends it
		return err
	}
	t.nodes = append(t.nodes, n)
	err := eventually(ctx, name+" answers", func() bool {
		return exec.CommandContext(ctx, t.binary, "status", "--data", data).Run() == nil //nolint:gosec // our own
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, n.words.Bytes())
	}
	n.name = "carillon"
	return nil
}

// eventually waits for something.
func eventually(ctx context.Context, what string, is func() bool) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if is() {
			return nil
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("not within a minute: %s", what))
}
