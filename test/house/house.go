// Package house is the harness of stories in Go: several nodes and phones in one
// process, over loopback, in real time. Its phones are sipgo's, so that a second
// implementation checks ours, and its words are those of the domain:
//
//	h := house.New(t)
//	h.Node("hardy")
//	alice, bob := h.Phone("alice"), h.Phone("bob")
//	call := alice.Calls("bob")
//	bob.Rings().Answers()
//	call.IsAnswered()
//
// Everything a house started is gone when its test ends, and a test that leaves
// a call or a goroutine behind fails; so tests of one process that use a house
// run one after the other. What a single message must look like is told by
// test/scenario; real clients and the real binary are in test/lab.
package house

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Every house has this domain and these users, who all have this password.
const (
	Domain   = "tel.test"
	Password = "secret"
)

// Patience is how long a house waits for what must happen. Nothing in a house
// takes long; the machine may be busy.
const Patience = 10 * time.Second

// Users are the numbers that exist.
func Users() []string { return []string{"alice", "bob", "carol", "dave"} }

// A House is the world of one test.
type House struct {
	tb         testing.TB
	dir        string
	goroutines int // before anything was started

	later sync.WaitGroup // what phones still do by themselves

	mu     sync.Mutex
	nodes  []*Node
	phones []*Phone
}

var quietSipgo sync.Once

// New returns an empty house. When the test ends, its phones are switched off,
// and then its nodes, which must have no call left.
func New(tb testing.TB) *House {
	tb.Helper()
	quietSipgo.Do(func() { sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) })
	h := &House{tb: tb, dir: tb.TempDir(), goroutines: runtime.NumGoroutine()}
	tb.Cleanup(h.close) // before the directory goes: cleanups run backwards
	return h
}

func (h *House) close() {
	h.later.Wait()
	if !h.tb.Failed() {
		for _, n := range h.nodes {
			n.IsIdle()
		}
	}
	for _, p := range h.phones {
		p.switchOff()
	}
	for _, n := range slices.Backward(h.nodes) {
		n.Stop()
	}
	h.checkGoroutines()
}

// checkGoroutines fails the test when more goroutines run than before it.
func (h *House) checkGoroutines() {
	if h.tb.Failed() {
		return
	}
	var now int
	if soon(func() bool {
		for _, p := range h.phones {
			_ = p.ua.Close() // again: sipgo opens a socket for a message that was on its way
		}
		now = runtime.NumGoroutine()
		return now <= h.goroutines
	}) {
		return
	}
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	h.tb.Errorf("goroutines after the test: got %d, want %d as before it:\n%s", now, h.goroutines, b.String())
}

// Eventually fails the test when a condition does not come true in time.
func (h *House) Eventually(what string, is func() bool) {
	h.tb.Helper()
	if !soon(is) {
		h.tb.Fatalf("not within %v: %s", Patience, what)
	}
}

// soon reports whether a condition comes true while a house has Patience.
func soon(is func() bool) bool {
	for deadline := time.Now().Add(Patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// logger writes to the log of the test, which Go shows when it fails.
func (h *House) logger(node string) *slog.Logger {
	return slog.New(slog.NewTextHandler(h.tb.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})).With("node", node)
}

// context ends questions that nobody answers.
func (h *House) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}

func (h *House) fatal(format string, a ...any) {
	h.tb.Helper()
	h.tb.Fatalf(format, a...)
}
