package node

import (
	"regexp"
	"testing"
)

func TestPassword(t *testing.T) {
	shape := regexp.MustCompile(`^([a-z]{6}-){3}[0-9]{2}$`)
	seen := make(map[string]bool)
	for range 1000 {
		p := password()
		if !shape.MatchString(p) || seen[p] {
			t.Fatalf("got %q", p)
		}
		seen[p] = true
	}
}
