package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// A round is what the rig measured of one server in one round.
type round struct {
	trial        string // "reg-udp"
	server       string
	done, failed int
	cpu          float64 // microseconds an operation
	memory       float64 // kB a ringing call
}

var roundLine = regexp.MustCompile(`^(\w+-\w+) round \d+ (\S+) +ok=(\d+) failed=(\d+) retransmitted=\d+ (\S+) us/op (\S+) kB/call`)

// parseRound reads a line that the rig printed, if it is about a round.
func parseRound(line string) (round, bool) {
	m := roundLine.FindStringSubmatch(line)
	if m == nil {
		return round{}, false
	}
	done, err1 := strconv.Atoi(m[3])
	failed, err2 := strconv.Atoi(m[4])
	cpu, err3 := strconv.ParseFloat(m[5], 64)
	memory, err4 := strconv.ParseFloat(m[6], 64)
	return round{m[1], m[2], done, failed, cpu, memory}, errors.Join(err1, err2, err3, err4) == nil
}

// A figure is what the rounds of one server in one trial say together. Rounds
// with failed calls do not count.
type figure struct {
	median, least, most float64
	counted, rounds     int
}

// figureOf returns the figure of a server in a trial.
func figureOf(rounds []round, t trial, server string) figure {
	var f figure
	var values []float64
	for _, r := range rounds {
		if r.trial != t.name() || r.server != server {
			continue
		}
		f.rounds++
		if r.failed == 0 {
			values = append(values, t.value(r))
		}
	}
	f.counted = len(values)
	if f.counted == 0 {
		return f
	}
	slices.Sort(values)
	middle := f.counted / 2
	f.least, f.median, f.most = values[0], values[middle], values[f.counted-1]
	if f.counted%2 == 0 {
		f.median = (values[middle-1] + values[middle]) / 2
	}
	return f
}

// value is what a trial is about.
func (t trial) value(r round) float64 {
	if t.what == "ring" {
		return r.memory
	}
	return r.cpu
}

func (t trial) unit() string {
	if t.what == "ring" {
		return "kB a ringing call"
	}
	return "µs CPU"
}

// String returns the median and the spread.
func (f figure) String() string {
	if f.counted == 0 {
		return "–"
	}
	digits := 0
	if f.most < 30 {
		digits = 1
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, f.median, digits, f.least, digits, f.most)
}
