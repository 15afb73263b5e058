package tool

import "testing"

// Figure prints what was measured beside its goal, and reports whether it is no
// more than that.
func Figure(tb testing.TB, what string, got, goal float64, unit string) bool {
	tb.Helper()
	tb.Logf("figure: %s: %.4g %s, goal %.4g %s", what, got, unit, goal, unit)
	return got <= goal
}
