// Package cli tells the stories of the command line: testdata/*.txtar, played
// with the real program on loopback addresses of their own.
//
// Beside testscript's own commands a story has
//
//	address VAR                    sets VAR to a loopback address that nobody uses
//	start NAME ARGS...             runs `carillon ARGS...`; goes on when it answers
//	begin NAME ARGS...             runs `carillon ARGS...`; goes on at once
//	until REGEXP PROGRAM ARGS...   runs a program again and again, until its output matches
//	said REGEXP FILE               waits until the file matches
//	end NAME SIGNAL [CODE]         sends TERM or KILL, waits, checks the exit code
//	exits CODE PROGRAM ARGS...     runs a program to its end, checks the exit code
//	within DURATION FILE...        applies the files in turn until one was fast enough
//	capture VAR REGEXP FILE        sets VAR to the first group
//	absent TEXT PATH...            no file in or below PATH contains TEXT
//	users N FILE                   writes a configuration of N users
//	readme FILE                    writes the configuration that the README shows
//	register ADDRESS USER PASSWORD [tcp | tls AUTHORITY]
//	                               registers a phone over UDP, TCP or TLS, where it believes the
//	                               authority in that file alone; prints the status, hangs up
//	certificate ADDRESS FILE KEYFILE
//	                               writes a certificate for an address that nobody issued, and its key
//	browse ANSWER ORIGIN URL [AUTHORITY]
//	                               asks for a WebSocket as a page of ORIGIN does, until the answer
//	                               contains ANSWER; "closed" is none
//	message DURATION ADDRESS FROM TO
//	                               sends a MESSAGE over TCP; prints the status, which must come
//	                               within that time
//	busy ADDRESS USER PASSWORD     registers a phone over TCP that rings and is busy
//	call ADDRESS FROM TO           calls over TCP; prints the status
//	freeze NAME, thaw NAME         stops a node in the middle of what it does, and lets it go on
//	knock ADDRESS [PROTOCOL [NODE.JSON]]
//	                               comes to the port between nodes: without TLS, without a
//	                               certificate, or with a node's; must be turned away
//	swallow ADDRESS MAIN [hold]    takes joins for MAIN at ADDRESS, whose answers are lost: the
//	                               connection ends, or hangs
//	fetch URL                      prints what is answered there
//	ask TOKEN AUTHORITY METHOD URL [BODY]
//	                               asks the API over HTTPS as a program does; prints the answer
//	throw N ADDRESS                sends N packets of nonsense to the port between nodes
package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"carillon/test/tool"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "carillon-cli")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err = build(dir); err == nil {
		program = filepath.Join(dir, "carillon")
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// program is the path of the carillon that TestMain has built.
var program string

func build(dir string) error {
	cmd := exec.Command("go", "build", "-o", dir, "./cmd/carillon")
	cmd.Dir = "../../.."
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building carillon: %w", err)
	}
	return nil
}

func TestStories(t *testing.T) {
	tool.Need(t, "dig", "bind9-dnsutils")
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			path := filepath.Dir(program) + string(os.PathListSeparator) + env.Getenv("PATH")
			env.Setenv("PATH", path)
			env.Setenv("CARILLON_DATA", filepath.Join(env.WorkDir, "data"))
			env.Values[nodesKey{}] = nodes{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"address":     address,
			"start":       start,
			"begin":       begin,
			"until":       until,
			"said":        said,
			"end":         end,
			"exits":       exits,
			"within":      within,
			"capture":     capture,
			"absent":      absent,
			"users":       users,
			"register":    register,
			"certificate": ownCertificate,
			"browse":      browse,
			"readme":      readmeFile,
			"message":     message,
			"busy":        busy,
			"call":        call,
			"freeze":      freeze,
			"thaw":        freeze,
			"knock":       knock,
			"throw":       throw,
			"fetch":       fetch,
			"ask":         askAs,
			"swallow":     swallow,
		},
	})
}
