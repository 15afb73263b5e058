package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNoMachinePaths(t *testing.T) { keeps(t, machinePaths) }

func TestNoMachinePathsBites(t *testing.T) {
	home := "/" + "work/" // this file is read too
	bites(t, machinePaths, []breach{
		{"in order", tree{
			"README.md":  "Data is in `./carillon-data`; see net" + home + "x and $" + "WORK" + home + "x, \\" + home,
			"go.sum":     "h1:" + home,
			"LICENSE":    "http:/" + home + "licenses",
			"test/a.txt": "TMPDIR=${TMPDIR:-/" + "tmp}",
		}, nil},
		{"a page", tree{"README.md": "It is built\nin " + home + "main.\n"}, []string{"README.md:2: a path of one machine"}},
		{"a comment", tree{"store/s.go": "package store // see " + home + "x\n"}, []string{"store/s.go:1: a path of one machine"}},
		{"a home", tree{"test/all": "cp x /" + "root/x"}, []string{"test/all:1"}},
		{"a home by name", tree{"test/all": "cp x '/" + "home/me/x'"}, []string{"test/all:1"}},
		{"a scratch file", tree{"store/DESIGN.md": "see `/" + "tmp/x`"}, []string{"store/DESIGN.md:1"}},
	})
}

// machinePath is a directory that only the writer's machine has, not in the
// middle of a longer path.
var machinePath = regexp.MustCompile(`(?:^|[^\w.$}/\\-])/(?:work|root|home|tmp)/`)

func machinePaths(tr tree) []string {
	var findings []string
	for _, name := range tr.paths() {
		if path.Ext(name) == ".sum" {
			continue // checksums are not words
		}
		for i, line := range slices.Collect(strings.Lines(tr[name])) {
			if machinePath.MatchString(line) {
				findings = append(findings, fmt.Sprintf("%s:%d: a path of one machine: %s", name, i+1, strings.TrimSpace(line)))
			}
		}
	}
	return findings
}
