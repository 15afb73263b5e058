package file

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"

	"carillon/store"
)

// The YAML that people need here is small: mappings, lists and texts. What is
// left out (anchors, tags, several documents) is refused before the parser sees
// it, so that neither an alias can multiply a text nor nesting exhaust a stack.
const (
	maxDepth  = 16  // of brackets
	maxColumn = 256 // at which a block may begin: it bounds the depth of blocks
	maxFields = 256 // of one element: the parser takes quadratic time
	maxEmpty  = 50  // fields without a value: here too
)

// checkText returns the text of a file without what editors put around it.
func checkText(name string, yaml []byte) (string, error) {
	if len(yaml) > maxSize {
		return "", only(name, 0, 0, "the file is larger than %d MiB", maxSize>>20)
	}
	text := strings.TrimPrefix(string(yaml), "\ufeff")
	if bad := firstInvalid(text); bad >= 0 {
		line := 1 + strings.Count(text[:bad], "\n")
		column := bad - strings.LastIndexByte(text[:bad], '\n')
		return "", only(name, line, column, "the file is not UTF-8 text")
	}
	return text, nil
}

// firstInvalid returns where text stops to be UTF-8 text, or -1.
func firstInvalid(text string) int {
	if i := bytes.IndexByte([]byte(text), 0); i >= 0 {
		return i
	}
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return i
		}
	}
	return -1
}

// A fault is an error before its file is known.
type fault struct {
	at      *token.Position
	message string
}

func (f *fault) in(name string) *store.Error {
	return &store.Error{Kind: store.Invalid, File: name, Line: f.at.Line, Column: f.at.Column, Message: f.message}
}

// checkTokens reports the first token that does not belong into a configuration.
func checkTokens(tokens token.Tokens) *fault {
	var c tokenCheck
	for _, t := range tokens {
		if message := c.next(t); message != "" {
			return &fault{t.Position, message}
		}
	}
	return nil
}

// A tokenCheck is what must be remembered between tokens.
type tokenCheck struct {
	depth   int          // of brackets
	fields  int          // since an element began
	scalars int          // in a row
	empty   int          // fields without a value
	key     *token.Token // the last thing before a colon
	last    *token.Token // comments do not count
	content bool         // something of a document was seen
	ended   bool         // the document has ended
}

// next returns what is wrong with t, or "".
func (c *tokenCheck) next(t *token.Token) string {
	if t.Type == token.CommentType {
		return ""
	}
	for _, check := range [...]func(*token.Token) string{forbidden, c.document, c.nesting, c.sequence, c.emptiness} {
		if message := check(t); message != "" {
			return message
		}
	}
	c.last = t
	return ""
}

// forbidden names what no configuration needs.
func forbidden(t *token.Token) string {
	switch t.Type {
	case token.InvalidType:
		return translateMessage(t.Error)
	case token.AnchorType, token.AliasType:
		return "anchors and aliases (& and *) are not used here: put a text that begins like this in quotes"
	case token.MergeKeyType:
		return "<< is not used here"
	case token.TagType:
		return "tags (!) are not used here: put a text that begins with ! in quotes"
	case token.DirectiveType:
		return "directives (%) are not used here: put a text that begins with % in quotes"
	case token.MappingKeyType:
		return "? is not used here: write a field as name: value"
	case token.LiteralType, token.FoldedType:
		return "texts of several lines (| and >) are not used here"
	default:
		return ""
	}
}

// document reports a second document.
func (c *tokenCheck) document(t *token.Token) string {
	switch t.Type {
	case token.DocumentHeaderType:
		if c.content {
			return "a second document begins here: a file is one document"
		}
		c.content = true
	case token.DocumentEndType:
		c.ended = true
	default:
		if c.ended {
			return "the document ended above: a file is one document"
		}
		c.content = true
	}
	return ""
}

// nesting bounds how deep the parser would have to go.
func (c *tokenCheck) nesting(t *token.Token) string {
	switch t.Type { //nolint:exhaustive // nothing else nests
	case token.SequenceStartType, token.MappingStartType:
		c.depth++
	case token.SequenceEndType, token.MappingEndType:
		c.depth--
	case token.SequenceEntryType:
		if c.last != nil && c.last.Type == token.SequenceEntryType {
			return "an element of a list is missing before this -"
		}
	case token.MappingValueType:
		if c.depth == 0 && t.Position.Column > maxColumn {
			return "this is too far to the right"
		}
	}
	if c.depth > maxDepth {
		return "lists and fields are nested too deeply"
	}
	return ""
}

// sequence bounds the fields of an element, and refuses texts that nothing
// connects.
func (c *tokenCheck) sequence(t *token.Token) string {
	switch t.Type {
	case token.SequenceEntryType, token.MappingStartType:
		c.fields, c.scalars = 0, 0
	case token.MappingValueType:
		c.fields++
		c.scalars = 0
	case token.SequenceStartType, token.SequenceEndType, token.MappingEndType, token.CollectEntryType,
		token.DocumentHeaderType, token.DocumentEndType:
		c.scalars = 0
	default:
		c.scalars++
	}
	switch {
	case c.fields > maxFields:
		return "there are too many fields in one place"
	case c.scalars > 2:
		return "this text belongs to no field: write name: value, with a space after the colon"
	default:
		return ""
	}
}

// emptiness bounds the fields without a value: what follows such a colon ends
// something, or does not stand to the right of the name before it.
func (c *tokenCheck) emptiness(t *token.Token) string {
	if t.Type == token.MappingValueType {
		c.key = c.last
	}
	if c.last == nil || c.last.Type != token.MappingValueType || c.key == nil {
		return ""
	}
	if isEnd(t) || t.Position.Line > c.last.Position.Line && !isRightOf(t, c.key) {
		c.empty++
	}
	if c.empty > maxEmpty {
		return "there are too many fields without a value"
	}
	return ""
}

// isEnd reports whether t ends what is in brackets, or an element of it.
func isEnd(t *token.Token) bool {
	return t.Type == token.MappingEndType || t.Type == token.SequenceEndType || t.Type == token.CollectEntryType
}

// isRightOf reports whether t may begin the value of a field called key.
func isRightOf(t, key *token.Token) bool {
	if t.Type == token.SequenceEntryType { // a list may begin below the first letter of its name
		return t.Position.Column >= key.Position.Column
	}
	return t.Position.Column > key.Position.Column
}
