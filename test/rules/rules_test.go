// Package rules keeps the house in order: it tests the code, not what it does.
// Each rule is a function from a tree of files to findings; its test applies it
// to this module, where it must find nothing, and to small trees that break it,
// where it must. What golangci-lint can say for itself stands in golangci.yml.
package rules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"carillon/test/tool"
)

// A tree is the text of a module's files by their path from the top.
type tree map[string]string

// A rule returns one line for each thing that breaks it.
type rule func(tree) []string

// house reads this module: every file that git has or would take.
var house = sync.OnceValues(func() (tree, error) {
	root := filepath.Join("..", "..")
	git := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	out, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the files with git: %w", err)
	}
	found := tree{}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // removed, and git was not told yet
		}
		if err != nil {
			return nil, err
		}
		if !bytes.ContainsRune(text, 0) {
			found[name] = string(text)
		}
	}
	return found, nil
})

// keeps fails t for each finding of r in this module.
func keeps(t *testing.T, r rule) {
	t.Helper()
	tool.Need(t, "git", "git")
	found, err := house()
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range r(found) {
		t.Error(finding)
	}
}

// A breach is a small tree and what a rule must say about it: each of want is
// part of one finding, in order; none means that the tree is in order.
type breach struct {
	name string
	tree tree
	want []string
}

// bites fails t unless r says about each tree what it should.
func bites(t *testing.T, r rule, breaches []breach) {
	t.Helper()
	for _, c := range breaches {
		t.Run(c.name, func(t *testing.T) {
			got := r(c.tree)
			if len(got) != len(c.want) {
				t.Fatalf("got %d findings %q, want %d", len(got), got, len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("finding %d: got %q, want %q", i, got[i], want)
				}
			}
		})
	}
}

// paths returns the names of the files in order.
func (tr tree) paths() []string { return slices.Sorted(maps.Keys(tr)) }

// A source is one parsed Go file.
type source struct {
	path string
	pkg  string // its directory: what comes behind "carillon/" in an import
	test bool
	file *ast.File
	set  *token.FileSet
}

// sources parses the Go files in order of their paths; testdata holds no
// packages.
func (tr tree) sources() ([]source, []string) {
	var found []source
	var broken []string
	set := token.NewFileSet()
	for _, name := range tr.paths() {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		file, err := parser.ParseFile(set, name, tr[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			broken = append(broken, err.Error())
			continue
		}
		found = append(found, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), file, set})
	}
	return found, broken
}

// at says where in the tree a node stands.
func (s source) at(n ast.Node) string {
	p := s.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}
