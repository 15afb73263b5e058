package file

import (
	"fmt"
	"strings"
	"testing"

	"carillon/store"
)

// secret is a password that occurs nowhere else.
const secret = "hunter2Zq9"

// TestNoWordContainsAPassword types every wrong key at every place of a file
// and reads all that is said about it.
func TestNoWordContainsAPassword(t *testing.T) {
	const text = `domain: tel.example.org
sites:
  - {name: hq, operator: "201"}
users:
  - number: "201"
    name: Alice
    password: ` + secret + `
    site: hq
  - {number: "202", password: ` + secret + `, name: Bob}
  - {number: "203", password: "` + secret + `"}
  - {number: "205", calendar: {ics: "http://x.example", user: alice, password: ` + secret + `}}
  - number: "206"
    calendar:
      caldav: http://x.example/b
      user: bob
      password: "` + secret + `"
  - password: '` + secret + `'
    number: "204"
`
	view := store.NewView(store.Config{Domain: "tel.example.org"})
	begin := strings.Index(text, "users")
	for i := begin; i < len(text); i++ {
		if inside(text, i) {
			continue
		}
		check(t, view, text[:i]+text[i+1:])
		check(t, view, text[:i]) // as if the file were cut short
		for _, c := range "\n\t :\"'[]{}#&*!|>-,@%\\?~x\x00" {
			check(t, view, text[:i]+string(c)+text[i:])
		}
	}
}

// inside reports whether the i-th byte belongs to a password: cut in two it
// would not be found again.
func inside(text string, i int) bool {
	for j := max(0, i-len(secret)+1); j <= i; j++ {
		if strings.HasPrefix(text[j:], secret) {
			return true
		}
	}
	return false
}

func check(t *testing.T, view *store.View, text string) {
	t.Helper()
	f, err := Parse("f.yaml", []byte(text), view)
	said := fmt.Sprint(err)
	if err == nil {
		lines, planErr := Plan(view, f)
		next, _ := f.Change().On(view)
		said = fmt.Sprint(lines, planErr, string(Export(next)), f)
	}
	if strings.Contains(said, secret) {
		t.Errorf("%s\nsays: %s", text, said)
	}
}

func TestNoErrorContainsAPasswordOfAnyType(t *testing.T) {
	for _, value := range []string{
		"12345678", "0x12345678", "1.2345678", "[12345678]", "{a12345678: b12345678}", "- 12345678", "|\n      12345678", ">-\n      12345678",
		"12345678\n      more", "*12345678", "&12345678 x", "!12345678 x", "@12345678", "`12345678", "%12345678", "\"12345678", "'12345678", "a: 12345678",
		"\"12345678\\q\"", "12345678: b", "? 12345678", strings.Repeat("12345678", 100), "\"12345678\\n\"", "\"12345678\\x07\"",
	} {
		_, err := Parse("f.yaml", []byte("users:\n  - number: \"1\"\n    password: "+value+"\n"), empty())
		if err == nil || strings.Contains(err.Error(), "12345678") {
			t.Errorf("%s: got %v", value, err)
		}
	}
}
