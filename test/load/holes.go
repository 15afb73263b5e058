package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	holes    = 500 // users who have a phone in a black hole beside one that answers
	holePort = 21060
)

// holes measures how long it takes to set up calls to users of whom each has a
// second phone to which connecting takes for ever, beside the same calls without
// those, in turns, and prints both.
func (r *rig) holes(ctx context.Context, f flags) error {
	s, err := r.serve(ctx, func(string) error { return nil })
	if err != nil {
		return err
	}
	with, without, err := s.compareHoles(ctx, f)
	err = errors.Join(err, s.stop())
	if len(with) == 0 || len(without) == 0 {
		return err
	}
	fmt.Printf("all: without %s; with %d black holes %s; p99 ratio %.2f\n", words(without), holes, words(with),
		float64(percentile(with, 99))/float64(percentile(without, 99)))
	return err
}

func (s *server) compareHoles(ctx context.Context, f flags) (with, without []time.Duration, err error) {
	if err = s.answers(ctx); err != nil {
		return nil, nil, err
	}
	hole, err := blackHole(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = syscall.Close(hole) }()
	callees, err := newPhones(ctx, "tcp", s.at)
	if err != nil {
		return nil, nil, err
	}
	defer callees.close()
	for round := range 2 * f.rounds {
		there := round%2 == 1
		took, err := s.callBeside(ctx, callees, there, f)
		if err != nil {
			return with, without, err
		}
		fmt.Printf("round %d, black holes %v: %s\n", round/2, there, words(took))
		if there {
			with = append(with, took...)
		} else {
			without = append(without, took...)
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	return with, without, nil
}

// callBeside makes the calls of one round, 50 a second for ten seconds unless f
// says otherwise. The phones that answer are registered for each round.
func (s *server) callBeside(ctx context.Context, callees *phones, there bool, f flags) ([]time.Duration, error) {
	for i := range holes {
		if _, err := callees.register(ctx, callee(i), callees.contact(callee(i)), 3600); err != nil {
			return nil, err
		}
	}
	if err := s.setHoles(ctx, there); err != nil {
		return nil, err
	}
	return s.calls(ctx, cmp.Or(f.rate, 50), cmp.Or(f.n, holes))
}

func callee(i int) string { return fmt.Sprintf("u%05d", i) }

// setHoles registers the phones in the black hole, over connections that end
// with that, or takes them back.
func (s *server) setHoles(ctx context.Context, there bool) error {
	expires := 0
	if there {
		expires = 3600
	}
	p, err := newPhones(ctx, "tcp", s.at)
	if err != nil {
		return err
	}
	defer p.close()
	for i := range holes {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 66, byte(i / 250), byte(1 + i%250)}), holePort)
		contact := fmt.Sprintf("<sip:%s@%s;transport=tcp>;+sip.instance=\"<urn:x:hole%d>\"", callee(i), at, i)
		if _, err := p.register(ctx, callee(i), contact, expires); err != nil {
			return err
		}
	}
	return nil
}

// calls makes n calls at a rate and returns how long their set-up took, sorted.
func (s *server) calls(ctx context.Context, rate, n int) ([]time.Duration, error) {
	p, err := newPhones(ctx, "tcp", s.at)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if _, err = p.register(ctx, "alice", p.contact("alice"), 3600); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var took []time.Duration
	var failed []error
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range n {
		<-tick.C
		all.Go(func() {
			one, err := p.call(ctx, callee(i%holes))
			mu.Lock()
			defer mu.Unlock()
			took, failed = append(took, one), append(failed, err)
		})
	}
	all.Wait()
	slices.Sort(took)
	return took, errors.Join(failed...)
}

// blackHole makes every loopback address one where connecting to holePort takes
// for ever: its backlog is full.
func blackHole(ctx context.Context) (fd int, err error) {
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("making a black hole: %w", err)
	}
	err = errors.Join(syscall.BindToDevice(fd, "lo"), syscall.Bind(fd, &syscall.SockaddrInet4{Port: holePort}), syscall.Listen(fd, 0))
	falls := net.Dialer{Timeout: 100 * time.Millisecond}
	for range 5 {
		c, missed := falls.DialContext(ctx, "tcp", fmt.Sprintf("127.66.0.1:%d", holePort))
		if missed != nil && err == nil {
			return fd, nil
		}
		if c != nil {
			defer func() { _ = c.Close() }()
		}
	}
	return 0, errors.Join(errors.New("the black hole has a bottom"), err, syscall.Close(fd))
}
