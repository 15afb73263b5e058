package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A part is something that runs as long as the node does.
type part struct {
	name  string
	serve func(context.Context) error
	stop  context.CancelFunc
	ended chan struct{}
	err   error // why it failed; to be read when it has ended
}

// run has Run run f.
func (n *Node) run(name string, f func(context.Context) error) {
	n.parts = append(n.parts, &part{name: name, serve: f})
}

// Run serves until ctx ends or a part fails, and returns when all parts have
// ended. They end one after the other, the last opened first, so that what SIP
// did last is still written to disk. The caller closes the Node after it.
func (n *Node) Run(ctx context.Context) error {
	n.events.Add("node", "%s started", n.identity.Name)
	ctx, end := context.WithCancel(ctx)
	defer end()
	for _, p := range n.parts {
		p.start(ctx, end)
	}
	<-ctx.Done()
	var failures []error
	for _, p := range slices.Backward(n.parts) {
		p.stop()
		<-p.ended
		failures = append(failures, p.err)
	}
	return errors.Join(failures...)
}

// start runs p until it is stopped. When it ends, for whatever reason, so does
// the node.
func (p *part) start(ctx context.Context, end context.CancelFunc) {
	own, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.ended = stop, make(chan struct{})
	go func() {
		defer close(p.ended)
		defer end()
		err := withoutCanceled(p.serve(own))
		if err == nil && own.Err() == nil {
			err = errors.New("it ended by itself")
		}
		if err != nil {
			p.err = fmt.Errorf("running %s: %w", p.name, err)
		}
	}()
}

// withoutCanceled returns what is left of err when having been told to stop is
// no error.
func withoutCanceled(err error) error {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		var left []error
		for _, e := range joined.Unwrap() {
			left = append(left, withoutCanceled(e))
		}
		return errors.Join(left...)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
