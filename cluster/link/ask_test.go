package link

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestAsk(t *testing.T) {
	s := newSystem(t)
	a, b := s.open("hardy", Main, nil), s.open("mons", LifeGUARD, nil)
	b.HandleAsk("echo", func(_ context.Context, from Peer, body []byte) ([]byte, error) {
		return append([]byte(from.Node+": "), body...), nil
	})
	b.HandleAsk("no", func(context.Context, Peer, []byte) ([]byte, error) { return nil, errors.New("not today") })
	b.HandleAsk("slow", func(ctx context.Context, _ Peer, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	stop := run(t, b)

	t.Run("an answer", func(t *testing.T) {
		got, err := a.Ask(t.Context(), "mons", b.Address(), "echo", []byte("hello"))
		if err != nil || string(got) != "hardy: hello" {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("many at once over one connection", func(t *testing.T) {
		var work sync.WaitGroup
		for range 100 {
			work.Go(func() {
				if _, err := a.Ask(t.Context(), "mons", b.Address(), "echo", bytes.Repeat([]byte("x"), 10000)); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		b.conns.mu.Lock()
		defer b.conns.mu.Unlock()
		if got := len(b.conns.open["hardy"]); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
	})
	t.Run("a no", func(t *testing.T) {
		_, err := a.Ask(t.Context(), "mons", b.Address(), "no", nil)
		if remote, ok := errors.AsType[*RemoteError](err); !ok || *remote != (RemoteError{"mons", "no", "not today"}) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("out of time", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := a.Ask(ctx, "mons", b.Address(), "slow", nil); !errors.Is(err, context.DeadlineExceeded) {
			if _, ok := errors.AsType[*RemoteError](err); !ok {
				t.Errorf("got %v", err)
			}
		}
	})
	t.Run("too long", func(t *testing.T) {
		if _, err := a.Ask(t.Context(), "mons", b.Address(), "echo", make([]byte, LongestBody+1)); err == nil {
			t.Error("it passed")
		}
	})
	t.Run("after a disconnection", func(t *testing.T) {
		b.Disconnect("hardy")
		eventually(t, "the line is gone", func() bool {
			a.asks.mu.Lock()
			defer a.asks.mu.Unlock()
			return len(a.asks.lines) == 0
		})
		if _, err := a.Ask(t.Context(), "mons", b.Address(), "echo", nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		stop()
		if _, err := a.Ask(t.Context(), "mons", b.Address(), "echo", nil); err == nil {
			t.Error("it answered")
		}
	})
}
