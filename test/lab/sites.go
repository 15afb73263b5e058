package lab

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"carillon/test/tool"
)

// prefix is how the names of all our network namespaces begin.
const prefix = "carillon"

// Sites are a head office and two branches, or more, in network namespaces: each has a
// router with its LAN, and the head office's router has a line of 1 Mbit/s to
// each branch. A host is a namespace on the LAN of its site.
type Sites struct {
	tb    testing.TB
	ip    string
	nft   string
	name  string        // how the names of our namespaces begin
	delay time.Duration // of each line, each way
	hosts map[string]Host
	lines map[string]*Line
}

// A lan is the network of a site, 10.60.0.0/24.
type lan struct{ site, network string }

// address returns the n-th address of the network.
func (l lan) address(n int) netip.Addr {
	a := netip.MustParsePrefix(l.network).Addr().As4()
	a[3] = byte(n) //nolint:gosec // a handful of hosts
	return netip.AddrFrom4(a)
}

// The LAN of each site, in this order; the head office is the first.
var lans = []lan{{"hq", "10.60.0.0/24"}, {"mons", "10.61.0.0/24"}, {"namur", "10.62.0.0/24"}}

// manyLANs are those of a head office and eight branches.
func manyLANs() []lan {
	return slices.Concat(lans, []lan{
		{"liege", "10.63.0.0/24"},
		{"ghent", "10.64.0.0/24"},
		{"bruges", "10.65.0.0/24"},
		{"ostend", "10.66.0.0/24"},
		{"arlon", "10.67.0.0/24"},
		{"tournai", "10.68.0.0/24"},
	})
}

// siteLAN returns that of a site.
func siteLAN(site string) lan {
	all := manyLANs()
	return all[slices.IndexFunc(all, func(l lan) bool { return l.site == site })]
}

// OpenSites builds the routers, LANs and lines. They are gone after the test.
func OpenSites(tb testing.TB) *Sites {
	tb.Helper()
	return openSites(tb, 0, lans)
}

// openSites is OpenSites with lines that delay what they carry, and these LANs.
func openSites(tb testing.TB, delay time.Duration, lans []lan) *Sites {
	tb.Helper()
	s := &Sites{
		tb: tb, ip: tool.Need(tb, "ip", "iproute2"), nft: tool.Need(tb, "nft", "nftables"),
		name: fmt.Sprintf("%s%d-%s-", prefix, os.Getpid(), strings.ToLower(rand.Text()[:6])), delay: delay, hosts: map[string]Host{}, lines: map[string]*Line{},
	}
	tool.Need(tb, "tc", "iproute2")
	s.sweep()
	tb.Cleanup(func() { s.remove(s.name) })
	for _, l := range lans {
		s.router(l)
	}
	for i, l := range lans[1:] {
		s.lines[l.site] = s.openLine(l, fmt.Sprintf("10.69.%d", i))
	}
	return s
}

// sweep removes what tests left behind that were killed.
func (s *Sites) sweep() {
	for _, name := range s.namespaces() {
		pid, _, found := strings.Cut(strings.TrimPrefix(name, prefix), "-")
		id, err := strconv.Atoi(pid)
		if found && err == nil && errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
			s.remove(name)
		}
	}
}

// remove ends the processes in the namespaces whose names begin so, and the
// namespaces.
func (s *Sites) remove(beginning string) {
	for _, name := range s.namespaces() {
		if !strings.HasPrefix(name, beginning) {
			continue
		}
		pids, _ := exec.Command(s.ip, "netns", "pids", name).Output() //nolint:gosec,noctx // after the test
		for pid := range strings.FieldsSeq(string(pids)) {
			if id, err := strconv.Atoi(pid); err == nil && id != os.Getpid() {
				_ = syscall.Kill(id, syscall.SIGKILL)
			}
		}
		_ = exec.Command(s.ip, "netns", "del", name).Run() //nolint:gosec,noctx // after the test
	}
}

// namespaces returns the names of all labs' namespaces.
func (s *Sites) namespaces() []string {
	out, _ := exec.Command(s.ip, "netns", "list").Output() //nolint:gosec,noctx // also after the test
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.Fields(line)[0])
		}
	}
	return found
}

func (s *Sites) router(l lan) {
	s.tb.Helper()
	s.namespace(l.site)
	s.in(l.site, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	s.in(l.site, s.ip, "link", "add", "lan", "type", "bridge")
	s.in(l.site, s.ip, "address", "add", l.address(1).String()+"/24", "dev", "lan")
	s.in(l.site, s.ip, "link", "set", "lan", "up")
}

// Host puts a host on the LAN of a site.
func (s *Sites) Host(site, name string) Host {
	s.tb.Helper()
	l, number := siteLAN(site), 11+len(s.hosts)
	port := fmt.Sprintf("h%d", number)
	s.namespace(name)
	s.do(s.ip, "link", "add", port, "netns", s.name+site, "type", "veth", "peer", "name", "eth0", "netns", s.name+name)
	s.in(site, s.ip, "link", "set", port, "master", "lan", "up")
	s.in(name, s.ip, "address", "add", l.address(number).String()+"/24", "dev", "eth0")
	s.in(name, s.ip, "link", "set", "eth0", "gso_max_segs", "1", "up") // packets as a line has them
	s.in(name, s.ip, "route", "add", "default", "via", l.address(1).String())
	s.hosts[name] = Host{
		Addr:    l.address(number),
		command: func(program string, args ...string) *exec.Cmd { return s.command(name, program, args...) },
		from:    func(f func() error) error { return s.from(name, f) },
		site:    site,
		port:    port,
	}
	return s.hosts[name]
}

func (s *Sites) namespace(name string) {
	s.tb.Helper()
	s.do(s.ip, "netns", "add", s.name+name)
	s.in(name, s.ip, "link", "set", "lo", "up")
}

// in runs a command in the namespace of a host or router and returns what it
// prints.
func (s *Sites) in(name, program string, args ...string) string {
	s.tb.Helper()
	return s.do(s.ip, append([]string{"netns", "exec", s.name + name, program}, args...)...)
}

func (s *Sites) do(program string, args ...string) string {
	s.tb.Helper()
	cmd := exec.CommandContext(s.tb.Context(), program, args...) //nolint:gosec // programs of the test
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, words.String())
	}
	return string(out)
}

// command is a process to be started in the namespace of a host.
func (s *Sites) command(host, program string, args ...string) *exec.Cmd {
	return exec.Command(s.ip, append([]string{"netns", "exec", s.name + host, program}, args...)...) //nolint:gosec,noctx // ended by who starts it
}

// from calls f with the network of a host, in which the sockets stay that f opens.
func (s *Sites) from(host string, f func() error) error {
	runtime.LockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("opening the own network: %w", err)
	}
	defer func() { _ = here.Close() }()
	there, err := os.Open(filepath.Join("/run/netns", s.name+host)) //nolint:gosec // a network of the test
	if err != nil {
		return fmt.Errorf("opening the network of %s: %w", host, err)
	}
	defer func() { _ = there.Close() }()
	if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("going to %s: %w", host, err)
	}
	err = f()
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return fmt.Errorf("coming back from %s: %w", host, back) // and the thread, still locked, ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}
