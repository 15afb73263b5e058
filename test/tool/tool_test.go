package tool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verdict is a testing.TB that records how a test gave up.
type verdict struct {
	testing.TB
	text string
}

func (v *verdict) Helper() {}

func (v *verdict) Fatalf(format string, args ...any) {
	v.give("failed: " + fmt.Sprintf(format, args...))
}

func (v *verdict) Skipf(format string, args ...any) {
	v.give("skipped: " + fmt.Sprintf(format, args...))
}

// give keeps the first word: a real Fatalf would not return.
func (v *verdict) give(text string) {
	if v.text == "" {
		v.text = text
	}
}

func TestMissing(t *testing.T) {
	need := func(tb testing.TB) { tb.Helper(); Need(tb, "no-such-program", "such-package") }
	shared := func(tb testing.TB) { tb.Helper(); Shared(tb, "no/such/file") }
	for _, c := range []struct {
		name, ci string
		ask      func(testing.TB)
		want     string
	}{
		{"program elsewhere", "", need, "skipped: no-such-program is not installed: apt-get install such-package"},
		{"program, CI says no", "false", need, "skipped: no-such-program is not installed: apt-get install such-package"},
		{"program under CI", "true", need, "failed: no-such-program is not installed: apt-get install such-package"},
		{"material elsewhere", "", shared, "skipped: ../shared/no/such/file is not there"},
		{"material under CI", "1", shared, "failed: ../shared/no/such/file is not there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			v := &verdict{TB: t}
			c.ask(v)
			if !strings.HasPrefix(v.text, c.want) {
				t.Errorf("got %q, want %q", v.text, c.want)
			}
		})
	}
}

func TestNeed(t *testing.T) {
	if got := Need(t, "go", "golang-go"); filepath.Base(got) != "go" {
		t.Errorf("Need(go) = %q", got)
	}
}

func TestRoot(t *testing.T) {
	t.Chdir("..")
	if _, err := os.Stat(filepath.Join(Root(t), "test", "tool", "tool.go")); err != nil {
		t.Error(err)
	}
}
