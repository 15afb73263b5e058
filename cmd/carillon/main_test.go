package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestWithoutANode carries out command lines that end before a node is asked,
// or for want of one.
func TestWithoutANode(t *testing.T) {
	tests := []struct {
		line      string
		code      int
		out, said string // contained in stdout and stderr
	}{
		{"", 0, "carillon config apply -f my.yaml", ""},
		{"--help", 0, "Available Commands:", ""},
		{"run --help", 0, "--listen", ""},
		{"version", 0, "carillon ", ""},
		{"config", 0, "rollback", ""},
		{"staus", exitUsage, "", "Did you mean this?\n\tstatus"},
		{"config aply", exitUsage, "", "Did you mean this?\n\tapply"},
		{"config apply", exitUsage, "", "See `carillon config apply --help`."},
		{"config rollback one", exitUsage, "", "revisions are numbers"},
		{"status -o yaml", exitUsage, "", "it is table or json"},
		{"status now", exitUsage, "", "See `carillon status --help`."},
		{"run --role lifeguard", exitError, "", "give it --join and --token"},
		{"run --role witness", exitError, "", "give it --join and --token"},
		{"run --role witness --apply x", exitUsage, "", "a witness does not know the configuration"},
		{"run --join a:b:c", exitUsage, "", "HOST or HOST:PORT"},
		{"run --join 127.0.0.1", exitError, "", "--join needs a --token"},
		{"run --join 127.0.0.1 --token x", exitNotAllowed, "", "this is no token"},
		{"run --first --join 127.0.0.1", exitUsage, "", "give one of them"},
		{"token create --ttl x", exitUsage, "", "See `carillon token create --help`."},
		{"token create", exitError, "", "no node runs"},
		{"members -o xml", exitUsage, "", "it is table or json"},
		{"run --name UPPER", exitUsage, "", "lower-case"},
		{"run --listen house", exitUsage, "", "one IP address"},
		{"status", exitError, "", "no node runs in DIR: start one with `"},
		{"events --watch", exitError, "", "or name its directory with --data"},
		{"config plan -f /dev/null", exitError, "", "no node runs"},
		{"config plan -f DIR/none.yaml", exitError, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			dir := t.TempDir()
			in := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
			var out, words bytes.Buffer
			args := append(strings.Fields(in(tt.line)), "--data", dir)
			if code := run(t.Context(), args, &out, &words); code != tt.code {
				t.Errorf("got exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(out.String(), in(tt.out)) || tt.out == "" && out.Len() > 0 {
				t.Errorf("got output %q, want %q", out.String(), in(tt.out))
			}
			if !strings.Contains(words.String(), in(tt.said)) || tt.said == "" && words.Len() > 0 {
				t.Errorf("got words %q, want %q", words.String(), in(tt.said))
			}
		})
	}
}
