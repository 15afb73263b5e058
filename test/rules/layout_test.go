package rules

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carillon/test/tool"
)

const (
	fullFile   = 400 // lines
	fullDesign = 150
)

var (
	topLevel  = []string{".ci", ".gitignore", "LICENSE", "README.md", "cluster", "cmd", "go.mod", "go.sum", "node", "sipcore", "store", "test"}
	mainRooms = []string{"cluster", "node", "sipcore", "store"} // each explains its decisions in a DESIGN.md
)

func TestTopLevel(t *testing.T) { keeps(t, topLevelOnly) }

func TestTopLevelBites(t *testing.T) {
	bites(t, topLevelOnly, []breach{
		{"in order", tree{"go.mod": "", "store/s.go": "", ".ci/run": ""}, nil},
		{"a directory", tree{"internal/x/x.go": "", "internal/y/y.go": ""}, []string{"internal is not foreseen"}},
		{"a file", tree{"Makefile": "", "go.mod": ""}, []string{"Makefile is not foreseen"}},
		{"a second module", tree{"test/load/go.mod": ""}, []string{"test/load/go.mod: the gate does not see a module inside the module"}},
	})
}

func topLevelOnly(tr tree) []string {
	var findings []string
	seen := map[string]bool{}
	for _, name := range tr.paths() {
		top, _, _ := strings.Cut(name, "/")
		if !slices.Contains(topLevel, top) && !seen[top] {
			findings = append(findings, top+" is not foreseen at the top: "+strings.Join(topLevel, ", "))
		}
		seen[top] = true
		if path.Base(name) == "go.mod" && name != "go.mod" {
			findings = append(findings, name+": the gate does not see a module inside the module")
		}
	}
	return findings
}

func TestDesign(t *testing.T) { keeps(t, design) }

func TestDesignBites(t *testing.T) {
	bites(t, design, []breach{
		{"in order", tree{"store/s.go": "", "store/DESIGN.md": strings.Repeat("why\n", fullDesign)}, nil},
		{"a room without one", tree{"store/s.go": "", "cluster/replica/r.go": "", "cluster/DESIGN.md": "why\n"}, []string{"store/DESIGN.md is missing"}},
		{"too long", tree{"sipcore/proxy/DESIGN.md": strings.Repeat("why\n", fullDesign+1), "sipcore/DESIGN.md": "why\n"}, []string{
			"sipcore/proxy/DESIGN.md has 151 lines",
		}},
		{"empty", tree{"node/DESIGN.md": "\n"}, []string{"node/DESIGN.md says nothing"}},
	})
}

// design wants the decisions of each main room written down, and short.
func design(tr tree) []string {
	var findings []string
	for _, room := range mainRooms {
		here := func(name string) bool { return strings.HasPrefix(name, room+"/") }
		if _, found := tr[room+"/DESIGN.md"]; !found && slices.ContainsFunc(tr.paths(), here) {
			findings = append(findings, room+"/DESIGN.md is missing: purpose, flow, why not otherwise, limits")
		}
	}
	for _, name := range tr.paths() {
		if path.Base(name) != "DESIGN.md" {
			continue
		}
		if n := lines(tr[name]); n > fullDesign {
			findings = append(findings, fmt.Sprintf("%s has %d lines, %d are full", name, n, fullDesign))
		}
		if strings.TrimSpace(tr[name]) == "" {
			findings = append(findings, name+" says nothing")
		}
	}
	return findings
}

func TestFullFiles(t *testing.T) { keeps(t, fullFiles) }

func TestFullFilesBites(t *testing.T) {
	bites(t, fullFiles, []breach{
		{"in order", tree{
			"store/s.go":      "package store\n" + strings.Repeat("//\n", fullFile-1),
			"store/s_test.go": "package store\n" + strings.Repeat("//\n", fullFile),
		}, nil},
		{"overfull", tree{"store/s.go": "package store\n" + strings.Repeat("//\n", fullFile)}, []string{"store/s.go has 401 lines"}},
	})
}

// fullFiles counts every line; golangci-lint leaves out comments and blanks.
func fullFiles(tr tree) []string {
	var findings []string
	for _, name := range tr.paths() {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if n := lines(tr[name]); n > fullFile {
			findings = append(findings, fmt.Sprintf("%s has %d lines, %d are full: split it by noun", name, n, fullFile))
		}
	}
	return findings
}

func lines(text string) int { return strings.Count(text, "\n") }

// The lint configuration is the one all work on the project starts from.
func TestLintConfiguration(t *testing.T) {
	want, err := os.ReadFile(tool.Shared(t, "skeleton/test/rules/golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("golangci.yml is not the skeleton's")
	}
}

func TestGateRuns(t *testing.T) {
	for _, script := range []string{".ci/run", "test/all"} {
		info, err := os.Stat(filepath.Join(tool.Root(t), script))
		if err != nil {
			t.Error(err)
		} else if info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable", script)
		}
	}
	keeps(t, func(tr tree) []string {
		if !strings.Contains(tr[".ci/run"], "test/all") {
			return []string{".ci/run does not call test/all"}
		}
		return nil
	})
}
