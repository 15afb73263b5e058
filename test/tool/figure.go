package tool

import (
	"math"
	"strconv"
	"testing"
)

// Figure prints what was measured beside its goal, and reports whether it is no
// more than that. go run ./test/goals collects what is printed so.
func Figure(tb testing.TB, what string, got, goal float64, unit string) bool {
	tb.Helper()
	tb.Logf("figure: %s: %s %s, goal %s %s", what, plain(got), unit, plain(goal), unit)
	return got <= goal
}

func plain(x float64) string { return strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64) }
