package simulator

import (
	"maps"

	"carillon/cluster/replica"
)

// check compares what a reader has of an owner with what that one ever wrote: it
// has just the last word about each key, unless there is a later one that it does
// not claim yet: then it may have an older one. It was told of all that, it never
// goes back, and nothing comes from two histories where there is one.
func (w *world) check(n *ears, r *replica.Replica, before replica.Cursor, result replica.Result) {
	told, at := n.told[r.Owner()], r.Cursor()
	if r.Len() != len(told) {
		w.fails("%s at %v of %s has %d keys, was told %d", n.name, at, r.Owner(), r.Len(), len(told))
	}
	for key, value := range told {
		if !r.Wish().Filter.Matches(key) {
			w.fails("%s keeps %q of %s, which it does not want", n.name, key, r.Owner())
		}
		if got, ok := r.Get(key); !ok || got != value {
			w.fails("%s at %v of %s: %q is %q, was told %q", n.name, at, r.Owner(), key, got, value)
		}
	}
	if result == replica.Spoilt {
		w.checkSpoilt(n, r.Owner())
	}
	if at.Compare(before) < 0 {
		w.fails("%s went back from %v to %v of %s", n.name, before, at, r.Owner())
	}
	h := w.history[life{r.Owner(), at.Inc}]
	if at.Inc == 0 || h.forked {
		return
	}
	w.checkWords(n, r, h, told)
}

func (w *world) checkWords(n *ears, r *replica.Replica, h *words, told map[string]string) {
	at := r.Cursor()
	last, final, written := map[string]replica.Entry{}, map[string]replica.Entry{}, map[[2]string]bool{}
	for _, e := range h.list {
		if e.Version <= at.Max {
			last[e.Key()] = e
			written[[2]string{e.Key(), e.Value()}] = !e.Deleted
		}
		final[e.Key()] = e
	}
	has := r.Wish().Filter
	if !r.Complete() {
		has = r.Wish().Had
		if r.Wish().Base.Inc == 0 { // a whole copy is to come
			has = replica.Only()
		}
	}
	for key, e := range last {
		if !has.Matches(key) {
			continue
		}
		if value, ok := told[key]; final[key].Version == e.Version && (ok == e.Deleted || value != e.Value()) {
			w.fails("%s at %v of %s: %q is %q (%v), want %+v", n.name, at, r.Owner(), key, value, ok, e)
		}
	}
	for key, value := range maps.All(told) {
		if !written[[2]string{key, value}] {
			w.fails("%s at %v of %s: %q was never %q", n.name, at, r.Owner(), key, value)
		}
	}
}

// checkGone wants that a key is gone only if the owner deleted it, or came back
// without it: half of a copy must not count as the whole.
func (w *world) checkGone(n *ears, r *replica.Replica, before uint64, x replica.Change) {
	h := w.history[life{r.Owner(), r.Cursor().Inc}]
	if !x.Deleted || h.forked {
		return
	}
	first, wrote := true, false
	for _, e := range h.list {
		if e.Key() != x.Key() {
			continue
		}
		if e.Deleted || first && r.Cursor().Inc != before && e.Version > h.base {
			return
		}
		first, wrote = false, true
	}
	if wrote {
		w.fails("%s at %v lost %q of %s", n.name, r.Cursor(), x.Key(), r.Owner())
	}
}

// checkSpoilt wants that two histories are only found where a life was lived twice.
func (w *world) checkSpoilt(n *ears, owner string) {
	for at, h := range w.history {
		if at.owner == owner && h.forked {
			return
		}
	}
	w.fails("%s finds two histories of %s", n.name, owner)
}
