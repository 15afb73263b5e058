package file

import (
	"fmt"
	"slices"

	"carillon/store"
)

// unused are the fields that are validated and kept though no code acts on them
// yet. Whoever writes that code deletes the line.
func unused() []string {
	return []string{"sites.operator", "sites.survivable", "trunks"}
}

// Plan says what f would do to view: nothing if that already is what f says. It
// fails if f does not fit view, which may be a later one than f was read for.
func Plan(view *store.View, f *File) ([]store.Line, error) {
	next, err := f.change.On(view)
	if err != nil {
		return nil, err
	}
	lines := store.Diff(view, next)
	for _, field := range unused() {
		n := 0
		for _, l := range lines {
			if slices.Contains(l.Fields, field) {
				n++
			}
		}
		if n > 0 {
			lines = append(lines, store.Line{Sign: "!", Text: fmt.Sprintf("%s: not used yet (%d times)", field, n)})
		}
	}
	return lines, nil
}
