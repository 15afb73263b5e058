package file

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/token"

	"carillon/store"
)

// A yamlError is what the YAML library reports.
type yamlError interface {
	error
	GetMessage() string
	GetToken() *token.Token
}

// translate returns err in words for administrators. The library's own text is
// never shown: it repeats lines of the file, and those may contain passwords.
func translate(name string, err error) *store.Error {
	e := &store.Error{Kind: store.Invalid, File: name, Message: "this is not YAML that can be read"}
	var y yamlError
	if !errors.As(err, &y) {
		return e
	}
	e.Message = translateMessage(y.GetMessage())
	if t := y.GetToken(); t != nil && t.Position != nil {
		e.Line, e.Column = t.Position.Line, t.Position.Column
	}
	return e
}

// translateMessage returns the words for one of the library's messages.
func translateMessage(message string) string {
	const other = "this is not YAML that can be read: look for a missing colon, bracket, quote or indent"
	for _, t := range [...]struct{ part, words string }{
		{`found character '	'`, "a tab stands here: YAML is indented with spaces"},
		{"found a tab", "a tab stands here: YAML is indented with spaces"},
		{"is a reserved character", "put a text that begins with @ or ` in quotes"},
		{"unknown escape character", `an unknown escape follows \ in a text in double quotes: use single quotes, or write \\`},
		{"end character of single-quoted", "the closing ' of this text is missing"},
		{"end character of double-quoted", `the closing " of this text is missing`},
		{"sequence end token", "the closing ] of this list is missing"},
		{"',' or ']'", "a , or the closing ] is missing here"},
		{"flow mapping end token", "the closing } is missing"},
		{"',' or '}'", "a , or the closing } is missing here"},
		{"corresponding to ']'", "this ] closes nothing"},
		{"corresponding to '}'", "this } closes nothing"},
		{"non-map value", "this is no field: write name: value, with a space after the colon"},
		{"unexpected key name", "this is no field: write name: value, with a space after the colon"},
		{"could not find map value", "the value of a field is missing here"},
		{"could not find flow map content", "this is no field: write name: value, with a space after the colon"},
		{"mapping value is not allowed", "a field begins here that does not belong here: check the indent, and put a text that contains a colon in quotes"},
		{"value is not allowed in this context", "this does not belong here: check the indent"},
		{"block sequence entries are not allowed", "a list begins on the line after its name"},
		{"implicit line break", "the name of a field stays on one line"},
	} {
		if strings.Contains(message, t.part) {
			return t.words
		}
	}
	return other
}
