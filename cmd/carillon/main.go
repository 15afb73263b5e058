// Command carillon runs a node of a Carillon telephone system and asks running
// nodes. Here are flags, words, tables and exit codes; package node is the node
// itself and package node/admin its API, the only thing that every subcommand
// but `run` talks to.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"carillon/node"
	"carillon/node/admin"
)

// Exit codes.
const (
	exitError      = 1
	exitChanges    = 2  // a plan that is not empty
	exitPartial    = 3  // some nodes did not contribute to the answer
	exitNotAllowed = 4  // by the system, as a token that is not good, or by the operating system
	exitUsage      = 64 // as sysexits.h
)

// errChanges ends a plan that is not empty. It is an answer, not a failure.
var errChanges = errors.New("the plan has changes")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out one command line and returns its exit code.
func run(ctx context.Context, args []string, out, words io.Writer) int {
	c := &cli{out: out, words: words}
	root := c.root() //nolint:contextcheck // cobra hands it to the commands
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !errors.Is(err, errChanges) {
		c.say("%s", c.explain(cmd.CommandPath(), err))
	}
	return c.exitCode(err)
}

// explain adds to an error of a command what its reader can do next. An error in
// a file begins with its place, as editors like it.
func (c *cli) explain(command string, err error) string {
	problem, refused := errors.AsType[*admin.Problem](err)
	switch {
	case !c.started:
		return "carillon: " + strings.TrimSpace(err.Error()) + "\nSee `" + command + " --help`."
	case errors.Is(err, admin.ErrNoNode):
		return fmt.Sprintf("carillon: no node runs in %s: start one with `%s run`, or name its directory with --data",
			c.data, c.program())
	case refused && problem.Line > 0:
		return err.Error()
	default:
		return "carillon: " + err.Error()
	}
}

func (c *cli) exitCode(err error) int {
	problem, refused := errors.AsType[*admin.Problem](err)
	_, partial := errors.AsType[*admin.Partial](err)
	_, notJoined := errors.AsType[*node.Refused](err)
	switch {
	case err == nil:
		return 0
	case !c.started:
		return exitUsage
	case errors.Is(err, errChanges):
		return exitChanges
	case partial:
		return exitPartial
	case notJoined, refused && problem.Kind == admin.NotAllowed, errors.Is(err, fs.ErrPermission):
		return exitNotAllowed
	default:
		return exitError
	}
}
