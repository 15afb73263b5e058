package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		code = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// until bounds how long something that comes by itself may take.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP PROGRAM ARGS...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var out []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), []string{"PATH=" + ts.Getenv("PATH"), "CARILLON_DATA=" + ts.Getenv("CARILLON_DATA")}
		if args[1] == "carillon" {
			cmd.Path = program
			cmd.Err = nil
		}
		if out, _ = cmd.CombinedOutput(); want.Match(out) {
			return
		}
	}
	ts.Fatalf("%v never said %s, but at last:\n%s", args[1:], args[0], out)
}

func said(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: said REGEXP FILE")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); !want.MatchString(ts.ReadFile(args[1])); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s never said %s, but:\n%s", args[1], args[0], ts.ReadFile(args[1]))
		}
	}
}

// within allows for a machine that is busy with other things: one of several
// tries has to be fast enough.
func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: within DURATION FILE...")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	var took time.Duration
	for _, file := range args[1:] {
		began := time.Now()
		ts.Check(ts.Exec("carillon", "config", "apply", "-f", file))
		took = time.Since(began)
		ts.Logf("took %v", took)
		if took <= limit {
			return
		}
	}
	ts.Fatalf("took %v, want at most %v", took, limit)
}

func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture VAR REGEXP FILE")
	}
	expr, err := regexp.Compile(args[1])
	ts.Check(err)
	found := expr.FindStringSubmatch(ts.ReadFile(args[2]))
	if len(found) < 2 {
		ts.Fatalf("%s does not match %s", args[2], args[1])
	}
	ts.Setenv(args[0], found[1])
}

func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[0] == "" {
		ts.Fatalf("usage: absent TEXT PATH...")
	}
	files := 0
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(args[0])) {
				return fmt.Errorf("%s contains %q", path, args[0])
			}
			return err
		}))
	}
	if files == 0 {
		ts.Fatalf("no file was looked at")
	}
}

func users(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: users N FILE")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var text strings.Builder
	text.WriteString("domain: tel.example.net\nsites:\n  - name: hq\n    networks: [127.0.0.0/8]\nusers:\n")
	for i := range n {
		fmt.Fprintf(&text, "  - number: \"%d\"\n    name: User %d\n    site: hq\n    password: secret-%d\n", 100000+i, i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text.String()), 0o600))
}

// fetch prints what is answered at a URL.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: fetch URL")
	}
	answer, err := http.Get(args[0])
	if neg {
		if err == nil {
			_ = answer.Body.Close()
			ts.Fatalf("%s was answered", args[0])
		}
		return
	}
	ts.Check(err)
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(errors.Join(err, answer.Body.Close()))
}
