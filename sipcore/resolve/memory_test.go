package resolve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// servers stands in for the name servers: one answer, an error, or silence.
type servers struct {
	answer answer
	err    error
	silent bool
	asked  int
}

func (s *servers) ask(ctx context.Context, _ question) (answer, error) {
	s.asked++
	if s.silent {
		<-ctx.Done()
		return answer{}, ctx.Err()
	}
	return s.answer, s.err
}

func (s *servers) memory() *memory { return newMemory(s.ask, slog.New(slog.DiscardHandler)) }

var anyQuestion = question{"tel.example.", dns.TypeA}

func oneMinute() answer { return answer{[]dns.RR{&dns.A{}}, time.Minute} }

func TestLife(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		want  int // times asked
	}{
		{"within its life", 59 * time.Second, 1},
		{"past its life", 60 * time.Second, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &servers{answer: oneMinute()}
				m := s.memory()
				for range 2 {
					if _, err := m.ask(t.Context(), anyQuestion); err != nil {
						t.Fatal(err)
					}
					time.Sleep(c.after)
				}
				if s.asked != c.want {
					t.Errorf("asked %d times, want %d", s.asked, c.want)
				}
			})
		})
	}
}

// The line to the name servers is cut; the trunk is still found for a day.
func TestStale(t *testing.T) {
	for _, c := range []struct {
		name      string
		cut       servers
		after     time.Duration
		wantFound bool
		wantWait  time.Duration
	}{
		{"no server reachable", servers{err: errors.New("unreachable")}, time.Hour, true, 0},
		{"all servers silent", servers{silent: true}, time.Hour, true, impatience},
		{"too old", servers{err: errors.New("unreachable")}, 25 * time.Hour, false, 0},
		{"the name is gone", servers{answer: answer{life: time.Second}}, time.Hour, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &servers{answer: oneMinute()}
				m := s.memory()
				_, _ = m.ask(t.Context(), anyQuestion)
				*s = c.cut
				time.Sleep(c.after)
				start := time.Now()
				got, err := m.ask(t.Context(), anyQuestion)
				if found := len(got) > 0; found != c.wantFound {
					t.Errorf("found %v (%v), want %v", found, err, c.wantFound)
				}
				if waited := time.Since(start); waited != c.wantWait {
					t.Errorf("waited %v, want %v", waited, c.wantWait)
				}
			})
		})
	}
}

func TestPauseAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{err: errors.New("unreachable")}
		m := s.memory()
		for range 20 {
			if _, err := m.ask(t.Context(), anyQuestion); err == nil {
				t.Fatal("no error")
			}
			time.Sleep(time.Second)
		}
		if s.asked != 2 {
			t.Errorf("asked %d times in 20 s, want each %v", s.asked, pause)
		}
	})
}

// The first caller hangs up; the one who waited with him asks for himself.
func TestFirstCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		m := newMemory(func(ctx context.Context, _ question) (answer, error) {
			if asked++; asked > 1 {
				return oneMinute(), nil
			}
			<-ctx.Done()
			return answer{}, ctx.Err()
		}, slog.New(slog.DiscardHandler))
		ctx, hangUp := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := m.ask(ctx, anyQuestion); !errors.Is(err, context.Canceled) {
				t.Errorf("first caller: got %v, want his own cancellation", err)
			}
		})
		synctest.Wait()
		callers.Go(func() {
			if got, err := m.ask(t.Context(), anyQuestion); err != nil || len(got) != 1 {
				t.Errorf("second caller: got %v, %v", got, err)
			}
		})
		synctest.Wait()
		hangUp()
		callers.Wait()
	})
}

// Whoever hangs up says nothing about the name servers.
func TestHangingUpIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{silent: true}
		m := s.memory()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.ask(ctx, anyQuestion); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		*s = servers{answer: oneMinute()}
		if got, err := m.ask(t.Context(), anyQuestion); err != nil || len(got) != 1 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	s := &servers{answer: oneMinute()}
	m := s.memory()
	for i := range 3 * maxAnswers {
		_, _ = m.ask(t.Context(), question{fmt.Sprintf("n%d.example.", i), dns.TypeA})
	}
	if n := len(m.entries); n > maxAnswers || n < maxAnswers/2 {
		t.Errorf("remembers %d answers, want at most %d", n, maxAnswers)
	}
}

func TestDeadAreBoundedAndForgotten(t *testing.T) {
	d, now := newDead(), time.Now()
	h, other := Hop{Kind: 1}, Hop{Kind: 2}
	d.add(h, now)
	for _, c := range []struct {
		name  string
		after time.Duration
		want  Hop
	}{
		{"dead", deadFor - 1, other},
		{"tried again", deadFor, h},
	} {
		hops := []Hop{h, other}
		if d.toBack(hops, now.Add(c.after)); hops[0] != c.want {
			t.Errorf("%s: %v first, want %v", c.name, hops[0], c.want)
		}
	}
	for i := range 2 * maxDead {
		d.add(place{port: uint16(i + 1)}.hop(h.Addr.Addr()), now)
	}
	if len(d.until) > maxDead {
		t.Errorf("remembers %d, want at most %d", len(d.until), maxDead)
	}
}
