package file

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"carillon/store"
)

// FuzzParse checks that every text is either refused with places in it, or
// survives plan, export and applying the export.
func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("sites: [{name: hq, networks: [{prefix: 10.0.0.0/8, register: no, transports: [tls], most_calls: 2, location: \"a\"}]}]\nusers: [{number: \"1\", roams: yes}]\n"))
	f.Add([]byte("domain: a.b\nusers: [{number: \"1\", name: 'x'}]\n"))
	f.Add([]byte("users:\n- number: 201\n  site: &a {b: [*a]}\n"))
	f.Add([]byte("sites:\r\n  - name: hq\r\n    networks: [::/0, 10.0.0.1/8, x]\r\ntrunks: []\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		view := store.NewView(store.Config{Domain: "tel.example.org"})
		begin := time.Now()
		file, err := Parse("f", text, view)
		if took := time.Since(begin); took > 2*time.Second {
			t.Fatalf("%d bytes took %v", len(text), took)
		}
		if err != nil {
			all, ok := errors.AsType[store.Errors](err)
			if !ok || len(all) == 0 {
				t.Fatalf("got %T, want store.Errors", err)
			}
			for _, e := range all {
				if e.Message == "" || e.Line > 1+strings.Count(string(text), "\n")+strings.Count(string(text), "\r") {
					t.Fatalf("got %+v", e)
				}
			}
			return
		}
		if _, err = Plan(view, file); err != nil {
			t.Fatal(err)
		}
		next, err := file.Change().On(view)
		if err != nil {
			t.Fatal(err)
		}
		export := Export(next)
		again, err := Parse("export", export, next)
		if err != nil {
			t.Fatalf("%v\n%s", err, export)
		}
		if lines, err := Plan(next, again); err != nil || len(lines) > 0 {
			t.Fatalf("applying the export changes %v, %v\n%s", lines, err, export)
		}
	})
}

// TestHostileTextsTakeLittleTime keeps what a text can cost in proportion to
// its length. Each of them is a quarter of a megabyte.
func TestHostileTextsTakeLittleTime(t *testing.T) {
	const size = 1 << 18
	of := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"brackets": of("["), "braces": of("{a: "), "dashes on a line": of("- "), "dashes": of("-\n"), "questions": of("? "),
		"aliases": "a: &a [x]\n" + of("b: *a\n"), "fields": of("a: b\n"), "flow fields": "{" + of("a: b, ") + "}", "texts": of("'a' "),
		"lines": "a: " + of("x\n "), "quotes": "a: \"" + of("x\n") + "\"", "comments": of("# x\n"), "fields and comments": of("a: b # x\n"),
		"documents": of("---\n"), "a long word": of("x"), "colons": of(":"), "spaces": "a:" + of(" "), "elements": "users: [" + of("a,") + "]",
		"nothing": of("\n"), "block elements": "users:\n" + of("  - a\n"), "empty elements": "users:\n" + of("  -\n"),
		"empty fields": "users:\n" + of("  - name:\n"), "empty fields below": of("a:\n- a:\n"), "commented dashes": of("- #\n"), "flow nothing": "[" + of("a:,") + "]", "null list": "[" + of(",") + "]",
		"empty in flow": "[" + of("{a: },") + "]", "nested lists": "users:\n" + of("  - name: [\n    ]\n"), "list in element": of("- a:\n  - b\n"),
		"stairs": stairs(1400), "right": strings.Repeat(" ", 300) + "a: b", "escapes": "domain: \"" + of("\\u00e9") + "\"",
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			_, err := Parse("f", []byte(text), empty())
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v: %.100v", took, err)
			} else if took > time.Second {
				t.Logf("took %v: %.100v", took, err)
			}
			if err == nil {
				t.Error("got no error")
			}
		})
	}
	if _, err := Parse("f", make([]byte, maxSize+1), empty()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a large file: got %v", err)
	}
}

// stairs nests fields as deep as n.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

func manyUsers(n int) []byte {
	var b strings.Builder
	b.WriteString("domain: tel.example.org\nsites:\n  - name: hq\n    networks: [172.30.42.0/24]\nusers:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - number: \"%d\"\n    name: Alice Martin %d\n    site: hq\n    password: s3cret%d\n    direct: [\"+32655%05d\"]\n", 10000+i, i, i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	text := manyUsers(10000)
	for b.Loop() {
		if _, err := Parse("f", text, empty()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	text := manyUsers(10000)
	f, err := Parse("f", text, empty())
	if err != nil {
		b.Fatal(err)
	}
	next, err := f.Change().On(empty())
	if err != nil {
		b.Fatal(err)
	}
	for name, view := range map[string]*store.View{"first": empty(), "again": next} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Plan(view, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExport(b *testing.B) {
	f, err := Parse("f", manyUsers(10000), empty())
	if err != nil {
		b.Fatal(err)
	}
	next, _ := f.Change().On(empty())
	for b.Loop() {
		Export(next)
	}
}
