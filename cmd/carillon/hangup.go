package main

import (
	"os"
	"os/signal"
	"syscall"

	"carillon/node"
)

// reloadOnHangup has SIGHUP mean what it means to a service, until stop is
// called. At a terminal it still means that the terminal is gone.
func (c *cli) reloadOnHangup(n *node.Node) (stop func()) {
	if isTerminal(c.words) {
		return func() {}
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range came {
			n.Reload()
		}
	}()
	return func() {
		signal.Stop(came)
		close(came)
		<-done
	}
}
