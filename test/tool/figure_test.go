package tool_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"carillon/test/tool"
)

// TestReadFigures: what Figure prints is read, and whose it is, also of tests that
// run at the same time.
func TestReadFigures(t *testing.T) {
	out := "=== RUN   TestX\n" +
		"=== NAME  TestX/a/b\n" +
		"    x_test.go:29: figure: calls: lost: 3 , goal 0 \n" +
		"=== CONT  TestX/a/c\n" +
		"    x_test.go:30: nothing of the kind\n" +
		"    x_test.go:30: figure: gap: 0.208 s, goal 0.5 s\n"
	want := []tool.Measured{
		{Test: "TestX/a/b", What: "calls: lost", Got: 3},
		{Test: "TestX/a/c", What: "gap", Unit: "s", Got: 0.208, Goal: 0.5},
	}
	if diff := cmp.Diff(want, tool.ReadFigures(out)); diff != "" {
		t.Error(diff)
	}
}
