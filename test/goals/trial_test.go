package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"carillon/test/tool"
)

// TestTrialsAreThere: each test that is named is one.
func TestTrialsAreThere(t *testing.T) {
	for _, x := range trials() {
		files, err := filepath.Glob(filepath.Join(tool.Root(t), filepath.FromSlash(x.pkg), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		top, sub, _ := strings.Cut(strings.ReplaceAll(x.tests, "$", ""), "/")
		for name := range strings.SplitSeq(top, "|") {
			if !strings.Contains(all.String(), "func "+name+"(t ") {
				t.Errorf("%s has no %s", x.pkg, name)
			}
		}
		for name := range strings.SplitSeq(strings.Trim(sub, "()"), "|") {
			if x.pkg == "test/lab" && !strings.Contains(all.String(), `"`+name+`"`) && sub != "" {
				t.Errorf("%s has no %s", x.pkg, name)
			}
		}
	}
}

// TestRead: what tool.Figure prints is read.
func TestRead(t *testing.T) {
	out := "=== RUN   TestX\n" +
		"    x_test.go:29: figure: a change: at 10 sites, p99: 0.1865 s, goal 1 s\n" +
		"    x_test.go:30: figure: false alarms: 1 , goal 0 \n" +
		"    x_test.go:31: figure: rings: 1.2e+03 % of a core, goal 15 % of a core\n"
	want := []row{
		{3, "a change: at 10 sites, p99", "0.1865 s", "1 s", true},
		{3, "false alarms", "1", "0", false},
		{3, "rings", "1200 % of a core", "15 % of a core", false},
	}
	if diff := cmp.Diff(want, trial{goal: 3}.read([]byte(out)), cmp.AllowUnexported(row{})); diff != "" {
		t.Error(diff)
	}
}
