package crash

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"carillon/test/house"
)

const (
	users       = 500
	domain      = "tel.test"
	startWithin = 10 * time.Second
)

// A node is a data directory and, most of the time, the process that runs in it.
type node struct {
	t      *testing.T
	binary string
	dir    string
	addr   netip.Addr
	log    *os.File

	process *exec.Cmd
	exited  chan struct{}
}

// found makes a directory in which a node will know bob, alice and the users.
func found(t *testing.T, binary string) *node {
	t.Helper()
	n := &node{t: t, binary: binary, dir: t.TempDir(), addr: house.Address(t)}
	config := fmt.Sprintf("domain: %s\nsites:\n  - {name: hq, networks: [127.0.0.0/8], calls: trusted}\nusers:\n", domain)
	for _, number := range append([]string{"alice", "bob"}, numbers()...) {
		config += fmt.Sprintf("  - {number: %q, site: hq, password: pw}\n", number)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "house.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if n.log, err = os.Create(filepath.Join(n.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n.process != nil {
			n.end(syscall.SIGKILL)
		}
		if t.Failed() {
			text, _ := os.ReadFile(n.log.Name())
			t.Logf("end of the node's log:\n%s", text[max(0, len(text)-6000):])
		}
		_ = n.log.Close()
	})
	n.start("--name", "hardy", "--listen", n.addr.String(), "--apply", filepath.Join(n.dir, "house.yaml"))
	return n
}

func numbers() []string {
	all := make([]string, users)
	for i := range all {
		all[i] = fmt.Sprintf("u%03d", i)
	}
	return all
}

func (n *node) data() string { return filepath.Join(n.dir, "data") }

// start runs the node and waits until it answers. A node that was founded knows
// all but its directory.
func (n *node) start(flags ...string) {
	n.t.Helper()
	n.process = exec.Command(n.binary, append([]string{"run", "--data", n.data()}, flags...)...)
	n.process.Stdout, n.process.Stderr = n.log, n.log
	if err := n.process.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.exited = make(chan struct{})
	go func() {
		_ = n.process.Wait()
		close(n.exited)
	}()
	deadline := time.After(startWithin)
	for n.command("status").Run() != nil {
		select {
		case <-n.exited:
			n.t.Fatalf("the node ended: %v", n.process.ProcessState)
		case <-deadline:
			n.t.Fatalf("the node does not answer within %v", startWithin)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// end sends the signal and waits for the process.
func (n *node) end(signal syscall.Signal) {
	n.t.Helper()
	_ = n.process.Process.Signal(signal)
	select {
	case <-n.exited:
	case <-time.After(20 * time.Second):
		n.t.Errorf("the node is still there 20 s after %v", signal)
		_ = n.process.Process.Kill()
		<-n.exited
	}
}

func (n *node) command(args ...string) *exec.Cmd {
	return exec.CommandContext(n.t.Context(), n.binary, append(args, "--data", n.data())...)
}

// ask decodes what a subcommand says in JSON.
func (n *node) ask(subcommand string, into any) {
	n.t.Helper()
	out, err := n.command(subcommand, "-o", "json").Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		n.t.Fatalf("carillon %s -o json: %v\n%s", subcommand, err, out)
	}
}

// registered returns the contacts by user that could be called now.
func (n *node) registered() map[string]string {
	n.t.Helper()
	var rows []struct{ User, Contact, State string }
	n.ask("registrations", &rows)
	contacts := map[string]string{}
	for _, r := range rows {
		if r.State == "up" {
			contacts[r.User] = r.Contact
		}
	}
	return contacts
}

// checkFiles reads every page of the node's databases. The node is not running.
func (n *node) checkFiles() {
	n.t.Helper()
	files, err := filepath.Glob(filepath.Join(n.data(), "*.db"))
	if err != nil || len(files) == 0 {
		n.t.Fatalf("databases: %v, %v", files, err)
	}
	for _, file := range files {
		db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
		if err != nil {
			n.t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			for err := range tx.Check() {
				n.t.Errorf("%s: %v", filepath.Base(file), err)
			}
			return nil
		})
		if err != nil {
			n.t.Errorf("%s: %v", filepath.Base(file), err)
		}
		_ = db.Close()
	}
}
