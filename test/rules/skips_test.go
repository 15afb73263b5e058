package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestNoSkips(t *testing.T) { keeps(t, skips) }

func TestNoSkipsBites(t *testing.T) {
	bites(t, skips, []breach{
		{"in order", tree{
			"test/tool/tool.go": "package tool\nfunc missing(tb testing.TB) { tb.Skipf(``) }",
			"store/s_test.go":   "package store\nfunc FuzzX(f *testing.F) { f.Fuzz(func(t *testing.T, b []byte) { t.Skip() }) }",
			"store/b_test.go":   "package store\nfunc TestX(t *testing.T) { if testing.Short() { t.Skip(`takes a minute`) } }",
			"store/c_test.go":   "package store\nfunc TestX(t *testing.T) { p.Skip(); tool.Need(t, `sipp`, `sip-tester`) }",
		}, nil},
		{"a test that gives up by itself", tree{"store/s_test.go": "package store\nfunc TestX(t *testing.T) {\n\tt.Skip()\n}"}, []string{
			"store/s_test.go:3: TestX skips",
		}},
		{"a helper that gives up", tree{"test/house/h.go": "package house\nfunc phone(tb testing.TB) { tb.SkipNow() }"}, []string{"test/house/h.go:2: phone skips"}},
		{"a package name that test/all cannot read", tree{"test/lab/l_test.go": "package lab\nfunc TestX(t *testing.T) { tool.Need(t, name, `sip-tester`) }"}, []string{
			"test/lab/l_test.go:2: tool.Need wants",
		}},
		{"a call over two lines", tree{"test/lab/l_test.go": "package lab\nfunc TestX(t *testing.T) { tool.Need(t,\n\"sipp\",\n\"sip-tester\") }"}, []string{
			"test/lab/l_test.go:2: tool.Need wants",
		}},
	})
}

// skips keeps the promise that nothing is skipped under CI: a test gives up
// only through package tool, as a fuzz target that refuses an input, or when it
// is asked to be short. tool.Need is called so that test/all can read from the
// source what to install.
func skips(tr tree) []string {
	sources, findings := tr.sources()
	for _, s := range sources {
		if s.pkg == "test/tool" {
			continue
		}
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				findings = append(findings, skipsIn(s, f)...)
			}
		}
	}
	return findings
}

func skipsIn(s source, f *ast.FuncDecl) []string {
	var findings []string
	excused := strings.HasPrefix(f.Name.Name, "Fuzz") || len(calls(f, "testing.Short")) > 0
	for _, call := range calls(f, "t.Skip", "t.Skipf", "t.SkipNow", "tb.Skip", "tb.Skipf", "tb.SkipNow", "b.Skip", "b.Skipf", "b.SkipNow") {
		if !excused {
			findings = append(findings, fmt.Sprintf("%s: %s skips: what is missing is asked for with tool.Need or tool.Shared", s.at(call), f.Name.Name))
		}
	}
	for _, call := range calls(f, "tool.Need") {
		sameLine := s.set.Position(call.Pos()).Line == s.set.Position(call.End()).Line
		if !sameLine || len(call.Args) != 3 || !isString(call.Args[1]) || !isString(call.Args[2]) {
			findings = append(findings, s.at(call)+`: tool.Need wants its two names as literals, on its own line`)
		}
	}
	return findings
}

// calls returns the calls in f of the given qualified names.
func calls(f *ast.FuncDecl, names ...string) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && slices.Contains(names, x.Name+"."+selector.Sel.Name) {
			found = append(found, call)
		}
		return true
	})
	return found
}

func isString(e ast.Expr) bool {
	literal, ok := e.(*ast.BasicLit)
	return ok && literal.Kind == token.STRING
}
