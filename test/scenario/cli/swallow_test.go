package cli

import (
	"net"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// swallow is a bad line to the port between nodes of MAIN: it carries the
// handshake and the request of one who joins, and not the answer.
//
// It knows the answer by its place: the side that joins speaks twice, to shake
// hands and to ask.
func swallow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: swallow ADDRESS MAIN [hold]")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(args[0], "7946"))
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go swallowOne(c, net.JoinHostPort(args[1], "7946"), len(args) == 3)
		}
	}()
}

func swallowOne(near net.Conn, main string, hold bool) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", main)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	var asked atomic.Bool
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, err := far.Read(b)
			if err == nil && !asked.Load() {
				_, _ = near.Write(b[:n])
				continue
			}
			if !hold {
				_ = near.Close()
			}
			return
		}
	}()
	b := make([]byte, 1<<16)
	for spoken := 0; ; spoken++ {
		n, err := near.Read(b)
		if err != nil {
			return
		}
		asked.Store(spoken > 0)
		_, _ = far.Write(b[:n])
	}
}
