package main

import (
	"bytes"
	"testing"
	"time"
)

func TestRelative(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		from time.Duration
		want string
	}{
		{0, "now"},
		{400 * time.Millisecond, "now"},
		{-400 * time.Millisecond, "now"},
		{43 * time.Second, "in 43s"},
		{-2 * time.Minute, "2m ago"},
		{-99 * time.Second, "99s ago"},
		{-100 * time.Minute, "1h ago"},
		{-47 * time.Hour, "47h ago"},
		{-50 * time.Hour, "2d ago"},
	}
	for _, tt := range tests {
		if got := relative(now.Add(tt.from), now); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.from, got, tt.want)
		}
	}
	if got := relative(time.Time{}, now); got != "never" {
		t.Errorf("no time: got %q", got)
	}
}

func TestTable(t *testing.T) {
	list := table{heading: []string{"USER", "CONTACT"}}
	list.add("201", "sip:201@\x1b[2Jhost")
	list.add("", "sip:a\nb")
	facts := table{}
	facts.add("node", "laurel")
	tests := []struct {
		name  string
		table table
		want  string
	}{
		{"a list that tries to clear the screen", list, "USER  CONTACT\n201   sip:201@[2Jhost\n-     sip:ab\n"},
		{"no heading", facts, "node  laurel\n"},
		{"nothing", table{heading: []string{"USER"}}, "USER\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := tt.table.write(&b); err != nil || b.String() != tt.want {
				t.Errorf("got %q, %v, want %q", b.String(), err, tt.want)
			}
		})
	}
}
