package file

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"carillon/store"
)

// fault records an error at n. The path names the field as package store does.
func (r *reader) fault(n ast.Node, path, format string, args ...any) {
	r.faultAt(position(n), path, format, args...)
}

func (r *reader) faultAt(at *token.Position, path, format string, args ...any) {
	if len(r.errs) >= maxFaults {
		return
	}
	e := only(r.name, at.Line, at.Column, format, args...)[0]
	e.Field = path
	r.errs = append(r.errs, e)
}

// validate adds what package store finds wrong, but for what follows from the
// errors that are already there.
func (r *reader) validate() {
	var all store.Errors
	switch _, err := r.change.On(r.view); err := err.(type) { //nolint:errorlint // On returns these two themselves
	case store.Errors:
		all = err
	case *store.Error:
		all = store.Errors{err}
	}
	known := make(map[string]bool)
	for _, e := range r.errs {
		known[e.Field] = true
	}
	for _, e := range all {
		if !r.follows(known, e.Field) {
			r.errs = append(r.errs, r.locate(e))
		}
	}
}

// follows reports whether an error at path may come from one that is known: of
// the same field, of the element that lacks it, or of what it refers to.
func (r *reader) follows(known map[string]bool, path string) bool {
	list, rest, _ := strings.Cut(path, "[")
	index, field, _ := strings.Cut(rest, "]")
	switch {
	case known[path] || known[list] || known[""]:
		return true
	case known[list+"["+index+"]"]:
		return !r.isWritten(path)
	case field == ".site":
		return mentions(known, "sites", "name")
	case field == ".operator":
		return mentions(known, "users", "number")
	default:
		return false
	}
}

// mentions reports whether an error is known that may hide a name of a list:
// of the list, of a whole element, or of that field.
func mentions(known map[string]bool, list, field string) bool {
	for path := range known {
		of, rest, _ := strings.Cut(path, "[")
		if _, f, _ := strings.Cut(rest, "]"); of == list && (f == "" || f == "."+field) {
			return true
		}
	}
	return false
}

// locate returns e with its place in the text.
func (r *reader) locate(e *store.Error) *store.Error {
	at, found := r.find(e.Field)
	located := *e
	if !found {
		located.Message = r.owner(e.Field) + e.Message
		at, _ = r.find(cause(e.Field))
	}
	located.File, located.Line, located.Column = r.name, at.Line, at.Column
	if e.Also != "" {
		if first, ok := r.find(e.Also); ok {
			located.Message += fmt.Sprintf(", first on line %d", first.Line)
		} else {
			located.Message += ", first by what this file does not contain"
		}
	}
	return &located
}

// cause names the list that makes a field wrong which is not in the file.
func cause(path string) string {
	switch {
	case strings.HasSuffix(path, "].site"):
		return "sites"
	case strings.HasPrefix(path, "domain"):
		return "domain"
	default:
		return "users"
	}
}

// owner names the element of a path into a list that is not in the file.
func (r *reader) owner(path string) string {
	list, rest, _ := strings.Cut(path, "[")
	digits, _, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(digits)
	if err != nil {
		return ""
	}
	c := r.view.Config()
	switch {
	case list == "sites" && i < len(c.Sites):
		return "site " + c.Sites[i].Name + ", which is not in this file: "
	case list == "users" && i < len(c.Users):
		return "user " + c.Users[i].Number + ", who is not in this file: "
	case list == "dns.resolvers" && i < len(c.DNS.Resolvers):
		return "resolver " + c.DNS.Resolvers[i].Address.String() + ", which is not in this file: "
	case list == "trunks" && i < len(c.Trunks):
		return "trunk " + c.Trunks[i].Name + ", which is not in this file: "
	default:
		return ""
	}
}

// find returns where the field of a path is written: the value if it is there,
// else the closest thing around it. It reports whether it came past the top.
func (r *reader) find(path string) (at *token.Position, found bool) {
	n, at := r.root, position(r.root)
	for step := range steps(path) {
		if n = child(n, step); n == nil {
			return at, found
		}
		at, found = position(n), true
	}
	return at, found
}

// isWritten reports whether the text has a value at path.
func (r *reader) isWritten(path string) bool {
	n := r.root
	for step := range steps(path) {
		if n = child(n, step); n == nil {
			return false
		}
	}
	return true
}

// steps returns the parts of a path: of "users[3].number" users, 3, number.
func steps(path string) iter.Seq[string] {
	return strings.FieldsFuncSeq(path, func(c rune) bool { return c == '.' || c == '[' || c == ']' })
}

// child returns the field or element of n that step names, or nil.
func child(n ast.Node, step string) ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		if i, err := strconv.Atoi(step); err == nil && i < len(s.Values) {
			return s.Values[i]
		}
		return nil
	}
	fields, _ := fieldsOf(n)
	for _, v := range fields {
		if v.Key.GetToken().Value == step {
			return v.Value
		}
	}
	return nil
}

// fieldsOf returns the fields of n if it is a mapping.
func fieldsOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	default:
		return nil, false
	}
}

// position returns where n begins.
func position(n ast.Node) *token.Position {
	if fields, ok := fieldsOf(n); ok && len(fields) > 0 {
		return fields[0].Key.GetToken().Position
	}
	return n.GetToken().Position
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
