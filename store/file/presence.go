package file

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"carillon/store"
)

// presence reads how presence is told; what it does not say is as usual.
func (r *reader) presence(group entry) *store.Presence {
	var p store.Presence
	known := []string{"merge", "im_to_rpidf", "merge_primary_source", "mix_dialog_presence", "merge_order"}
	for _, f := range r.mapping(group.value, group.path, "presence", known) {
		switch f.name {
		case "merge":
			p.Composed = !r.yes(f)
		case "im_to_rpidf":
			p.KeepsIM = !r.yes(f)
		case "mix_dialog_presence":
			p.CallsApart = !r.yes(f)
		case "merge_primary_source":
			p.PrimarySource = r.text(f)
		case "merge_order":
			p.Order = each(r, f, func(n ast.Node, at string) string {
				return r.text(entry{name: "a source", path: at, value: n})
			})
		}
	}
	return &p
}

// rules reads where the calls of a user go while something is told of him.
func (r *reader) rules(group entry) (all []store.Rule) {
	for _, f := range r.mapping(group.value, group.path, "presence", store.States()) {
		all = append(all, store.Rule{State: f.name, To: r.text(f)})
	}
	return all
}

func writeRules(w *bytes.Buffer, all []store.Rule) {
	if len(all) == 0 {
		return
	}
	texts := make([]string, len(all))
	for i, x := range all {
		texts[i] = x.State + ": " + quoted(x.To)
	}
	slices.Sort(texts)
	fmt.Fprintf(w, "    presence: {%s}\n", strings.Join(texts, ", "))
}

func writePresence(w *bytes.Buffer, p store.Presence) {
	primary := ""
	if p.PrimarySource != "" {
		primary = "merge_primary_source: " + quoted(p.PrimarySource) + ", "
	}
	fmt.Fprintf(w, "presence: {merge: %s, im_to_rpidf: %s, mix_dialog_presence: %s, %smerge_order: [%s]}\n",
		yesNo(!p.Composed), yesNo(!p.KeepsIM), yesNo(!p.CallsApart), primary, strings.Join(p.Order, ", "))
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
