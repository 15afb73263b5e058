package house

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"carillon/node"
	"carillon/node/admin"
)

// A Node is one Carillon node of a house. It can be stopped and started again:
// its address and its data stay.
type Node struct {
	Name string
	Addr netip.Addr

	h      *House
	data   string
	config string
	stop   func() error // nil while the node is down
}

// Node founds a node and starts it.
func (h *House) Node(name string) *Node {
	h.tb.Helper()
	return h.NodeWith(name, "")
}

// NodeWith is Node whose site has more lines of configuration, such as
// "calls: trusted".
func (h *House) NodeWith(name, site string) *Node {
	h.tb.Helper()
	return h.NodeOf(name, configuration(site))
}

// NodeOf is Node with a configuration of its own.
func (h *House) NodeOf(name, text string) *Node {
	h.tb.Helper()
	n := &Node{Name: name, Addr: Address(h.tb), h: h}
	n.data, n.config = filepath.Join(h.dir, name), filepath.Join(h.dir, name+".yaml")
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		h.tb.Fatal(err)
	}
	h.mu.Lock()
	h.nodes = append(h.nodes, n)
	h.mu.Unlock()
	n.Start()
	return n
}

func configuration(site string) string {
	var b strings.Builder
	b.WriteString("domain: " + Domain + "\nsites:\n  - name: hq\n    networks: [127.0.0.0/8]\n")
	if site != "" {
		b.WriteString("    " + site + "\n")
	}
	b.WriteString("users:\n")
	for _, u := range Users() {
		fmt.Fprintf(&b, "  - {number: %s, site: hq, password: %s}\n", u, Password)
	}
	return b.String()
}

// Start starts the node, on the data of its last life.
func (n *Node) Start() {
	n.h.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o := node.Options{Data: n.data, Name: n.Name, Listen: n.Addr, Apply: n.config, Logger: n.h.logger(n.Name)}
	running, err := node.New(ctx, o)
	if err != nil {
		cancel()
		n.h.fatal("starting node %s: %v", n.Name, err)
	}
	done := make(chan error, 1)
	go func() { done <- running.Run(ctx) }()
	n.stop = func() error {
		cancel()
		return errors.Join(<-done, running.Close())
	}
}

// Stop ends the node as SIGTERM does.
func (n *Node) Stop() {
	n.h.tb.Helper()
	if n.stop == nil {
		return
	}
	began := time.Now()
	if err := n.stop(); err != nil {
		n.h.tb.Errorf("stopping node %s: %v", n.Name, err)
	}
	if took := time.Since(began); took > Patience {
		n.h.tb.Errorf("stopping node %s took %v", n.Name, took)
	}
	n.stop = nil
}

// Restart stops the node and starts it again.
func (n *Node) Restart() {
	n.h.tb.Helper()
	n.Stop()
	n.Start()
}

// SIP returns where the node listens.
func (n *Node) SIP() netip.AddrPort { return netip.AddrPortFrom(n.Addr, SIPPort) }

// Calls returns the calls that the node knows.
func (n *Node) Calls() []admin.Call {
	n.h.tb.Helper()
	ctx, cancel := n.h.context()
	defer cancel()
	calls, err := admin.NewClient(n.data).Calls(ctx)
	if err != nil {
		n.h.fatal("asking %s for its calls: %v", n.Name, err)
	}
	return calls
}

// Registrations returns the phones of a user that the node knows.
func (n *Node) Registrations(user string) []admin.Registration {
	n.h.tb.Helper()
	ctx, cancel := n.h.context()
	defer cancel()
	rows, err := admin.NewClient(n.data).Registrations(ctx, user)
	if err != nil {
		n.h.fatal("asking %s for registrations: %v", n.Name, err)
	}
	return rows
}

// HasCalls waits until the node knows so many calls in a state, "ringing" or "up".
func (n *Node) HasCalls(count int, state string) {
	n.h.tb.Helper()
	var calls []admin.Call
	n.h.Eventually(fmt.Sprintf("node %s has %d calls %s", n.Name, count, state), func() bool {
		calls = n.Calls()
		in := 0
		for _, c := range calls {
			if c.State == state {
				in++
			}
		}
		return in == count && len(calls) == count
	})
}

// IsIdle waits until the node knows no call any more.
func (n *Node) IsIdle() {
	n.h.tb.Helper()
	if n.stop == nil {
		return
	}
	if !soon(func() bool { return len(n.Calls()) == 0 }) {
		n.h.tb.Errorf("node %s still has calls: %+v", n.Name, n.Calls())
	}
}

// HasPhones waits until so many phones of a user are in a state, "up" or "down".
func (n *Node) HasPhones(user string, count int, state string) {
	n.h.tb.Helper()
	n.h.Eventually(fmt.Sprintf("%d phones of %s are %s", count, user, state), func() bool {
		in := 0
		for _, r := range n.Registrations(user) {
			if r.State == state {
				in++
			}
		}
		return in == count
	})
}

// API returns the way to ask the node as its operator.
func (n *Node) API() *admin.Client { return admin.NewClient(n.data) }
