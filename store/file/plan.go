package file

import "carillon/store"

// Plan says what f would do to view, and what may surprise in it: nothing if that
// already is what f says. It fails if f does not fit view, which may be a later one than f was read for.
func Plan(view *store.View, f *File) ([]store.Line, error) {
	next, err := f.change.On(view)
	if err != nil {
		return nil, err
	}
	return append(store.Diff(view, next), store.Remarks(view, next)...), nil
}
