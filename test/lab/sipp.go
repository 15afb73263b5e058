package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A SIPpPhone is one line of the file that SIPp reads its phones from: see
// testdata/sipp/phone.xml.
type SIPpPhone struct {
	User   string
	Target string // whom it calls
	Calls  int    // how often
	Callee int    // 1: the callee hangs up first, 0: the caller; then by turns
}

// A SIPp is a running SIPp process whose phones registered and stay, make their
// calls, and answer those that come.
type SIPp struct {
	tb     testing.TB
	dir    string
	cmd    *exec.Cmd
	output *output
	done   chan struct{}
}

// started counts SIPps: each has ports of its own, because two that begin at the
// same time on one host take the same.
var started atomic.Int32

const (
	firstPort = 6000
	portsEach = 600
	manySIPps = 40 // with ports of their own, and all of them below those that the kernel gives
)

// StartSIPp starts phones on a host over a transport: "tn" is one TCP connection
// for each phone, "un" one UDP socket.
func StartSIPp(tb testing.TB, program string, h Host, n *Node, transport string, phones []SIPpPhone) *SIPp {
	tb.Helper()
	return startSIPp(tb, program, h, n, transport, "phone.xml", phones, "-oocsf", sippScenario(tb, "answer.xml"),
		"-l", "1000", "-r", "50", "-max_socket", "500", "-deadcall_wait", "0",
		"-default_behaviors", "all,-abortunexp,-bye") // a repetition is no error; what is missing is noticed
}

// StartSIPpWatcher starts one phone that registers over TCP, watches the lamp of its
// Target, picks up the call there that has the number Calls, and publishes that it is in
// a meeting: see testdata/sipp/watch.xml. Its log has a line for each document.
func StartSIPpWatcher(tb testing.TB, program string, h Host, n *Node, phone SIPpPhone) *SIPp {
	tb.Helper()
	return startSIPp(tb, program, h, n, "t1", "watch.xml", []SIPpPhone{phone}, "-oocsf", sippScenario(tb, "answer.xml"))
}

// StartSIPpCaller starts one phone that registers over TCP and calls its Target until
// somebody picks the call up: see testdata/sipp/caller.xml.
func StartSIPpCaller(tb testing.TB, program string, h Host, n *Node, phone SIPpPhone) *SIPp {
	tb.Helper()
	return startSIPp(tb, program, h, n, "t1", "caller.xml", []SIPpPhone{phone}, "-oocsf", sippScenario(tb, "answer.xml"))
}

func sippScenario(tb testing.TB, file string) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "sipp", file))
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func startSIPp(tb testing.TB, program string, h Host, n *Node, transport, scenario string, phones []SIPpPhone, more ...string) *SIPp {
	tb.Helper()
	p := &SIPp{tb: tb, dir: tb.TempDir(), output: new(output), done: make(chan struct{})}
	if err := os.WriteFile(filepath.Join(p.dir, "phones.csv"), []byte(table(phones)), 0o600); err != nil {
		tb.Fatal(err)
	}
	own, port := h.Addr.String(), firstPort+portsEach*(int(started.Add(1))%manySIPps)
	p.cmd = h.command(program, append([]string{
		n.Addr.String() + ":5060", "-t", transport, "-i", own, "-ci", own, "-p", strconv.Itoa(port),
		"-sf", sippScenario(tb, scenario), "-inf", "phones.csv", "-m", strconv.Itoa(len(phones)), "-key", "domain", Domain,
		"-recv_timeout", "20000", "-timeout", "180", "-nostdin", "-skip_rlimit",
		"-trace_logs", "-log_file", "calls.log", "-trace_err", "-error_file", "errors.log",
	}, more...)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.output, p.output
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	tb.Cleanup(p.Stop)
	return p
}

// SIPp starts phones over TCP on the phones' host of a site, at the node given.
func (s *System) SIPp(program, site, node string, phones []SIPpPhone) *SIPp {
	s.tb.Helper()
	return StartSIPp(s.tb, program, s.hosts[site+"-phones"], s.nodes[node], "tn", phones)
}

func table(phones []SIPpPhone) string {
	var b strings.Builder
	b.WriteString("SEQUENTIAL\n")
	for _, p := range phones {
		fmt.Fprintf(&b, "%s;[authentication username=%s password=%s];%s;%d;%d\n", p.User, p.User, Password, p.Target, p.Calls, p.Callee)
	}
	return b.String()
}

// Log returns how many lines of the log of calls begin so.
func (p *SIPp) Log(beginning string) int {
	count := 0
	for _, l := range p.lines() {
		if strings.HasPrefix(l, beginning) {
			count++
		}
	}
	return count
}

func (p *SIPp) lines() []string { return lines(filepath.Join(p.dir, "calls.log")) }

// harmless is what SIPp always says; it ends no line.
var harmless = regexp.MustCompile(`(?m)^The following events occurred:$|[-0-9]+\s[0-9:.]+\s[0-9.]+: (Received out-of-call \w+ message, using the out-of-call scenario|Overload warning: [^.]*\.)`)

// complaints are what SIPp did not expect.
func (p *SIPp) complaints() string {
	return strings.TrimSpace(harmless.ReplaceAllString(strings.Join(lines(filepath.Join(p.dir, "errors.log")), "\n"), ""))
}

// Errors returns what SIPp complained about first, and how it ended.
func (p *SIPp) Errors() string {
	text := p.complaints()
	return p.output.tail(500) + "\n" + text[:min(len(text), 2000)]
}

// Stop ends the phones at once, without a farewell: their connections close.
func (p *SIPp) Stop() {
	_ = p.cmd.Process.Kill()
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.tb.Error("SIPp is still there 5 s after SIGKILL")
	}
	if p.tb.Failed() {
		p.tb.Logf("SIPp: %d calls made, %d answered; %s", p.Log("caller"), p.Log("callee"), p.Errors())
	}
}
