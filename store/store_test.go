package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rename is a Change for tests: it sets the domain or refuses.
type rename string

func (r rename) On(v *View) (*View, error) {
	if r == "" {
		return nil, &Error{Kind: Invalid, Message: "no name"}
	}
	c := v.Config()
	c.Domain = string(r)
	return NewView(c), nil
}

func TestStoreApply(t *testing.T) {
	tests := []struct {
		name   string
		index  uint64
		change rename
		domain string
		at     uint64
		ok     bool
	}{
		{"the next", 6, "b", "b", 6, true},
		{"after a gap", 60, "b", "b", 60, true},
		{"once more", 5, "b", "a", 5, true},
		{"refused", 6, "", "a", 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(NewView(Config{Domain: "a"}).At(5))
			err := s.Apply(tt.index, tt.change)
			if (err == nil) != tt.ok || s.View().Domain() != tt.domain || s.View().Index() != tt.at {
				t.Errorf("got %s at %d, %v, want %s at %d", s.View().Domain(), s.View().Index(), err, tt.domain, tt.at)
			}
		})
	}
}

func TestStoreWatch(t *testing.T) {
	s := New(NewView(Config{}))
	var seen []string
	stop := s.Watch(func(v *View) { seen = append(seen, v.Domain()) })
	_ = s.Apply(1, rename("a"))
	_ = s.Apply(2, rename(""))
	s.Publish(NewView(Config{Domain: "b"}).At(3))
	stop()
	_ = s.Apply(4, rename("c"))
	if diff := cmp.Diff([]string{"a", "b"}, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	all := Errors{
		{Kind: Invalid, Message: "one", File: "f.yaml", Line: 3, Column: 5},
		{Kind: Conflict, Message: "two", File: "f.yaml"},
		{Kind: Conflict, Message: "three"},
	}
	if got, want := all.Error(), "f.yaml:3:5: one\nf.yaml: two\nthree"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	first, ok := errors.AsType[*Error](error(all))
	if !ok || first.Message != "one" {
		t.Errorf("got %v, %v, want the first", first, ok)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"number", "name", "site", "password", "direct"}
	for s, want := range map[string]string{
		"nubmer": "number", "Number": "number", "passwd": "password", "sites": "site", "naem": "name",
		"colour": "", "": "", "x": "", strings.Repeat("number", 100): "",
	} {
		if got := Nearest(s, known); want == "" && got != "" || want != "" && !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
