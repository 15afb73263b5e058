package scale

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"carillon/test/tool"
)

// TestBuildsForSmallBoards: the program is one static file on a board with an ARM
// processor, too.
func TestBuildsForSmallBoards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carillon")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", path, "./cmd/carillon")
	build.Dir, build.Env = tool.Root(t), append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building for arm64: %v\n%s", err, out)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	loader := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if program.Machine != elf.EM_AARCH64 || loader {
		t.Errorf("got a program for %v, loaded by another one: %v, want a static one for %v", program.Machine, loader, elf.EM_AARCH64)
	}
}
