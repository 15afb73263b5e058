package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/message"
)

// crowd opens a layer, has more datagrams wait than make its reader fall behind,
// and runs it.
func crowd(t *testing.T, peers int, h Handler) (l *Layer, conns []net.Conn) {
	t.Helper()
	before := runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))
	l, err := Open(Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	for range peers {
		conns = append(conns, dialTo(t, "udp", at(l)))
	}
	for j := range 2 * crowded * batchSize / peers {
		for _, c := range conns {
			write(t, c, request(strconv.Itoa(j), 0))
		}
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(context.Background(), h) }()
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), <-done); err != nil {
			t.Error(err)
		}
		runtime.GOMAXPROCS(before)
	})
	return l, conns
}

// TestCrowdTakesAllCores wants messages of two flows to be handled at the same
// time when one core is not enough: each waits a moment for another to be.
func TestCrowdTakesAllCores(t *testing.T) {
	var count atomic.Int32
	meet, met := make(chan struct{}), make(chan struct{}, 2*crowded*batchSize)
	crowd(t, 16, handlerFunc(func(Flow, *message.Message) {
		if count.Add(1) <= crowded*batchSize {
			return
		}
		select {
		case meet <- struct{}{}:
		case <-meet:
			met <- struct{}{}
		case <-time.After(patience / 100):
		}
	}))
	eventually(t, "all are handled", func() bool { return count.Load() == 2*crowded*batchSize })
	if len(met) == 0 {
		t.Error("one message was handled after the other")
	}
}

// TestCrowdKeepsOrder wants each flow's messages in order while the lanes come
// to help, do, and go again.
func TestCrowdKeepsOrder(t *testing.T) {
	const waves, peers = 100, 16
	var mu sync.Mutex
	next := make(map[Flow]int)
	var wrong []string
	h := handlerFunc(func(f Flow, m *message.Message) {
		mu.Lock()
		if m.CallID() != strconv.Itoa(next[f]) {
			wrong = append(wrong, fmt.Sprintf("%s of %s came as number %d", m.CallID(), f.Remote(), next[f]))
		}
		next[f]++
		mu.Unlock()
		if rand.IntN(8) == 0 {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond) // a lane that lags
		}
	})
	l, conns := crowd(t, peers, h)
	sent := 2 * crowded * batchSize / peers
	for wave := range waves {
		for range 1 + wave%5 { // more than a few are a crowd
			for _, c := range conns {
				write(t, c, request(strconv.Itoa(sent), 0))
			}
			sent++
		}
		eventually(t, "all are handled", func() bool { return l.Counters().UDP.In+16 >= uint64(sent*peers) }) // not quite all
	}
	eventually(t, "all are handled", func() bool { return l.Counters().UDP.In == uint64(sent*peers) })
	mu.Lock()
	defer mu.Unlock()
	if len(wrong) > 0 {
		t.Errorf("%d messages out of order, the first: %s", len(wrong), wrong[0])
	}
}
