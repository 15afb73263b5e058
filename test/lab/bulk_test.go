//go:build long

package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// saturate has phones' hosts of the head office and a site send each other as
// much as the line takes, until the test ends. What it returns says how many
// bytes have arrived.
func (s *System) saturate(t *testing.T, site string) (carried func() int64) {
	t.Helper()
	var arrived atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	t.Cleanup(func() {
		stop()
		busy.Wait()
	})
	near, far := s.hosts["hq-phones"], s.hosts[site+"-phones"]
	for range 4 { // each of which TCP's own caution slows down
		for _, way := range [][2]Host{{near, far}, {far, near}} {
			from, to := way[0], way[1]
			busy.Go(func() { stream(ctx, from, to, &arrived) })
		}
	}
	return arrived.Load
}

// stream sends zeros from one host to another until ctx ends, on a new connection
// whenever one does not survive the loss.
func stream(ctx context.Context, from, to Host, arrived *atomic.Int64) {
	for ctx.Err() == nil {
		a, b, err := connected(ctx, from, to)
		if err != nil {
			continue // a SYN is lost, too
		}
		closed := func() { _, _ = a.Close(), b.Close() }
		forget := context.AfterFunc(ctx, closed)
		go func() {
			room := make([]byte, 64<<10)
			for {
				if _, err := a.Write(room); err != nil {
					return
				}
			}
		}()
		_, _ = io.Copy(countTo{arrived}, b) // until it is over
		forget()
		closed()
	}
}

type countTo struct{ n *atomic.Int64 }

func (c countTo) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// connected connects two hosts.
func connected(ctx context.Context, from, to Host) (a, b net.Conn, err error) {
	var l net.Listener
	err = to.from(func() error {
		l, err = net.Listen("tcp", net.JoinHostPort(to.Addr.String(), "0"))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = l.Close() }()
	err = from.from(func() error {
		d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: from.Addr.AsSlice()}}
		a, err = d.DialContext(ctx, "tcp", l.Addr().String())
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if b, err = l.Accept(); err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return a, b, nil
}
