// Package file reads and writes the configuration as people write it: YAML.
//
// Parse turns a text into a Change, or into every error of it with line, column
// and what was meant. Plan says what the Change would do, Export writes a View
// so that applying it changes nothing. The package opens no file and proposes
// no Change; node/admin does that. What a valid configuration is, package store
// decides; this package adds where it is written.
package file

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"carillon/store"
)

const (
	maxSize   = 16 << 20 // bytes of a file; 10,000 users take about one million
	maxErrors = 50       // that one refusal reports
	maxFaults = 1000     // that are looked for
)

// A File is a text that was found valid. It holds no password.
type File struct {
	name   string
	change store.Replace
}

// Change returns the Change that the file asks for. Whoever proposes it fills
// in who wants it.
func (f *File) Change() store.Replace { return f.change }

// Parse reads the text of a file called name. What the text leaves out is taken
// from view, which the result must fit: the domain for digests, the sites of
// users. The error is [store.Errors]; no error contains a password.
func Parse(name string, yaml []byte, view *store.View) (f *File, err error) {
	defer func() {
		if recover() != nil { // the YAML library has met a text it cannot take
			f, err = nil, only(name, 0, 0, "this is not YAML that can be read")
		}
	}()
	root, err := parse(name, yaml)
	if err != nil {
		return nil, err
	}
	r := &reader{name: name, root: root, view: view}
	r.readRoot()
	r.validate()
	if len(r.errs) > 0 {
		return nil, r.sorted()
	}
	return &File{name: name, change: r.change}, nil
}

// parse returns the top of the only document.
func parse(name string, yaml []byte) (ast.Node, error) {
	text, err := checkText(name, yaml)
	if err != nil {
		return nil, err
	}
	tokens := lexer.Tokenize(text)
	if bad := checkTokens(tokens); bad != nil {
		return nil, store.Errors{bad.in(name)}
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, store.Errors{translate(name, err)}
	}
	for _, d := range parsed.Docs {
		if d.Body != nil {
			return d.Body, nil
		}
	}
	return nil, only(name, 1, 1, "the file contains nothing: it needs one of %s", listOf(rootFields()))
}

// only returns a single error.
func only(name string, line, column int, format string, args ...any) store.Errors {
	return store.Errors{{
		Kind: store.Invalid, File: name, Line: line, Column: column, Message: fmt.Sprintf(format, args...),
	}}
}

// sorted returns the errors in the order of the text, the first of them if
// there are many.
func (r *reader) sorted() store.Errors {
	slices.SortStableFunc(r.errs, func(a, b *store.Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(r.errs) - maxErrors; more > 0 {
		last := r.errs[maxErrors]
		return append(r.errs[:maxErrors:maxErrors], only(r.name, last.Line, last.Column, "and more errors from here")...)
	}
	return r.errs
}
