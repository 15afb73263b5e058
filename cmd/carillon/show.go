package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"carillon/node/admin"
)

// watchEvery is how often --watch asks again.
const watchEvery = time.Second

// clearScreen moves a terminal's cursor home and empties the screen.
const clearScreen = "\x1b[H\x1b[2J"

// A view is a question to the node and how its answer is printed.
type view[T any] struct {
	ask   func(context.Context) (T, error)
	table func(T) table
	empty func(T) string // what to say on stderr beside an empty table; may be nil
}

// A showing is how the person wants a view.
type showing struct {
	output output
	watch  bool
}

// addShowing gives cmd the flags -o and --watch.
func addShowing(cmd *cobra.Command, s *showing) {
	addOutput(cmd, &s.output)
	cmd.Flags().BoolVarP(&s.watch, "watch", "w", false, "go on, and print again what changes, until ^C")
}

// show prints the answer to v, once or until the person has seen enough.
func show[T any](ctx context.Context, c *cli, s showing, v view[T]) error {
	if s.watch {
		return watch(ctx, c, s.output, v)
	}
	answer, err := v.ask(ctx)
	if !isAnswer(err) {
		return err
	}
	return errors.Join(put(c, s.output, answer, v), err)
}

// isAnswer reports whether there is an answer beside the error, if only a
// partial one.
func isAnswer(err error) bool {
	_, partial := errors.AsType[*admin.Partial](err)
	return err == nil || partial
}

// put prints one answer.
func put[T any](c *cli, o output, answer T, v view[T]) error {
	if o == asJSON {
		return writeJSON(c.out, answer)
	}
	t := v.table(answer)
	if v.empty != nil && len(t.rows) == 0 {
		c.say("%s", v.empty(answer))
	}
	return t.write(c.out)
}

// watch asks again and again. A terminal shows the latest answer alone; anything
// else gets each answer that differs from the one before, as JSON one a line.
func watch[T any](ctx context.Context, c *cli, o output, v view[T]) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	before := ""
	if isTerminal(c.out) && o == asTable {
		before = clearScreen
	}
	var last []byte
	for {
		next, err := render(ctx, o, v)
		if err == nil && !bytes.Equal(last, next) {
			_, err = io.WriteString(c.out, before+string(next))
		}
		if err != nil {
			return unlessOver(ctx, err)
		}
		last = next
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// unlessOver returns err, unless it only comes from being told to stop.
func unlessOver(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

func render[T any](ctx context.Context, o output, v view[T]) ([]byte, error) {
	answer, err := v.ask(ctx)
	if !isAnswer(err) {
		return nil, err
	}
	var b bytes.Buffer
	if o == asJSON {
		err = json.NewEncoder(&b).Encode(answer)
	} else {
		t := v.table(answer)
		err = t.write(&b)
	}
	return b.Bytes(), err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
