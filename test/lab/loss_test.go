//go:build long

package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLossyLineIsNotCut takes 22 minutes, so it is asked for:
//
//	go test -tags long -timeout 40m -v -run TestLossyLineIsNotCut ./test/lab
//
// A line that loses 11 % of its packets each way, 21 % of all pings, and is full
// of somebody's downloads both ways besides, is not called dead in 20 minutes.
// When it is cut then, its site says so within 10 s, and is back within 15 s.
func TestLossyLineIsNotCut(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	const lossPercent, lasts = 11, 20 * time.Minute
	s := OpenSystem(t, twoMains(), numbered("mons", 2))
	line, mons := s.lines["mons"], s.nodes["mons-node"]
	line.lose(lossPercent)
	carried := s.saturate(t, "mons")
	alarms, before := s.alarms(), line.IPBytes()
	time.Sleep(lasts)
	spent := line.IPBytes() - before
	t.Logf("the line carried %d kbit/s both ways together, of 2000; %d kB of downloads arrived", spent*8/1000/int(lasts/time.Second), carried()>>10)
	if n := s.alarms() - alarms; n > 0 {
		t.Errorf("got %d false alarms in %v, want none", n, lasts)
	}
	began := time.Now()
	line.Cut()
	eventually(t, "mons is survivable", 10*time.Second, func() bool { return mons.status().Mode == "survivable" })
	t.Logf("survivable after %v", time.Since(began))
	began = time.Now()
	line.Mend()
	eventually(t, "mons is with the others again", 15*time.Second, func() bool { return mons.status().Mode == "cluster" })
	t.Logf("with the others again after %v", time.Since(began))
}

// alarms counts how often nodes have said that a line is down.
func (s *System) alarms() (n int) {
	for _, x := range s.nodes {
		n += len(x.said("a line is down"))
	}
	return n
}

// lose has the line lose so many of a hundred packets each way.
func (l *Line) lose(percent int) {
	l.s.tb.Helper()
	for _, way := range []string{"iifname", "oifname"} {
		l.s.in("hq", l.s.nft, "add rule inet "+cuts+l.site+" forward "+way+" "+l.site+" numgen random mod 100 < "+strconv.Itoa(percent)+" drop")
	}
}

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
