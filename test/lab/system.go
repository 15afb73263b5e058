package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/test/tool"
)

// A System is Carillon at several sites: the mains laurel and hardy at the head
// office, a LifeGUARD at each branch that has the branch's name, and a host for
// phones at each site, called hq-phones, mons-phones, namur-phones.
type System struct {
	*Sites

	binary string
	nodes  map[string]*Node
}

// OpenSystem starts a system with these users; the name of a site in front of a
// number is the user's.
func OpenSystem(tb testing.TB, users []string) *System {
	tb.Helper()
	s := &System{binary: tool.Carillon(tb), Sites: OpenSites(tb), nodes: map[string]*Node{}}
	for _, lan := range lans {
		s.Host(lan.site, lan.site+"-phones")
	}
	config := filepath.Join(tb.TempDir(), "system.yaml")
	if err := os.WriteFile(config, []byte(atSites(users)), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.add("hq", "laurel", "--first", "--apply", config)
	s.join("hq", "hardy", "main")
	s.join("mons", "mons-node", "lifeguard")
	s.join("namur", "namur-node", "lifeguard")
	for _, n := range s.nodes {
		n.eventually("all nodes are alive", 20*time.Second, func() bool { return n.alive() == len(s.nodes) })
		n.eventually("the node has all its links", 20*time.Second, n.connected)
	}
	s.agree(20 * time.Second)
	return s
}

func atSites(users []string) string {
	var b strings.Builder
	b.WriteString("domain: " + Domain + "\nsites:\n")
	for _, lan := range lans {
		fmt.Fprintf(&b, "  - {name: %s, networks: [%s.0/24]}\n", lan.site, lan.network)
	}
	b.WriteString("users:\n")
	for _, u := range users {
		fmt.Fprintf(&b, "  - {number: %q, password: %q}\n", u, Password)
	}
	return b.String()
}

// add starts a node on a host of its own.
func (s *System) add(site, name string, flags ...string) {
	s.tb.Helper()
	n := &Node{Addr: s.Host(site, name), tb: s.tb, binary: s.binary, data: filepath.Join(s.tb.TempDir(), name), output: new(output)}
	s.start(n, name, append([]string{"--name", name, "--site", site, "--listen", n.Addr.String()}, flags...)...)
	s.nodes[name] = n
	s.tb.Cleanup(n.Stop)
}

func (s *System) join(site, name, role string) {
	s.tb.Helper()
	s.add(site, name, "--role", role, "--join", s.nodes["laurel"].Addr.String(), "--token", s.token())
}

// token returns a new one.
func (s *System) token() string {
	s.tb.Helper()
	out, err := s.nodes["laurel"].command("token", "create").Output()
	if err != nil {
		s.tb.Fatalf("making a token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// start starts a node's process and waits until it answers.
func (s *System) start(n *Node, host string, flags ...string) {
	s.tb.Helper()
	n.cmd = s.command(host, s.binary, append([]string{"run", "--data", n.data}, flags...)...)
	n.cmd.Stdout, n.cmd.Stderr = n.output, n.output
	if err := n.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	exited, cmd := make(chan struct{}), n.cmd
	n.exited = exited
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	n.eventually(host+" answers", 20*time.Second, func() bool { return n.run("status", "-o", "json") == nil })
}

// Kill ends a node's process at once.
func (s *System) Kill(name string) { s.nodes[name].end(syscall.SIGKILL, 5*time.Second) }

// Restart starts a node that was killed.
func (s *System) Restart(name string) {
	s.tb.Helper()
	s.start(s.nodes[name], name)
}

// agree waits until every node has the same configuration, and returns its index.
func (s *System) agree(within time.Duration) uint64 {
	s.tb.Helper()
	var index uint64
	eventually(s.tb, "all nodes have the same configuration", within, func() bool {
		seen := map[string]bool{}
		for _, n := range s.nodes {
			status := n.status()
			index = status.Config
			seen[fmt.Sprintf("%d %s", status.Config, status.ConfigHash)] = true
		}
		return len(seen) == 1
	})
	return index
}

func (n *Node) status() admin.Status {
	n.tb.Helper()
	var status admin.Status
	n.Ask("status", &status)
	return status
}

func (n *Node) alive() int {
	n.tb.Helper()
	var members []admin.Member
	n.Ask("members", &members)
	count := 0
	for _, m := range members {
		if m.State == "alive" {
			count++
		}
	}
	return count
}

func (n *Node) connected() bool {
	n.tb.Helper()
	links := n.status().Links
	for _, l := range links {
		if l.State != "up" {
			return false
		}
	}
	return len(links) > 0
}
