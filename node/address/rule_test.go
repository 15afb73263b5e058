package address

import (
	"testing"
	"time"
)

var (
	lower  = mac{2, 0, 0, 0, 0, 1}
	self   = mac{2, 0, 0, 0, 0, 5}
	higher = mac{2, 0, 0, 0, 0, 9}
)

func TestHeard(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	tests := []struct {
		name string
		rule rule
		s    sighting
		want acts
		held bool
		left int // probes that count
	}{
		{"another holds it while it is asked for", rule{silent: 2}, sighting{lower, true}, 0, false, 0},
		{"a higher one holds it", rule{silent: 2}, sighting{higher, true}, 0, false, 0},
		{"a lower one asks too, and goes first", rule{silent: 2}, sighting{lower, false}, 0, false, 0},
		{"a higher one asks too, and waits", rule{silent: 2}, sighting{higher, false}, 0, false, 2},
		{"a lower one holds it too", rule{held: true, renewed: now}, sighting{lower, true}, give, false, 0},
		{"a higher one holds it too", rule{held: true, renewed: now}, sighting{higher, true}, announce, true, 0},
		{"a higher one says it again and again", rule{held: true, renewed: now, announced: at(900 * time.Millisecond)}, sighting{higher, true}, 0, true, 0},
		{"another asks for it: the kernel answers", rule{held: true, renewed: now}, sighting{lower, false}, 0, true, 0},
		{"what it said itself", rule{held: true, renewed: now}, sighting{self, true}, 0, true, 0},
		{"it stood still, and another holds it", rule{held: true, renewed: at(tooLate)}, sighting{higher, true}, give, false, 0},
	}
	for _, tt := range tests {
		r := tt.rule
		r.self = self
		if got := r.heard(now, tt.s); got != tt.want || r.held != tt.held || r.silent != tt.left {
			t.Errorf("%s: got %b, held %v, %d silent; want %b, %v, %d", tt.name, got, r.held, r.silent, tt.want, tt.held, tt.left)
		}
	}
}

func TestTick(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	tests := []struct {
		name string
		rule rule
		able bool
		want acts
		held bool
	}{
		{"it asks", rule{}, true, probe, false},
		{"unplugged, it does not ask", rule{silent: 3}, false, 0, false},
		{"nobody has answered three times", rule{silent: 3}, true, take | announce, true},
		{"it says so once more", rule{held: true, renewed: at(beat), owed: 1, announced: at(beat)}, true, announce, true},
		{"it keeps quiet", rule{held: true, renewed: at(beat), announced: at(beat)}, true, 0, true},
		{"it renews", rule{held: true, renewed: at(renewal), announced: at(renewal)}, true, renew, true},
		{"it renews and says so", rule{held: true, renewed: at(renewal), announced: at(announcing)}, true, renew | announce, true},
		{"it is unplugged", rule{held: true, renewed: at(beat)}, false, give, false},
		{"it stood still", rule{held: true, renewed: at(tooLate)}, true, give, false},
	}
	for _, tt := range tests {
		r := tt.rule
		r.self = self
		if got := r.tick(now, tt.able); got != tt.want || r.held != tt.held {
			t.Errorf("%s: got %b, held %v; want %b, %v", tt.name, got, r.held, tt.want, tt.held)
		}
	}
}

// The first question after an answer is for who gave it; then all are asked.
func TestWhomItAsks(t *testing.T) {
	t.Parallel()
	r, now := rule{self: self}, time.Now()
	r.heard(now, sighting{lower, true})
	for i, want := range []mac{lower, {}, {}} {
		if got := r.tick(now, true); got != probe || r.ask() != want {
			t.Errorf("probe %d: got %b for %v, want it for %v", i, got, r.ask(), want)
		}
	}
}
