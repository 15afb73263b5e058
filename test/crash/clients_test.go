package crash

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A client is a running SIPp that goes on whatever happens to the server.
type client struct {
	t       *testing.T
	stats   string
	process *exec.Cmd
	exited  chan struct{}
}

// begin starts SIPp with a scenario on an address of its own. Its statistics
// are written each second.
func begin(t *testing.T, sipp, scenario string, server, own netip.Addr, args ...string) *client {
	t.Helper()
	scenario, err := filepath.Abs(filepath.Join("testdata", scenario))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, stats: filepath.Join(t.TempDir(), "stats.csv"), exited: make(chan struct{})}
	c.process = exec.Command(sipp, append([]string{
		server.String() + ":5060", "-sf", scenario, "-i", own.String(), "-ci", own.String(), "-p", "5060", "-t", "u1",
		"-nostdin", "-trace_stat", "-stf", c.stats, "-fd", "1", "-deadcall_wait", "0",
	}, args...)...)
	c.process.Dir = filepath.Dir(c.stats)
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = c.process.Wait()
		close(c.exited)
	}()
	t.Cleanup(c.end)
	return c
}

// end stops SIPp at once.
func (c *client) end() {
	_ = c.process.Process.Kill()
	<-c.exited
}

// waits until SIPp ends by itself.
func (c *client) wait(within time.Duration) {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(within):
		c.t.Fatalf("SIPp is not done within %v", within)
	}
}

// succeeded returns how many of SIPp's scenarios went to their end so far.
func (c *client) succeeded() int {
	f, err := os.Open(c.stats)
	if err != nil {
		return 0 // not yet
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, _ := r.ReadAll() // the last row may be half written
	if len(rows) < 2 {
		return 0
	}
	column := slices.Index(rows[0], "SuccessfulCall(C)")
	last := rows[len(rows)-1]
	if len(last) != len(rows[0]) {
		last = rows[len(rows)-2]
	}
	done, _ := strconv.Atoi(last[column])
	return done
}

// goesOn waits until so many more scenarios have succeeded.
func (c *client) goesOn(more int) {
	c.t.Helper()
	want := c.succeeded() + more
	for deadline := time.Now().Add(15 * time.Second); c.succeeded() < want; time.Sleep(100 * time.Millisecond) {
		select {
		case <-c.exited:
			c.t.Fatalf("SIPp ended: %v", c.process.ProcessState)
		default:
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %d succeeded, want %d more", c.process.Args[3], c.succeeded(), want-c.succeeded())
		}
	}
}

// passwords writes the file from which SIPp takes users in turns.
func passwords(t *testing.T, users ...string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("SEQUENTIAL\n")
	for _, u := range users {
		fmt.Fprintf(&b, "%s;[authentication username=%s password=pw]\n", u, u)
	}
	file := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
