package main

import (
	"math/rand/v2"
	"testing"
)

// A leak is seen, whichever figure leaks, and what breathes is not one.
func TestFlat(t *testing.T) {
	series := func(change func(i int, s *sample)) []sample {
		r := rand.New(rand.NewPCG(1, 2))
		all := make([]sample, 400)
		for i := range all {
			noise := 1 + 0.04*(r.Float64()-0.5)
			all[i] = sample{goroutines: 300, heap: 60 * mega * noise, memory: 200 * mega * noise, files: 320}
			change(i, &all[i])
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		change func(i int, s *sample)
		grew   string
	}{
		{"steady", func(int, *sample) {}, ""},
		{"a wave", func(i int, s *sample) { s.heap += float64(i%50) * 0.2 * mega }, ""},
		{"falling", func(i int, s *sample) { s.memory -= float64(i) * 0.1 * mega }, ""},
		{"one peak", func(i int, s *sample) {
			if i == 390 {
				s.goroutines = 9000
			}
		}, ""},
		{"a goroutine in ten seconds", func(i int, s *sample) { s.goroutines += float64(i / 10) }, "goroutines"},
		{"a file in ten seconds", func(i int, s *sample) { s.files += float64(i / 10) }, "open files"},
		{"20 kB a second", func(i int, s *sample) { s.heap += float64(i) * 20_000 }, "live heap"},
		{"100 kB a second", func(i int, s *sample) { s.memory += float64(i) * 100_000 }, "resident memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range figuresOf(series(tt.change)) {
				if f.flat() != (f.name != tt.grew) {
					t.Errorf("got %v", f)
				}
			}
		})
	}
}
