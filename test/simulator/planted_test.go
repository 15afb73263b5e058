package simulator

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"carillon/test/tool"
)

// A fault is planted by a replacement in the text of the core, in a copy that
// only the build of the test sees.
type fault struct {
	name, file string
	changes    []string // what stands there, what to put there, and so on
	test       string   // what has to find it
	in         string   // the package of that; "": this one
}

var faults = []fault{
	{"a deletion below the floor is passed over", "cluster/replica/replica.go", []string{
		"return c.Floor == floor || max(c.Floor, floor) <= c.Max", "return c.Floor == floor || true",
	}, "TestRandomFaults", ""},
	{"a copy is installed before it is complete", "cluster/replica/delta.go", []string{
		"case r.staged.Max < r.goal || r.outdoes(r.staged.Cursor):", "case r.outdoes(r.staged.Cursor):",
	}, "TestRandomFaults", ""},
	{"a delta is in the wrong order", "cluster/replica/delta.go", []string{
		"for _, x := range r.items[r.after(d.From):] {", "for _, x := range slices.Backward(r.items[r.after(d.From):]) {",
		"package replica\n", "package replica\n\nimport \"slices\"\n",
	}, "TestRandomFaults", ""},
	{"an old incarnation is believed", "cluster/replica/delta.go", []string{
		"case d.Inc < r.Inc || !r.lacks && r.hasAll(d):", "case !r.lacks && r.hasAll(d):",
		"case r.staged.Max < r.goal || r.outdoes(r.staged.Cursor):", "case r.staged.Max < r.goal:",
	}, "TestRandomFaults", ""},
	{"a gap is passed over", "cluster/replica/delta.go", []string{
		"return d.Inc == s.Inc && d.From <= s.Max && s.Max < d.To", "return d.Inc == s.Inc && s.Max < d.To",
	}, "TestGap", ""},
	{"a gap is passed over, among random faults", "cluster/replica/delta.go", []string{
		"return d.Inc == s.Inc && d.From <= s.Max && s.Max < d.To", "return d.Inc == s.Inc && s.Max < d.To",
	}, "TestRandomFaults", ""},
	{"nobody notices that a machine was rolled back", "cluster/replica/check.go", []string{
		"|| d.To == r.Max && r.check() != d.Check {", "|| d.To == r.Max && r.check() != d.Check && false {",
		"if r.takes(d) && r.checkWith(d) != d.Check ", "if r.takes(d) && r.checkWith(d) != d.Check && false ",
	}, "TestRandomFaults", ""},
	{"the owner does not mind that others know more", "cluster/replica/claim.go", []string{
		"return x.exceeds(r.Cursor()) || r.contradicts(x)", "return false",
	}, "TestRandomFaults", ""},
	{"an owner does not hear of what a reader has that does not talk to it", "cluster/replica/claim.go", []string{
		"return r.rumour, r.rumour.exceeds(r.Known())", "return r.rumour, false",
	}, "TestClaim", ""},
	{"who wants all again takes what was made before", "cluster/replica/wish.go", []string{
		"if r.lacks && r.epoch != 0 {", "if r.lacks {",
		"r.lacks && r.epoch != 0 && d.Inc == r.Inc", "r.lacks && d.Inc == r.Inc",
	}, "TestWideningToAllAgain", "cluster/replica"},
	{"nobody compares what a reader claimed before", "cluster/replica/delta.go", []string{
		"if result == Applied && r.contradicts(r.rumour) {", "if false {",
	}, "TestRumour", "cluster/replica"},
	{"who wants more gets no copy of it", "cluster/replica/wish.go", []string{
		"r.lacks = r.Max != 0 && !r.had.Covers(f)", "r.lacks = false",
	}, "TestRandomFaults", ""},
	{"nobody looks at the epoch", "cluster/replica/delta.go", []string{
		"if d.Epoch != r.epoch {", "if false {",
	}, "TestRandomFaults", ""},
	{"who wants something else stays in his epoch", "cluster/replica/wish.go", []string{
		"r.filter, r.epoch, r.staged = f, epoch, nil", "r.filter, r.epoch, r.staged = f, min(epoch-1, max(r.epoch, 1)), nil",
	}, "TestRandomFaults", ""},
	{"what is not wanted any more is kept", "cluster/replica/wish.go", []string{
		"case f.Matches(x.key()):\n\t\t\te := x.entry()\n\t\t\tkept.put(&e)", "case true:\n\t\t\te := x.entry()\n\t\t\tkept.put(&e)",
	}, "TestRandomFaults", ""},
	{"a copy that leaves out what one has takes its place", "cluster/replica/delta.go", []string{
		"if r.base != 0 {", "if false {",
	}, "TestRandomFaults", ""},
	{"a copy leaves out what has been deleted and forgotten", "cluster/replica/wish.go", []string{
		"c.Max < w.Base.Max && w.Base.goesOnFrom(r.Floor)", "c.Max < w.Base.Max",
	}, "TestWideningBelowTheFloor", "cluster/replica"},
	{"two copies are mixed", "cluster/replica/wish.go", []string{
		"return r.staged != nil && d.Inc == r.staged.Inc && d.Base != r.base && d.From < max(d.Base, r.base)", "return false",
	}, "TestCopiesDoNotMix", "cluster/replica"},
	{"changes are taken while a copy is awaited", "cluster/replica/delta.go", []string{
		"case !r.lacks && r.takes(d):", "case r.takes(d):",
	}, "TestWideningInPieces", "cluster/replica"},
	{"a clock of one's own judges between two others", "store/live/learn.go", []string{
		"if x.Since.IsZero() {", "if x.Since.IsZero() || x.Since.After(time.Now().Add(time.Minute)) {",
	}, "TestRandomFaults", ""},
	{"a phone that comes does not count its move", "store/live/write.go", []string{
		"x.Move = max(x.Move, best.move+1)", "x.Move = max(x.Move, best.move)",
	}, "TestRandomFaults", ""},
}

