// Package tool finds what a test needs from outside the module: programs of
// Debian's packages, the material that stands beside the project, the carillon
// binary itself, and a stopwatch for machines that stand still at times; and it
// prints figures beside their goals. It is the only place where a test may give up
// because something is missing; it starts nothing but the Go compiler and
// installs nothing, which is the business of the script test/all.
package tool

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// sbin is where Debian puts servers; it is not in the PATH of an ordinary user.
const sbin = "/usr/sbin"

// Need returns the path of program. When it is not installed the test is
// skipped with the name of the Debian package to install; under CI it fails,
// because there nothing may be skipped. Both names are written as literals:
// test/all reads them from the source and installs the packages.
func Need(tb testing.TB, program, debianPackage string) string {
	tb.Helper()
	for _, name := range []string{program, filepath.Join(sbin, program)} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(tb, "%s is not installed: apt-get install %s", program, debianPackage)
	return ""
}

// Shared returns the path of a file or directory of the material that stands
// beside the project, such as "torture/torture.py". When it is not there the
// test is skipped, under CI it fails.
func Shared(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(Root(tb), "..", "shared", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		missing(tb, "%s is not there: it stands beside the project, not in it", filepath.Join("..", "shared", name))
	}
	return path
}

// Root returns the directory of the module: the nearest one, from the test's
// own upwards, that holds a go.mod.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Carillon builds the binary and returns its path, which is gone after the
// test. It takes a second or two, most of it linking.
func Carillon(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "carillon")
	build := exec.CommandContext(tb.Context(), "go", "build", "-buildvcs=false", "-o", path, "./cmd/carillon") //nolint:gosec // the path is ours
	build.Dir = Root(tb)
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("building carillon: %v\n%s", err, out)
	}
	return path
}

func missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if CI() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// CI tells whether this run must not skip anything.
func CI() bool {
	switch os.Getenv("CI") {
	case "", "0", "false":
		return false
	}
	return true
}
