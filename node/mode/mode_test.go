package mode

import (
	"testing"
	"time"
)

// at is a time after the start.
func at(start time.Time, seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

func TestMode(t *testing.T) {
	type look struct {
		after float64         // seconds after the start
		up    map[string]bool // the mains
		since float64         // of the links that are up
		want  string
		words string
		again time.Duration
	}
	none, one, both := map[string]bool{"laurel": false, "hardy": false}, map[string]bool{"laurel": true, "hardy": false},
		map[string]bool{"laurel": true, "hardy": true}
	const alone, back = "mons goes on alone: it hears none of the mains", "mons is back with hardy and laurel"
	tests := []struct {
		name  string
		looks []look
	}{
		{"no mains to hear", []look{{100, nil, 0, Cluster, "", 0}}},
		{"a start with the mains", []look{{0, none, 0, Cluster, "", 8 * time.Second}, {1, both, 1, Cluster, "", 0}}},
		{"a start cut off", []look{{0, none, 0, Cluster, "", 8 * time.Second}, {8, none, 0, Survivable, alone, 0}}},
		{"one main is enough", []look{{1, both, 1, Cluster, "", 0}, {50, one, 1, Cluster, "", 0}}},
		{"cut off at once, back when stable", []look{
			{1, both, 1, Cluster, "", 0},
			{2, none, 0, Survivable, alone, 0},
			{20, both, 20, Survivable, "", 10 * time.Second},
			{26, both, 20, Survivable, "", 4 * time.Second},
			{30, both, 20, Cluster, back, 0},
			{31, both, 20, Cluster, "", 0},
		}},
		{"a line that flutters is not back", []look{
			{1, both, 1, Cluster, "", 0},
			{2, none, 0, Survivable, alone, 0},
			{20, one, 20, Survivable, "", 10 * time.Second},
			{25, none, 0, Survivable, "", 0},
			{27, one, 27, Survivable, "", 10 * time.Second},
			{30, one, 27, Survivable, "", 7 * time.Second},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			m := New("mons", start)
			for i, l := range tt.looks {
				var links []Link
				for node, up := range l.up {
					links = append(links, Link{Node: node, Up: up, Since: at(start, l.since)})
				}
				before := m.Now()
				got := m.Decide(at(start, l.after), links)
				if m.Now() != l.want || got.Words != l.words || got.Again != l.again || got.Changed != (before != l.want) {
					t.Errorf("look %d: got %s, %+v; want %s, %q, again %v", i, m.Now(), got, l.want, l.words, l.again)
				}
			}
		})
	}
}
