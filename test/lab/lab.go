// Package lab tries the real binary with real clients: SIPp and baresip as
// Debian packages them, on loopback, or at several sites in network namespaces
// whose lines are shaped, cut and counted. It starts a node as
// an operator would, asks it by the command line, and counts what the kernel
// knows of its process. Stories of one process are in test/house.
package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"carillon/test/house"
)

// Domain is the domain of every node of the lab, and Password every user's.
const (
	Domain   = "tel.test"
	Password = "pw"
)

// A Node is one running carillon process.
type Node struct {
	Addr netip.Addr

	tb     testing.TB
	binary string
	data   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
}

// Start founds a node with these users and waits until it answers.
func Start(tb testing.TB, binary string, users []string) *Node {
	tb.Helper()
	n := &Node{Addr: house.Address(tb), tb: tb, binary: binary, data: filepath.Join(tb.TempDir(), "data"), output: new(output)}
	config := filepath.Join(tb.TempDir(), "house.yaml")
	if err := os.WriteFile(config, []byte(configuration(users)), 0o600); err != nil {
		tb.Fatal(err)
	}
	n.cmd = exec.Command(binary, "run", "--data", n.data, "--name", "hardy", "--listen", n.Addr.String(), "--apply", config) //nolint:gosec,noctx // our own binary; ended by Stop
	n.cmd.Stdout, n.cmd.Stderr = n.output, n.output
	n.cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	if err := n.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	n.exited = make(chan struct{})
	go func() {
		_ = n.cmd.Wait()
		close(n.exited)
	}()
	tb.Cleanup(n.Stop)
	n.eventually("the node answers", 20*time.Second, func() bool { return n.run("status", "-o", "json") == nil })
	return n
}

func configuration(users []string) string {
	var b strings.Builder
	b.WriteString("domain: " + Domain + "\nsites:\n  - {name: hq, networks: [127.0.0.0/8]}\nusers:\n")
	for _, u := range users {
		fmt.Fprintf(&b, "  - {number: %q, site: hq, password: %q}\n", u, Password)
	}
	return b.String()
}

// Stop ends the process as an operator does, which must go well, and shows its
// output if the test failed.
func (n *Node) Stop() {
	select {
	case <-n.exited: // Goroutines ended it
	default:
		n.end(syscall.SIGTERM, 15*time.Second)
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			n.tb.Errorf("exit code of the node: got %d, want 0", code)
		}
	}
	for _, bad := range []string{"\npanic: ", "DATA RACE"} {
		if strings.Contains(n.output.tail(1<<30), bad) {
			n.tb.Errorf("the node printed %q", bad)
		}
	}
	if n.tb.Failed() {
		n.tb.Logf("output of the node:\n%s", n.output.tail(6000))
	}
}

func (n *Node) end(sig syscall.Signal, within time.Duration) {
	_ = n.cmd.Process.Signal(sig)
	select {
	case <-n.exited:
	case <-time.After(within):
		_ = n.cmd.Process.Kill()
		<-n.exited
		n.tb.Errorf("the node was still there %v after %v", within, sig)
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
		n.tb.Fatalf("carillon %s -o json: %v\n%s", subcommand, err, out)
	}
}

// Rows returns how many rows a subcommand's JSON list has.
func (n *Node) Rows(subcommand string) int {
	n.tb.Helper()
	var rows []json.RawMessage
	n.Ask(subcommand, &rows)
	return len(rows)
}

func (n *Node) command(args ...string) *exec.Cmd {
	return exec.CommandContext(n.tb.Context(), n.binary, append(args, "--data", n.data)...) //nolint:gosec // our own binary
}

func (n *Node) run(args ...string) error { return n.command(args...).Run() }

// Files returns how many file descriptors the process has open.
func (n *Node) Files() int {
	n.tb.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	return len(files)
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
		n.tb.Fatalf("no goroutines in the output of the node:\n%s", n.output.tail(2000))
	}
	return count
}

// eventually waits until a condition is true.
func (n *Node) eventually(what string, within time.Duration, is func() bool) {
	n.tb.Helper()
	eventually(n.tb, what, within, is)
}

func eventually(tb testing.TB, what string, within time.Duration, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %v: %s", within, what)
		}
	}
}

// A log file of a client, read while it is written.
func lines(file string) []string {
	text, err := os.ReadFile(file) //nolint:gosec // a file of the test
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}
