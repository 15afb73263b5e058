package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadmeSystem carries out the README's words about two mains and two
// LifeGUARDs, on addresses of its own.
func TestReadmeSystem(t *testing.T) {
	here := fmt.Sprintf("127.%d.", 220+rand.IntN(30))
	script := "set -m\n" + strings.ReplaceAll(fenced(t, "bash"), "127.77.", here)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script+"jobs -p\nread -r _\nkill $(jobs -p)\nwait\n")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"laurel", "hardy", "mons", "namur"} {
		if !allAlive(filepath.Join(dir, node)) {
			t.Errorf("%s does not see four nodes alive", node)
		}
	}
	if _, err = stdin.Write([]byte("\n")); err != nil {
		t.Error(err)
	}
	if err = cmd.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	if t.Failed() {
		t.Logf("%s", out.String())
	}
}

// allAlive waits until the node in dir sees four nodes, all alive.
func allAlive(dir string) bool {
	for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command(program, "members", "-o", "json", "--data", dir).Output()
		var all []struct{ State string }
		if err != nil || json.Unmarshal(out, &all) != nil || len(all) != 4 {
			continue
		}
		alive := 0
		for _, m := range all {
			if m.State == "alive" {
				alive++
			}
		}
		if alive == len(all) {
			return true
		}
	}
	return false
}
