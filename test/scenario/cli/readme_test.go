package cli

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

const readme = "../../../README.md"

// TestReadmeCommands asks every command that the README shows for its help, so
// that none of its words or flags is an invention.
func TestReadmeCommands(t *testing.T) {
	found := 0
	for line := range strings.SplitSeq(fenced(t, "sh"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		line, _, _ = strings.Cut(line, ">")
		line = strings.Replace(line, "go run ./cmd/carillon", "carillon", 1)
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "carillon" {
			continue
		}
		found++
		out, err := exec.Command(program, append(words[1:], "--help")...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Usage:") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if found < 10 {
		t.Errorf("got %d commands, want at least ten", found)
	}
}

// TestReadmeLinks opens what the README points at.
func TestReadmeLinks(t *testing.T) {
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(text(t), -1) {
		if _, err := os.Stat("../../../" + link[1]); err != nil {
			t.Error(err)
		}
	}
}

// readmeFile writes the configuration that the README shows.
func readmeFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readme FILE")
	}
	content, err := os.ReadFile(readme)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(blocks(string(content), "yaml")), 0o600))
}

func text(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func fenced(t *testing.T, language string) string {
	t.Helper()
	return blocks(text(t), language)
}

// blocks returns all code of one language in a Markdown text.
func blocks(markdown, language string) string {
	var code strings.Builder
	for _, block := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(markdown, -1) {
		code.WriteString(block[1])
	}
	return code.String()
}
