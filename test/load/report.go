package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"carillon/test/load/crowd"
)

// A report is what was seen of a node under load.
type report struct {
	phones *crowd.Crowd
	warmUp time.Duration
	steady []sample // one a second, after the warm-up, while phones call
	last   sample
	at     time.Duration // of the last line
	latest time.Duration // that the crowd itself ever was
}

func (r *report) heading() {
	fmt.Println("   time   calls  failed  ring p50       p99  goroutines  heap MB   RSS MB  files  transactions      up   CPU   late")
}

// add takes a sample; every tenth is printed.
func (r *report) add(at time.Duration, s sample, calling, printed bool) {
	if calling && at > r.warmUp {
		r.steady = append(r.steady, s)
	}
	if !printed {
		return
	}
	failed, _ := r.phones.Failed()
	half, most := percentiles(r.phones.SetUps())
	late := r.phones.Late()
	r.latest = max(r.latest, late)
	fmt.Printf("%7s %7d %7d %7.1fms %7.1fms %11.0f %8.1f %8.1f %6.0f %13.0f %7.0f %4.0f%% %5.0fms\n",
		at.Round(time.Second), r.phones.Started.Load(), failed, half, most,
		s.goroutines, s.heap/mega, s.memory/mega, s.files, s.transactions, s.calls,
		100*(s.cpu-r.last.cpu)/(at-r.at).Seconds(), float64(late.Milliseconds()))
	r.last, r.at = s, at
}

const (
	mega    = 1 << 20
	tooLate = time.Second
)

// percentiles returns the 50th and the 99th in milliseconds.
func percentiles(all []time.Duration) (half, most float64) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return ms(all[len(all)/2]), ms(all[len(all)*99/100])
}

// settling is how long the last transactions take to end (RFC 3261: 64*T1, and
// some).
const settling = 45 * time.Second

// settle waits until nothing is left at the node of what the phones did.
func (r *report) settle(ctx context.Context, n *soaked) error {
	for end := time.Now().Add(settling); ; {
		s, err := n.look(ctx)
		if err != nil {
			return errors.Join(err, n.said())
		}
		r.last = s
		if s.transactions == 0 && s.calls == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%.0f transactions and %.0f calls are left %v after the last call", s.transactions, s.calls, settling)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// print says what came of it, and fails if that is not good.
func (r *report) print(w io.Writer) error {
	if r == nil {
		return nil
	}
	failed, reasons := r.phones.Failed()
	c := r.phones
	_, _ = fmt.Fprintf(w, "\n%d calls: %d answered, %d given up, %d busy; %d registrations, %d phones came back on another connection; %d failed\n",
		c.Started.Load(), c.Answered.Load(), c.Cancelled.Load(), c.Busy.Load(), c.Registered.Load(), c.Reconnected.Load(), failed)
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		_, _ = fmt.Fprintf(w, "  %5d  %s\n", reasons[why], why)
	}
	if r.latest > tooLate {
		_, _ = fmt.Fprintf(w, "this machine had no time for the phones, up to %v long: what failed may be its fault\n", r.latest.Round(time.Millisecond))
	}
	_, _ = fmt.Fprintf(w, "after the last: %.0f goroutines, %.0f files, %.0f transactions, %.0f calls\n\n",
		r.last.goroutines, r.last.files, r.last.transactions, r.last.calls)
	var wrong []string
	for _, f := range figuresOf(r.steady) {
		_, _ = fmt.Fprintln(w, f)
		if !f.flat() {
			wrong = append(wrong, f.name+" grew")
		}
	}
	if failed > 0 {
		wrong = append(wrong, fmt.Sprintf("%d calls or registrations failed", failed))
	}
	if len(r.steady) < leastSteady {
		wrong = append(wrong, "it was too short to say what is flat")
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}
