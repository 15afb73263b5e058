package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A rig is the comparison rig beside the project and a Carillon to put into it:
// a binary of this source, and a data directory that knows the rig's users.
type rig struct {
	script  string // of the rig
	dir     string // our own, gone at the end
	binary  string
	address string // of Carillon
}

// newRig builds the binary and founds the data directory.
func newRig(ctx context.Context, address string) (*rig, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("finding the module: %w", err)
	}
	root := filepath.Dir(string(bytes.TrimSpace(mod)))
	r := &rig{script: filepath.Join(root, "..", "shared", "rig", "run.py"), address: address}
	if _, err = os.Stat(r.script); err != nil {
		return nil, fmt.Errorf("the rig stands beside the project, not in it: %w", err)
	}
	if r.dir, err = os.MkdirTemp("", "carillon-load-"); err != nil {
		return nil, err
	}
	r.binary = filepath.Join(r.dir, "carillon")
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", r.binary, "./cmd/carillon") //nolint:gosec // our own
	build.Dir, build.Stderr = root, os.Stderr
	if err = build.Run(); err != nil {
		err = fmt.Errorf("building carillon: %w", err)
	} else {
		err = r.found(ctx)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() { _ = os.RemoveAll(r.dir) }

// found makes the data directory that every round starts from, so that no round
// pays for loading the users or finds the registrations of the last.
func (r *rig) found(ctx context.Context) error {
	config := filepath.Join(r.dir, "rig.yaml")
	if err := os.WriteFile(config, configuration(), 0o600); err != nil {
		return err
	}
	data := r.founded()
	var words bytes.Buffer
	server := exec.CommandContext(ctx, r.binary, "run", "--data", data, "--name", "rig", "--listen", r.address, "--apply", config) //nolint:gosec // our own
	server.Stdout, server.Stderr = &words, &words
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	ready := r.answers(ctx, data, ended)
	_ = server.Process.Signal(syscall.SIGTERM)
	if err := cmp.Or(ready, <-ended); err != nil {
		return fmt.Errorf("founding a data directory: %w\n%s", err, words.Bytes())
	}
	return nil
}

func (r *rig) founded() string { return filepath.Join(r.dir, "founded") }

// answers waits until the node answers questions.
func (r *rig) answers(ctx context.Context, data string, ended chan error) error {
	for range 100 {
		ask := exec.CommandContext(ctx, r.binary, "status", "--data", data) //nolint:gosec // our own
		if ask.Run() == nil {
			return nil
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("no answer in 10 s")
}

// configuration knows who the rig's clients are, and trusts them.
func configuration() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "domain: rig.test\nsites:\n  - {name: rig, networks: [127.0.0.0/8, 10.0.0.0/8], calls: trusted}\nusers:")
	user := func(number string) {
		fmt.Fprintf(&b, "  - {number: %q, site: rig, password: pw}\n", number)
	}
	user("alice")
	user("bob")
	for i := range manyWatchers {
		user(fmt.Sprintf("w%02d", i))
	}
	for i := range 10000 {
		user(fmt.Sprintf("u%05d", i))
	}
	return b.Bytes()
}

// checkPorts says which of the addresses that the rig's clients use is taken;
// another rig may be running. SIPp itself would only count no calls.
func checkPorts(ctx context.Context) error {
	var c net.ListenConfig
	for _, address := range []string{"127.0.0.1:6060", "127.0.0.50:5070"} {
		stream, err := c.Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("the rig's clients need their ports: %w", err)
		}
		_ = stream.Close()
		packets, err := c.ListenPacket(ctx, "udp", address)
		if err != nil {
			return fmt.Errorf("the rig's clients need their ports: %w", err)
		}
		_ = packets.Close()
	}
	return nil
}

// run carries out a trial: each line that the rig prints goes to line as it
// comes. before is put in front of the server's command line.
func (r *rig) run(ctx context.Context, t trial, before string, line func(string)) error {
	if err := checkPorts(ctx); err != nil {
		return err
	}
	start, err := r.startScript(before)
	if err != nil {
		return err
	}
	python := exec.CommandContext(ctx, "python3", append([]string{r.script}, t.args()...)...) //nolint:gosec // our own
	python.Env = append(os.Environ(), "CARILLON_CMD=sh '"+start+"'", "CARILLON_IP="+r.address, "TMPDIR="+r.dir)
	python.Cancel = func() error { return python.Process.Signal(os.Interrupt) } // it ends its servers
	python.WaitDelay = 20 * time.Second
	python.Stderr = os.Stderr
	out, err := python.StdoutPipe()
	if err != nil {
		return err
	}
	if err := python.Start(); err != nil {
		return err
	}
	readLines(out, line)
	if err := python.Wait(); err != nil {
		return fmt.Errorf("the rig, %s: %w", t.name(), err)
	}
	return nil
}

// startScript writes the shell's lines that start Carillon on a copy of the founded data
// directory, and returns where they are.
func (r *rig) startScript(before string) (string, error) {
	start, data := filepath.Join(r.dir, "start.sh"), filepath.Join(r.dir, "data")
	script := fmt.Sprintf("rm -rf '%s' && cp -r '%s' '%s' && exec %s '%s' run --data '%s' --listen %s\n",
		data, r.founded(), data, before, r.binary, data, r.address)
	return start, os.WriteFile(start, []byte(script), 0o600)
}

func readLines(r io.Reader, line func(string)) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		line(s.Text())
	}
}
