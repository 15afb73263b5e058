package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"carillon/node/admin"
)

const (
	soakDomain   = "soak.test"
	soakPassword = "pw"
)

func soakUsers(n int) []string {
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf("%05d", i)
	}
	return users
}

// A soaked is the node that is looked at: a process of the real program.
type soaked struct {
	at     netip.Addr
	dir    string
	client *admin.Client
	cmd    *exec.Cmd
	ended  chan error
}

// startNode builds the program and founds a node that knows the phones' users.
func startNode(ctx context.Context, at netip.Addr, phones int, race bool) (n *soaked, err error) {
	n = &soaked{at: at, ended: make(chan error, 1)}
	if n.dir, err = os.MkdirTemp("", "carillon-soak-"); err != nil {
		return nil, err
	}
	data, config, program := filepath.Join(n.dir, "data"), filepath.Join(n.dir, "soak.yaml"), filepath.Join(n.dir, "carillon")
	n.client = admin.NewClient(data)
	if err = errors.Join(buildCarillon(ctx, program, race), os.WriteFile(config, soakConfiguration(phones), 0o600)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(n.dir))
	}
	log, err := os.Create(n.log())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(n.dir))
	}
	defer func() { _ = log.Close() }()                                                                                   // the process has its own
	n.cmd = exec.Command(program, "run", "--data", data, "--name", "soaked", "--listen", at.String(), "--apply", config) //nolint:gosec,noctx // our own; stop ends it
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	if err = n.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(n.dir))
	}
	go func() { n.ended <- n.cmd.Wait() }()
	if err = n.answers(ctx); err != nil {
		return nil, errors.Join(err, n.said(), n.stop())
	}
	return n, nil
}

func (n *soaked) log() string { return filepath.Join(n.dir, "log") }

func buildCarillon(ctx context.Context, program string, race bool) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("finding the module: %w", err)
	}
	args := []string{"build", "-buildvcs=false", "-o", program}
	if race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args, "./cmd/carillon")...) //nolint:gosec // our own
	build.Dir, build.Stderr = filepath.Dir(string(bytes.TrimSpace(mod))), os.Stderr
	if err = build.Run(); err != nil {
		return fmt.Errorf("building carillon: %w", err)
	}
	return nil
}

// soakConfiguration is a site as sites are: UDP phones are asked for passwords.
func soakConfiguration(phones int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "domain: %s\nsites:\n  - {name: hq, networks: [127.0.0.0/8]}\nusers:\n", soakDomain)
	for _, u := range soakUsers(phones) {
		fmt.Fprintf(&b, "  - {number: %q, site: hq, password: %s}\n", u, soakPassword)
	}
	return b.Bytes()
}

// answers waits until the node answers questions.
func (n *soaked) answers(ctx context.Context) error {
	for range 200 {
		if _, err := n.client.Status(ctx); err == nil {
			return nil
		}
		select {
		case err := <-n.ended:
			n.ended <- err
			return fmt.Errorf("the node ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("the node does not answer")
}

func (n *soaked) hasTLS(ctx context.Context) bool {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // only whether it is there
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(n.at.String(), "5061"))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// said is what the node wrote last, for an error.
func (n *soaked) said() error {
	const last = 4000
	text, err := os.ReadFile(n.log())
	if err != nil {
		return err
	}
	return errors.New("the node's last words:\n" + string(text[max(0, len(text)-last):]))
}

// stop ends the node as an operator does. A race, or a panic, in its log is an
// error.
func (n *soaked) stop() error {
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case err = <-n.ended:
	case <-time.After(30 * time.Second):
		_ = n.cmd.Process.Kill()
		err = cmp.Or(<-n.ended, errors.New("the node did not stop"))
	}
	text, e := os.ReadFile(n.log())
	for _, bad := range []string{"DATA RACE", "panicked", "made its handler panic", "panic: "} {
		if strings.Contains(string(text), bad) {
			err = errors.Join(err, fmt.Errorf("the node says %q", bad), n.said())
		}
	}
	return errors.Join(err, e, os.RemoveAll(n.dir))
}

// A sample is how the node is at one moment.
type sample struct {
	goroutines, heap, memory, files float64
	transactions, calls, cpu        float64
}

// look asks the node for its figures.
func (n *soaked) look(ctx context.Context) (sample, error) {
	text, err := n.client.Metrics(ctx)
	if err != nil {
		return sample{}, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return sample{}, fmt.Errorf("reading the node's figures: %w", err)
	}
	sum := func(name string) (total float64) {
		for _, m := range families[name].GetMetric() {
			total += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		return total
	}
	return sample{
		goroutines: sum("go_goroutines"), heap: sum("go_gc_heap_live_bytes"), memory: sum("process_resident_memory_bytes"),
		files: sum("process_open_fds"), transactions: sum("carillon_sip_transactions"), calls: sum("carillon_calls"),
		cpu: sum("process_cpu_seconds_total"),
	}, nil
}
