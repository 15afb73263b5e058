package sipcore

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"carillon/store"
)

func TestIsEmergency(t *testing.T) {
	for uri, want := range map[string]bool{
		"sip:112@tel.test": true, "sip:112@tel.test;user=phone": true, "tel:112": true, "sip:1%312@tel.test": true,
		"sip:0112@tel.test": true,
		"urn:service:sos":   true, "URN:Service:SOS.fire": true,
		"sip:1120@tel.test": false, "sip:alice@112": false, "tel:+32112": false, "urn:service:counseling": false, "": false, "x": false,
	} {
		view := store.NewView(store.Config{Sites: []store.Site{{Name: "mons", Outside: "0"}}})
		if got := isEmergency(view, uri); got != want {
			t.Errorf("%q: got %v, want %v", uri, got, want)
		}
	}
}

// TestLatenessOfGoroutines: where more goroutines want to run than can, they
// wait, and that is seen; where few do, it is not.
func TestLatenessOfGoroutines(t *testing.T) {
	var s schedule
	if got := s.latency(); got != 0 {
		t.Errorf("the first time: got %v, want 0", got)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var wg sync.WaitGroup
	for range 40 * fewest {
		wg.Go(func() {
			for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
				continue
			}
		})
	}
	wg.Wait()
	if got := s.latency(); got < 20*time.Millisecond {
		t.Errorf("320 goroutines of 1 ms on one processor: got %v, want 20 ms at least", got)
	}
	if got := s.latency(); got != 0 {
		t.Errorf("nothing has run since: got %v, want 0", got)
	}
}

// TestIdleProcessIsNotOverloaded: whatever is late, a process that neither uses
// the processor nor is asked for much cannot help it by refusing.
func TestIdleProcessIsNotOverloaded(t *testing.T) {
	for _, tt := range []struct {
		name string
		cpu  time.Duration // used in a second
		came uint64
		want time.Duration
	}{
		{"idle", 0, 0, 0},
		{"not very busy", 600 * time.Millisecond, 900, 0},
		{"busy", 800 * time.Millisecond, 0, time.Second},
		{"asked for much", 0, 1100, time.Second},
	} {
		began := time.Now()
		l := lateness{
			sockets: func() time.Duration { return time.Second }, fresh: func() uint64 { return tt.came },
			at: began, cpu: cpuTime() - tt.cpu,
		}
		if got, _ := l.now(began.Add(time.Second)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
