package cli

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds what normally takes well under a second.
const patience = 20 * time.Second

// nodes are the programs that a story has started, by the names it gave them.
type nodes map[string]*started

type nodesKey struct{}

type started struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	frozen bool
}

func address(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: address VAR")
	}
	for range 100 {
		a := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(254))
		if isFree(a) {
			ts.Setenv(args[0], a)
			return
		}
	}
	ts.Fatalf("no free address")
}

func isFree(a string) bool {
	for _, port := range []string{"5060", "7946"} {
		tcp, err := net.Listen("tcp", net.JoinHostPort(a, port))
		if err != nil {
			return false
		}
		_ = tcp.Close()
	}
	return true
}

// start runs a node whose output goes to NAME.out and NAME.err, and waits until
// it answers on its socket.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARGS...")
	}
	s := launch(ts, args[0], args[1:])
	deadline := time.Now().Add(patience)
	for !answers(ts, args[1:]) {
		select {
		case <-s.done:
			ts.Fatalf("%s ended: %s", args[0], ts.ReadFile(args[0]+".err"))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not answer: %s", args[0], ts.ReadFile(args[0]+".err"))
		}
	}
}

// begin runs a program as start does, and does not wait.
func begin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: begin NAME ARGS...")
	}
	launch(ts, args[0], args[1:])
}

// launch runs a program whose output goes to NAME.out and NAME.err.
func launch(ts *testscript.TestScript, name string, args []string) *started {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), []string{"HOME=" + ts.Getenv("HOME"), "CARILLON_DATA=" + ts.Getenv("CARILLON_DATA")}
	cmd.Stdout, cmd.Stderr = create(ts, name+".out"), create(ts, name+".err")
	ts.Check(cmd.Start())
	s := &started{cmd: cmd, done: make(chan struct{})}
	go func() { defer close(s.done); _ = cmd.Wait() }()
	running(ts)[name] = s
	ts.Defer(func() { _ = cmd.Process.Kill(); <-s.done })
	return s
}

// answers asks the node that runs with args.
func answers(ts *testscript.TestScript, args []string) bool {
	data := ts.Getenv("CARILLON_DATA")
	if i := slices.Index(args, "--data"); i >= 0 {
		data = ts.MkAbs(args[i+1])
	}
	cmd := exec.Command(program, "status", "--data", data)
	return cmd.Run() == nil
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: end NAME SIGNAL [CODE]")
	}
	s, ok := running(ts)[args[0]]
	if !ok {
		ts.Fatalf("no node %s was started", args[0])
	}
	signal := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}[args[1]]
	ts.Check(s.cmd.Process.Signal(signal))
	select {
	case <-s.done:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", args[0])
	}
	if len(args) == 3 && strconv.Itoa(s.cmd.ProcessState.ExitCode()) != args[2] {
		ts.Fatalf("%s ended with %v, want exit code %s: %s", args[0], s.cmd.ProcessState, args[2], ts.ReadFile(args[0]+".err"))
	}
}

// freeze is a node that hangs: its connections stay, and nothing comes.
func freeze(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeze NAME, thaw NAME")
	}
	s, ok := running(ts)[args[0]]
	if !ok {
		ts.Fatalf("no node %s was started", args[0])
	}
	signal := syscall.SIGSTOP
	if s.frozen {
		signal = syscall.SIGCONT
	}
	s.frozen = !s.frozen
	ts.Check(s.cmd.Process.Signal(signal))
}

func running(ts *testscript.TestScript) nodes { return ts.Value(nodesKey{}).(nodes) }

func create(ts *testscript.TestScript, name string) *os.File {
	f, err := os.Create(filepath.Join(ts.MkAbs("."), name))
	ts.Check(err)
	ts.Defer(func() { _ = f.Close() })
	return f
}
