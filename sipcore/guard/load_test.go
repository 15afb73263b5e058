package guard

import (
	"testing"
	"time"
)

// TestLoadOfAServer drives a Load with a server that can handle so many requests
// a second, and to which more come. What it refuses costs a fifth.
func TestLoadOfAServer(t *testing.T) {
	const capacity = 10_000.0
	tests := []struct {
		offered float64       // a second
		lag     time.Duration // at most, once it has settled
		done    float64       // of what is possible, at least
	}{
		{9_000, lagLow, 0.999},
		{11_000, 3 * lagHigh, 0.9},
		{15_000, 3 * lagHigh, 0.85},
		{40_000, 3 * lagHigh, 0.7},
	}
	for _, tt := range tests {
		var l Load
		var queue, worst, done float64 // in requests, seconds, requests
		const seconds, settled = 30, 5
		step := SampleEvery.Seconds()
		for i := range int(seconds / step) {
			l.Sample(time.Duration(queue / capacity * 1e9))
			accepted := tt.offered * (1 - l.Share()) * step
			work := accepted + (tt.offered*step-accepted)/5
			queue = max(0, queue+work-capacity*step)
			if float64(i)*step >= settled {
				worst = max(worst, queue/capacity)
				done += accepted
			}
		}
		possible := min(tt.offered, capacity-(tt.offered-capacity)/4) * (seconds - settled)
		if lag := time.Duration(worst * 1e9); lag > tt.lag {
			t.Errorf("%.0f a second: the lag is up to %v, want %v at most", tt.offered, lag, tt.lag)
		}
		if done < tt.done*possible {
			t.Errorf("%.0f a second: %.0f of %.0f possible were accepted, want %.0f %%", tt.offered, done, possible, tt.done*100)
		}
	}
}

func TestLoadSaysWhenItBeginsAndEnds(t *testing.T) {
	var l Load
	var news []string
	lags := []int{0, 199, 199, 149, 199, 199, 199, 90, 199}
	lags = append(lags, make([]int, 2*whole/lessEach)...)
	for _, lag := range append(lags, 199, 199, 29, 199, 199, 199) {
		began, ended := l.Sample(time.Duration(lag) * time.Millisecond)
		if began {
			news = append(news, "began")
		}
		if ended {
			news = append(news, "ended")
		}
	}
	if len(news) != 3 || news[0] != "began" || news[1] != "ended" || news[2] != "began" {
		t.Errorf("got %v, want it to begin, end and begin", news)
	}
}

func TestLoadRefusesItsShare(t *testing.T) {
	var l Load
	for range lagLong {
		l.Sample(lagHigh + 1)
	}
	refused := 0
	for id := range uint64(1000) {
		if l.Refuses(id + 1) {
			refused++
		}
	}
	if want := int(l.Share() * 1000); refused != want || want != moreEach {
		t.Errorf("got %d of 1000 refused, want %d", refused, moreEach)
	}
}

// TestRefusedStaysRefused: a repetition of what was refused is refused for as
// long as there can be one, whatever the share is by then.
func TestRefusedStaysRefused(t *testing.T) {
	var l Load
	if l.Active() || l.Refuses(1) {
		t.Error("it refuses before anything is late")
	}
	for range 2 * whole / moreEach {
		l.Sample(lagHigh)
	}
	if !l.Refuses(1) {
		t.Fatal("everything is refused, but not the first")
	}
	for range whole / lessEach {
		l.Sample(0)
	}
	for range memoryLong {
		if !l.Refuses(1) || l.Refuses(2) {
			t.Fatal("the first is to be refused again, and nothing else")
		}
		l.Sample(0)
	}
	if l.Sample(0); l.Active() || l.Refuses(1) {
		t.Error("it is not forgotten")
	}
}
