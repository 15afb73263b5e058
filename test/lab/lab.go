// Package lab tries the real binary with real clients: SIPp and baresip as
// Debian packages them, on loopback, or at several sites in network namespaces
// whose lines are shaped, cut and counted. It starts a node as
// an operator would, asks it by the command line, and counts what the kernel
// knows of its process. Stories of one process are in test/house.
package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// Domain is the domain of every node of the lab, and Password every user's.
const (
	Domain   = "tel.test"
	Password = "pw"
)

// Start founds a node on loopback with these users and waits until it answers.
func Start(tb testing.TB, binary string, users []string) *Node {
	tb.Helper()
	return StartFor(tb, binary, "127.0.0.0/8", users)
}

// StartFor is Start for phones of one network; none if it is empty, so that
// everybody may be one.
func StartFor(tb testing.TB, binary, network string, users []string) *Node {
	tb.Helper()
	n := newNode(tb, "hardy", Loopback(tb), binary, tb.TempDir())
	n.found(configuration([]lan{{"hq", network}}, users))
	tb.Cleanup(n.Stop)
	return n
}

func configuration(sites []lan, users []string) string {
	var b strings.Builder
	b.WriteString("domain: " + Domain + "\nbrowsers: {origins: [\"*\"]}\nsites:\n")
	for _, l := range sites {
		fmt.Fprintf(&b, "  - {name: %s, networks: [%s]}\n", l.site, l.network)
	}
	b.WriteString("users:\n")
	for _, u := range users {
		fmt.Fprintf(&b, "  - {number: %q, password: %q}\n", u, Password)
	}
	return b.String()
}

func eventually(tb testing.TB, what string, within time.Duration, is func() bool) {
	tb.Helper()
	began := tool.Start(tb)
	defer began.Stop()
	for ; !is(); time.Sleep(50 * time.Millisecond) {
		if began.Took() > within {
			tb.Fatalf("not within %v: %s", within, what)
		}
	}
}

// lines returns those of a client's log, also while it is written.
func lines(file string) []string {
	text, err := os.ReadFile(file) //nolint:gosec // a file of the test
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}
