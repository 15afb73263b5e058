package ical

import (
	"slices"
	"time"
)

// flat makes one line of spans that lie over each other.
func flat(spans []Span) []Span {
	var edges []edge
	for _, s := range spans {
		edges = append(edges, edge{s.Start, s.State, 1}, edge{s.End, s.State, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	var line []Span
	var open [Vacation + 1]int
	for i, e := range edges {
		open[e.state] += e.step
		last := i == len(edges)-1
		if !last && !e.at.Equal(edges[i+1].at) {
			line = extended(line, Span{e.at, edges[i+1].at, strongest(open)})
		}
	}
	return line[:min(len(line), mostSpans)]
}

// An edge is where a span begins or ends.
type edge struct {
	at    time.Time
	state State
	step  int
}

func strongest(open [Vacation + 1]int) State {
	for s := Vacation; s > Free; s-- {
		if open[s] > 0 {
			return s
		}
	}
	return Free
}

// extended appends s, or has the last go on.
func extended(line []Span, s Span) []Span {
	if s.State == Free {
		return line
	}
	if n := len(line); n > 0 && line[n-1].State == s.State && line[n-1].End.Equal(s.Start) {
		line[n-1].End = s.End
		return line
	}
	return append(line, s)
}
