package main

import (
	"fmt"
	"slices"
)

// leastSteady is how many samples a verdict needs.
const leastSteady = 60

// A trend is how a figure was in the first and in the last quarter of the time
// after the warm-up: the medians, which one odd sample does not move.
type trend struct {
	name, unit  string
	unitIs      float64
	first, last float64
	slack       float64 // that is no growth, of the first
	least       float64 // that is no growth, whatever the first
}

// figuresOf returns the trends of what must stay flat. What slack there is lets
// the collector breathe (a moment of more calls stays in resident memory for a
// while) and one phone more or less be connected.
func figuresOf(all []sample) []trend {
	trends := []trend{
		{name: "goroutines", slack: 0.02, least: 10, unitIs: 1},
		{name: "live heap", unit: " MB", slack: 0.08, least: 2 * mega, unitIs: mega},
		{name: "resident memory", unit: " MB", slack: 0.12, least: 6 * mega, unitIs: mega},
		{name: "open files", slack: 0.02, least: 8, unitIs: 1},
	}
	figures := []func(sample) float64{
		func(s sample) float64 { return s.goroutines },
		func(s sample) float64 { return s.heap },
		func(s sample) float64 { return s.memory },
		func(s sample) float64 { return s.files },
	}
	quarter := len(all) / 4
	for i := range trends {
		trends[i].first = median(all[:quarter], figures[i])
		trends[i].last = median(all[len(all)-quarter:], figures[i])
	}
	return trends
}

func median(all []sample, figure func(sample) float64) float64 {
	if len(all) == 0 {
		return 0
	}
	values := make([]float64, len(all))
	for i, s := range all {
		values[i] = figure(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// flat reports whether the figure did not grow. That it shrank is good.
func (t trend) flat() bool { return t.last-t.first <= max(t.slack*t.first, t.least) }

// String is the trend for people.
func (t trend) String() string {
	verdict := "flat"
	if !t.flat() {
		verdict = "GREW"
	}
	return fmt.Sprintf("%-16s %s: %.1f%s in the first quarter after the warm-up, %.1f%s in the last",
		t.name, verdict, t.first/t.unitIs, t.unit, t.last/t.unitIs, t.unit)
}
