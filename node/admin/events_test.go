package admin

import (
	"fmt"
	"testing"
)

func TestEventsAfter(t *testing.T) {
	tests := []struct {
		name        string
		added       int
		after       uint64
		first, last uint64 // IDs; 0: none
	}{
		{"none", 0, 0, 0, 0},
		{"some", 3, 0, 1, 3},
		{"later ones", 3, 2, 3, 3},
		{"nothing new", 3, 3, 0, 0},
		{"an ID from before a restart", 3, 70, 0, 0},
		{"just full", eventsKept, 0, 1, eventsKept},
		{"forgotten ones", eventsKept + 5, 0, 6, eventsKept + 5},
		{"later than the forgotten", eventsKept + 5, eventsKept, eventsKept + 1, eventsKept + 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := NewEvents("laurel")
			for i := range tt.added {
				e.Add("test", "event %d", i+1)
			}
			found, _ := e.After(tt.after)
			var first, last uint64
			if len(found) > 0 {
				first, last = found[0].ID, found[len(found)-1].ID
			}
			if first != tt.first || last != tt.last {
				t.Errorf("got %d to %d, want %d to %d", first, last, tt.first, tt.last)
			}
			for i, f := range found {
				if want := fmt.Sprintf("event %d", f.ID); f.ID != first+uint64(i) || f.Text != want {
					t.Fatalf("got event %d %q at place %d", f.ID, f.Text, i)
				}
			}
		})
	}
}

func TestEventsWake(t *testing.T) {
	e := NewEvents("laurel")
	_, more := e.After(0)
	select {
	case <-more:
		t.Fatal("woken before there was an event")
	default:
	}
	e.Add("test", "one")
	<-more
}
