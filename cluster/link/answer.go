package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// serve answers the questions of one connection until it ends.
func (a *asks) serve(ctx context.Context, c net.Conn, from Peer) {
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel() // who asked is gone
	room := make(chan struct{}, atOnce)
	l := &line{c: c}
	for {
		_ = c.SetReadDeadline(time.Now().Add(idleAnswerer))
		b, err := readFrame(c, longestFrame)
		if err != nil {
			return
		}
		q, err := parseQuestion(b)
		if err != nil {
			return
		}
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		work.Go(func() {
			defer func() { <-room }()
			body, err := a.answer(ctx, from, q)
			if err = l.write(answer(q.number, body, err)); err != nil {
				_ = c.Close()
			}
		})
	}
}

func (a *asks) answer(ctx context.Context, from Peer, q asked) ([]byte, error) {
	h := a.kinds[q.kind]
	if h == nil {
		return nil, fmt.Errorf("nobody answers %q here", q.kind)
	}
	ctx, cancel := context.WithTimeout(ctx, q.wait)
	defer cancel()
	body, err := h(ctx, from, q.body)
	if err == nil && len(body) > LongestBody {
		return nil, errors.New("the answer is too long")
	}
	return body, err
}
