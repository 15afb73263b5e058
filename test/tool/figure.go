package tool

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Figure prints what was measured beside its goal, and reports whether it is no
// more than that. go run ./test/goals and ./test/outages collect what is printed so.
func Figure(tb testing.TB, what string, got, goal float64, unit string) bool {
	tb.Helper()
	tb.Logf("figure: %s: %s %s, goal %s %s", what, plain(got), unit, plain(goal), unit)
	return got <= goal
}

// A Measured is a figure that Figure has printed.
type Measured struct {
	Test, What, Unit string
	Got, Goal        float64
}

var (
	figure  = regexp.MustCompile(`figure: (.*): (\S+) (.*), goal (\S+) `)
	speaker = regexp.MustCompile(`^=== (?:RUN|CONT|NAME)\s+(\S+)`)
)

// ReadFigures finds the figures in what go test -v has printed.
func ReadFigures(out string) (all []Measured) {
	test := ""
	for line := range strings.Lines(out) {
		if m := speaker.FindStringSubmatch(line); m != nil {
			test = m[1]
		}
		m := figure.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		got, bad := strconv.ParseFloat(m[2], 64)
		goal, worse := strconv.ParseFloat(m[4], 64)
		if bad == nil && worse == nil {
			all = append(all, Measured{Test: test, What: m[1], Unit: strings.TrimSpace(m[3]), Got: got, Goal: goal})
		}
	}
	return all
}

func plain(x float64) string { return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64) }
