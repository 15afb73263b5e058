package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"carillon/test/lab"
	"carillon/test/tool"
)

// TestTorture sends RFC 4475's messages to the real binary over UDP and TCP. A
// server that no longer answers fails, and so does any answer that the RFC does
// not name.
func TestTorture(t *testing.T) {
	python := tool.Need(t, "python3", "python3")
	script := tool.Shared(t, "torture/torture.py")
	n := lab.Start(t, tool.Carillon(t), []string{"alice", "bob"})
	torture := exec.CommandContext(t.Context(), python, script, n.Addr.String(), "5060", "--data", filepath.Dir(script))
	out, err := torture.CombinedOutput()
	scored := false
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch fields := strings.Fields(line); {
		case strings.Contains(line, " DEAD"), strings.Contains(line, " FAIL"):
			t.Error(line)
		case len(fields) > 0 && fields[0] == "SCORE":
			scored = true
			t.Log(line)
		}
	}
	if died := new(exec.ExitError); err != nil && (!errors.As(err, &died) || died.ExitCode() != 1 || !t.Failed()) {
		t.Errorf("torture.py: %v\n%s", err, out)
	}
	if !scored {
		t.Errorf("torture.py gave no score:\n%s", out)
	}
}
