package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
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

// StartSIPp starts phones over a transport: "tn" is one TCP connection for each
// phone, "un" one UDP socket.
func StartSIPp(tb testing.TB, program string, n *Node, transport string, phones []SIPpPhone) *SIPp {
	tb.Helper()
	s := &SIPp{tb: tb, dir: tb.TempDir(), output: new(output), done: make(chan struct{})}
	scenarios, err := filepath.Abs(filepath.Join("testdata", "sipp"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "phones.csv"), []byte(table(phones)), 0o600); err != nil {
		tb.Fatal(err)
	}
	own := house.Address(tb).String()
	s.cmd = exec.Command(program, //nolint:gosec,noctx // ended by stop
		n.Addr.String()+":5060", "-t", transport, "-i", own, "-ci", own,
		"-sf", filepath.Join(scenarios, "phone.xml"), "-oocsf", filepath.Join(scenarios, "answer.xml"),
		"-inf", "phones.csv", "-m", strconv.Itoa(len(phones)), "-l", "1000", "-r", "50",
		"-key", "domain", Domain, "-max_socket", "500", "-deadcall_wait", "0", "-skip_rlimit",
		"-default_behaviors", "all,-abortunexp,-bye", // a repetition is no error; what is missing is noticed
		"-recv_timeout", "20000", "-timeout", "80", "-nostdin",
		"-trace_logs", "-log_file", "calls.log", "-trace_err", "-error_file", "errors.log")
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, s.output, s.output
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	tb.Cleanup(s.Stop)
	return s
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
func (s *SIPp) Log(beginning string) int {
	count := 0
	for _, l := range s.lines() {
		if strings.HasPrefix(l, beginning) {
			count++
		}
	}
	return count
}

func (s *SIPp) lines() []string { return lines(filepath.Join(s.dir, "calls.log")) }

// harmless is what SIPp always says; it ends no line.
var harmless = regexp.MustCompile(`[-0-9]+\s[0-9:.]+\s[0-9.]+: (Received out-of-call \w+ message, using the out-of-call scenario|Overload warning: [^.]*\.)`)

// Errors returns what SIPp complained about first, and how it ended.
func (s *SIPp) Errors() string {
	text := strings.Join(lines(filepath.Join(s.dir, "errors.log")), "\n")
	text = harmless.ReplaceAllString(text, "")
	return s.output.tail(500) + "\n" + text[:min(len(text), 2000)]
}

// Stop ends the phones at once, without a farewell: their connections close.
func (s *SIPp) Stop() {
	_ = s.cmd.Process.Kill()
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		s.tb.Error("SIPp is still there 5 s after SIGKILL")
	}
	if s.tb.Failed() {
		s.tb.Logf("SIPp: %d calls made, %d answered; %s", s.Log("caller"), s.Log("callee"), s.Errors())
	}
}
