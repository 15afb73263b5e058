package quorum_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"carillon/cluster/quorum"
	"carillon/store"
	"carillon/store/disk"
	"carillon/test/tool"
)

// childDir tells the test binary to be the process that is killed.
const childDir = "CARILLON_QUORUM_CHILD_DIR"

// TestKilledProcessLosesNothingAcknowledged kills a process that proposes in a
// loop, at any moment, the first ones included, and reads what it left.
func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	last := ""
	for round := range 15 {
		acknowledged := killChild(t, dir, time.Duration(rand.Int64N(int64(400*time.Millisecond))))
		if acknowledged != "" {
			last = acknowledged
		}
		got := valueOnDisk(t, dir)
		if got < last { // not acknowledged, but decided: that is allowed
			t.Fatalf("round %d: the disk has %q, and %q was acknowledged", round, got, last)
		}
		last = max(last, got)
	}
	if last == "" {
		t.Error("nothing was ever acknowledged")
	}
	t.Logf("ended at %s", last)
}

// TestProcessKilledWhileFoundingStartsAgain kills the very first start.
func TestProcessKilledWhileFoundingStartsAgain(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		acknowledged := killChild(t, dir, time.Duration(rand.Int64N(int64(250*time.Millisecond))))
		if got := valueOnDisk(t, dir); got < acknowledged {
			t.Fatalf("the disk has %q, and %q was acknowledged", got, acknowledged)
		}
	}
}

// killChild starts the child, kills it after d and returns the last thing that
// it has said was acknowledged.
func killChild(t *testing.T, dir string, d time.Duration) string {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestChild$")
	c.Env = append(os.Environ(), childDir+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		last := ""
		for in := bufio.NewScanner(out); in.Scan(); {
			if s, ok := strings.CutPrefix(in.Text(), "acknowledged "); ok {
				last = s
			}
		}
		lines <- last
	}()
	time.Sleep(d) // the moment of the kill is the input of this test
	_ = c.Process.Kill()
	last := <-lines
	_ = c.Wait()
	return last
}

// valueOnDisk opens what the child left, waits until all is applied, and
// returns the name of the only user.
func valueOnDisk(t *testing.T, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	begin := tool.Start(t)
	config, q, err := openBoth(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = config.Close() }()
	defer func() { _ = q.Close() }()
	if err = q.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if took := begin.Took(); took > 5*time.Second {
		t.Errorf("usable only after %v", took)
	}
	u, _ := config.Store().View().User("201")
	return u.Name
}

func openBoth(dir string) (*disk.Config, *quorum.Quorum, error) {
	config, err := disk.OpenConfig(dir)
	if err != nil {
		return nil, nil, err
	}
	q, err := quorum.Open(quorum.Options{
		Dir: dir, Node: "laurel", Machine: config, Applied: config.Applied(), Found: true,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, errors.Join(err, config.Close())
	}
	return config, q, nil
}

// TestChild is the process that is killed. It counts up, one Change after
// another, from where the last one ended.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return // this is the parent
	}
	config, q, err := openBoth(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err = q.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := 0
	u, _ := config.Store().View().User("201")
	_, _ = fmt.Sscanf(u.Name, "value %d", &n)
	for {
		n++
		name := fmt.Sprintf("value %08d", n)
		command, err := store.EncodeChange(store.ReplaceAll(store.Config{
			Domain: "tel.example.org", Users: users(name),
		}, store.Author{Who: "child"}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = q.Propose(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged " + name)
	}
}

// users returns enough of them for snapshots to happen during the test.
func users(name string) []store.User {
	all := []store.User{{Number: "201", Name: name}}
	for i := range 400 {
		number := fmt.Sprint(1000 + i)
		all = append(all, store.User{Number: number, Name: "Somebody Else", Digests: store.MakeDigests(number, "tel.example.org", "x")})
	}
	return all
}
