package sipcore

import (
	"fmt"
	"testing"
	"time"
)

// TestHelped: who has called for help is remembered for an hour, and of many the last.
func TestHelped(t *testing.T) {
	var h helped
	now := time.Now()
	h.add("alice", now)
	h.add("", now)
	for _, tt := range []struct {
		user  string
		after time.Duration
		want  bool
	}{
		{"alice", 0, true},
		{"alice", calledBack - 1, true},
		{"alice", calledBack, false},
		{"", 0, false},
		{"bob", 0, false},
	} {
		if got := h.has(tt.user, now.Add(tt.after)); got != tt.want {
			t.Errorf("%q after %s: got %v", tt.user, tt.after, got)
		}
	}
	for i := range 2 * mostHelped {
		h.add(fmt.Sprint(i), now.Add(time.Duration(i+1)))
	}
	if len(h.when) != mostHelped || h.has("0", now) || !h.has(fmt.Sprint(2*mostHelped-1), now) {
		t.Errorf("of %d, %d are remembered", 2*mostHelped, len(h.when))
	}
}
