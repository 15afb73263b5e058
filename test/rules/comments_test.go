package rules

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestPackageComments(t *testing.T) { keeps(t, packageComments) }

func TestPackageCommentsBites(t *testing.T) {
	const good = "// Package x does a thing. It does not do another.\npackage x\n"
	bites(t, packageComments, []breach{
		{"in order", tree{
			"a/x/x.go":             good,
			"a/x/y.go":             "// About this file.\n\npackage x\n",
			"a/x/x_test.go":        "package x_test\n",
			"cmd/carillon/main.go": "// Command carillon runs a node. It exits with 0.\npackage main\n",
			"test/y/y_test.go":     "// Package y tests. It does nothing else.\npackage y_test\n",
		}, nil},
		{"none", tree{"a/x/x.go": "package x\n", "a/x/y.go": "package x\n"}, []string{"a/x: no package comment"}},
		{"a command with none", tree{"cmd/carillon/main.go": "package main\n"}, []string{"cmd/carillon: no package comment"}},
		{"only in a test", tree{"a/x/x.go": "package x\n", "a/x/x_test.go": good}, []string{"a/x/x_test.go: the package comment stands in a test"}},
		{"two places", tree{"a/x/x.go": good, "a/x/y.go": good}, []string{"a/x/y.go: a second package comment, beside a/x/x.go"}},
		{"a file's comment taken for the package's", tree{"a/x/x.go": good, "a/x/y.go": "// About this file.\npackage x\n"}, []string{"a/x/y.go: a second package comment"}},
		{"starts otherwise", tree{"a/x/x.go": "// This package does a thing. It does not do another.\npackage x\n"}, []string{`a/x/x.go: the package comment does not start with "Package x "`}},
		{"another's name", tree{"a/x/x.go": "// Package xylophone does a thing. It does not do another.\npackage x\n"}, []string{`does not start with "Package x "`}},
		{"one sentence", tree{"a/x/x.go": "// Package x does a thing with v1.2 of that.\npackage x\n"}, []string{"a/x/x.go: the package comment has 1 sentence"}},
		{"a command's name", tree{"cmd/carillon/main.go": "// Package main runs a node. It exits with 0.\npackage main\n"}, []string{`"Command carillon "`}},
	})
}

// packageComments wants one comment for each package, in one place, that says
// what lives there and at least one thing more: what does not, or whom it talks
// to.
func packageComments(tr tree) []string {
	sources, findings := tr.sources()
	byPackage := map[string][]source{}
	var order []string
	for _, s := range sources {
		if byPackage[s.pkg] == nil {
			order = append(order, s.pkg)
		}
		byPackage[s.pkg] = append(byPackage[s.pkg], s)
	}
	for _, pkg := range order {
		findings = append(findings, packageComment(pkg, byPackage[pkg])...)
	}
	return findings
}

func packageComment(pkg string, files []source) []string {
	var commented []source
	onlyTests := true
	for _, s := range files {
		if s.file.Doc != nil {
			commented = append(commented, s)
		}
		onlyTests = onlyTests && s.test
	}
	if len(commented) == 0 {
		return []string{pkg + ": no package comment: what lives here, what does not, whom it talks to?"}
	}
	first := commented[0]
	findings := commentText(first)
	if first.test && !onlyTests {
		findings = append(findings, first.path+": the package comment stands in a test")
	}
	for _, s := range commented[1:] {
		findings = append(findings, fmt.Sprintf("%s: a second package comment, beside %s (an empty line makes it the file's own)", s.path, first.path))
	}
	return findings
}

// sentenceEnd is not in front of a letter: v1.2 ends nothing.
var sentenceEnd = regexp.MustCompile(`[.!?]["')\]]*(\s|$)`)

func commentText(s source) []string {
	start := "Package " + strings.TrimSuffix(s.file.Name.Name, "_test") + " "
	if s.file.Name.Name == "main" {
		start = "Command " + path.Base(s.pkg) + " "
	}
	text := s.file.Doc.Text()
	var findings []string
	if !strings.HasPrefix(text, start) {
		findings = append(findings, fmt.Sprintf("%s: the package comment does not start with %q", s.path, start))
	}
	if n := len(sentenceEnd.FindAllString(text, -1)); n < 2 {
		findings = append(findings, fmt.Sprintf("%s: the package comment has %d sentence(s), two are the least", s.path, n))
	}
	return findings
}