// TestPlantedFaults plants each fault and wants that the simulator finds it.
func TestPlantedFaults(t *testing.T) {
	missed := 0
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			out, err := f.run(t)
			if err == nil {
				missed++
				t.Error("it was not found")
			}
			if !strings.Contains(out, "violation") && (f.in == "" || !strings.Contains(out, "--- FAIL")) {
				t.Fatalf("it ended for another reason: %v\n%s", err, out)
			}
			_, words, _ := strings.Cut(out, "violation: ")
			line, _, _ := strings.Cut(words, "\n")
			t.Logf("found: %.200s", line)
		})
	}
	tool.Figure(t, fmt.Sprintf("planted faults, of %d, that are not found", len(faults)), float64(missed), 0, "")
}

// run runs the test that has to find f in a program that has it.
func (f fault) run(t *testing.T) (out string, err error) {
	t.Helper()
	root, dir := tool.Root(t), t.TempDir()
	file := filepath.Join(root, filepath.FromSlash(f.file))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(f.changes); i += 2 {
		if strings.Count(string(text), f.changes[i]) != 1 {
			t.Fatalf("%s does not say once: %s", f.file, f.changes[i])
		}
		text = []byte(strings.Replace(string(text), f.changes[i], f.changes[i+1], 1))
	}
	planted, overlay := filepath.Join(dir, "planted.go"), filepath.Join(dir, "overlay.json")
	words, err := json.Marshal(map[string]any{"Replace": map[string]string{file: planted}})
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(planted, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(overlay, words, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"test", "-count=1", "-vet=off", "-overlay", overlay, "-run", "^" + f.test + "$"}
	if f.in == "" {
		args = append(args, "./test/simulator", "-runs", "200")
	} else {
		args = append(args, "./"+f.in)
	}
	test := exec.CommandContext(t.Context(), "go", args...)
	test.Dir = root
	b, err := test.CombinedOutput()
	return string(b), err
}
