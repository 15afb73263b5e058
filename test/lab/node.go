package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carillon/node/admin"
)

// A Node is one carillon process, and its data when that has ended.
type Node struct {
	Addr netip.Addr

	tb     testing.TB
	name   string
	host   Host
	binary string
	data   string
	flags  []string // it was started with
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
}

// newNode is a node that has not begun, whose data are to be in a directory of
// its name in dir.
func newNode(tb testing.TB, name string, h Host, binary, dir string) *Node {
	tb.Helper()
	return &Node{Addr: h.Addr, tb: tb, name: name, host: h, binary: binary, data: filepath.Join(dir, name), output: new(output)}
}

// start starts the process and waits until it answers.
func (n *Node) start(flags ...string) {
	n.tb.Helper()
	cmd, exited := n.host.command(n.binary, append([]string{"run", "--data", n.data}, flags...)...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = n.output, n.output
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	if err := cmd.Start(); err != nil {
		n.tb.Fatal(err)
	}
	n.cmd, n.exited, n.flags = cmd, exited, flags
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	n.eventually("it answers", 40*time.Second, func() bool { return n.run("status") == nil })
}

// found starts the first node of a system with this configuration.
func (n *Node) found(configuration string, flags ...string) {
	n.tb.Helper()
	file := filepath.Join(n.tb.TempDir(), "system.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		n.tb.Fatal(err)
	}
	n.start(append([]string{"--name", n.name, "--listen", n.Addr.String(), "--apply", file}, flags...)...)
}

// Authority returns the certificate that phones believe, in PEM.
func (n *Node) Authority() string {
	n.tb.Helper()
	out, err := n.command("certificate").Output()
	if err != nil {
		n.tb.Fatalf("carillon certificate: %v", err)
	}
	return string(out)
}

// Stop ends the process as an operator does, which must go well, and shows its
// output if the test failed.
func (n *Node) Stop() {
	select {
	case <-n.exited: // Goroutines or kill ended it
	default:
		n.end(syscall.SIGTERM, 15*time.Second)
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			n.tb.Errorf("exit code of %s: got %d, want 0", n.name, code)
		}
	}
	for _, bad := range []string{"\npanic: ", "DATA RACE"} {
		if strings.Contains(n.output.tail(1<<30), bad) {
			n.tb.Errorf("%s printed %q", n.name, bad)
		}
	}
	if n.tb.Failed() {
		n.tb.Logf("output of %s:\n%s", n.name, n.output.tail(6000))
	}
}

// stopAll stops nodes at the same time.
func stopAll(nodes map[string]*Node) {
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(n.Stop)
	}
	all.Wait()
}

// kill ends the process at once.
func (n *Node) kill() { n.end(syscall.SIGKILL, 5*time.Second) }

func (n *Node) end(sig syscall.Signal, within time.Duration) {
	_ = n.cmd.Process.Signal(sig)
	select {
	case <-n.exited:
	case <-time.After(within):
		_ = n.cmd.Process.Kill()
		<-n.exited
		n.tb.Errorf("%s was still there %v after %v", n.name, within, sig)
	}
}

// Ask returns what a subcommand says in JSON.
func (n *Node) Ask(subcommand string, into any) {
	n.tb.Helper()
	out, err := n.command(subcommand, "-o", "json").Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		n.tb.Fatalf("carillon %s -o json at %s: %v\n%s", subcommand, n.name, err, out)
	}
}

// Rows returns how many rows a subcommand's JSON list has.
func (n *Node) Rows(subcommand string) int {
	n.tb.Helper()
	var rows []json.RawMessage
	n.Ask(subcommand, &rows)
	return len(rows)
}

// HasCalls waits until the node says that so many calls ring or are up in the
// whole system, and no others.
func (n *Node) HasCalls(count int, state string) {
	n.tb.Helper()
	var calls []admin.Call
	n.eventually(fmt.Sprintf("%d calls, %s", count, state), 5*time.Second, func() bool {
		n.Ask("calls", &calls)
		return len(calls) == count && !slices.ContainsFunc(calls, func(c admin.Call) bool { return c.State != state })
	})
}

func (n *Node) command(args ...string) *exec.Cmd {
	return exec.CommandContext(n.tb.Context(), n.binary, append(args, "--data", n.data)...) //nolint:gosec // our own binary
}

func (n *Node) run(args ...string) error { return n.command(args...).Run() }

// A logged line is one of the node's log.
type logged struct{ Msg, Node string }

// said returns the lines of the node's log that say so.
func (n *Node) said(message string) []logged {
	var found []logged
	for line := range strings.Lines(n.output.tail(1 << 30)) {
		var l logged
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == message {
			found = append(found, l)
		}
	}
	return found
}

// Files returns how many file descriptors the process has open.
func (n *Node) Files() int {
	n.tb.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	return len(files)
}

// Resident returns how many bytes of memory the process has.
func (n *Node) Resident() int {
	n.tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	var size, resident int
	if _, err = fmt.Sscan(string(text), &size, &resident); err != nil {
		n.tb.Fatal(err)
	}
	return resident * os.Getpagesize()
}

var startedBy = regexp.MustCompile(`(?m)^(?:created by (.*?)(?: in goroutine \d+)?|goroutine 1 .*)$`)

// Goroutines ends the process with SIGQUIT, upon which Go prints every
// goroutine, and returns how many there were by who started them. Those of the
// Go runtime do not count.
func (n *Node) Goroutines() map[string]int {
	n.tb.Helper()
	n.end(syscall.SIGQUIT, 15*time.Second)
	_, dump, found := strings.Cut(n.output.tail(1<<30), "SIGQUIT: quit")
	count := map[string]int{}
	for _, m := range startedBy.FindAllStringSubmatch(dump, -1) {
		if !strings.HasPrefix(m[1], "runtime.") {
			count[m[1]]++
		}
	}
	if !found || len(count) == 0 {
		n.tb.Fatalf("no goroutines in the output of %s:\n%s", n.name, n.output.tail(2000))
	}
	return count
}

// eventually waits until a condition is true.
func (n *Node) eventually(what string, within time.Duration, is func() bool) {
	n.tb.Helper()
	eventually(n.tb, n.name+": "+what, within, is)
}
