package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirectoryIsHeldOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, e := os.Stat(path); e != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got mode %v, %v", info.Mode(), e)
	}
	if _, err = openDirectory(path); err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("opened twice: %v", err)
	}
	if err = d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = openDirectory(path); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	_ = d.Close()
}

func TestForeignDirectories(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  string // in the error
	}{
		{"empty", nil, ""},
		{"the top of a file system", []string{"lost+found"}, ""},
		{"a start that was interrupted", []string{"lock", "node.json.new"}, ""},
		{"a node", []string{"node.json", "letter.txt"}, ""},
		{"somebody's", []string{"letter.txt"}, "it holds letter.txt"},
		{"a node that has lost its identity", []string{"config.db", "lock"}, "it holds config.db"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := t.TempDir()
			for _, name := range tt.files {
				if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d, err := openDirectory(path)
			if err == nil {
				_ = d.Close()
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFilesAreReplacedWhole(t *testing.T) {
	d := &directory{path: t.TempDir()}
	for _, content := range []string{"the first", "2nd"} {
		if err := d.writeFile("x", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.readFile("x"); string(got) != content || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, content)
		}
	}
	info, err := os.Stat(filepath.Join(d.path, "x"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
}
