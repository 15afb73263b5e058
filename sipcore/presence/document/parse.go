package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"strings"
)

// What is read is bounded before it is understood.
const (
	mostBytes    = 64 << 10
	mostDepth    = 16
	mostElements = 4096

	mostAttributes = 64 // of one element
)

const (
	nsPIDF   = "urn:ietf:params:xml:ns:pidf"
	nsIM     = "urn:ietf:params:xml:ns:pidf:im"
	nsPerson = "urn:ietf:params:xml:ns:pidf:data-model"
	nsLists  = "urn:ietf:params:xml:ns:resource-lists"
)

var errDocument = errors.New("the document is not one of its type")

// A name is that of an element, with its namespace.
type name struct{ space, local string }

// An element is one of a document that was read.
type element struct {
	name       name
	attributes []xml.Attr
	text       strings.Builder // of its own
	children   []*element
}

// parse reads a document whole. One with a document type is refused, so that there
// are no entities but XML's own five.
func parse(body []byte) (*element, error) {
	if len(body) > mostBytes {
		return nil, errDocument
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = utf8Only
	p := parser{open: []*element{{}}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || !p.take(token) {
			return nil, errDocument
		}
	}
	if all := p.open[0].children; len(all) == 1 && strings.Trim(p.open[0].text.String(), " \t\r\n\ufeff") == "" {
		return all[0], nil
	}
	return nil, errDocument
}

// utf8Only reads what says that it has another encoding but is a part of UTF-8.
func utf8Only(charset string, in io.Reader) (io.Reader, error) {
	if strings.EqualFold(charset, "us-ascii") {
		return in, nil
	}
	return nil, errDocument
}

// A parser has the elements that are open: the outermost stands for the document.
type parser struct {
	open []*element
	n    int
}

func (p *parser) take(token xml.Token) bool {
	top := p.open[len(p.open)-1]
	switch t := token.(type) {
	case xml.StartElement:
		if p.n++; p.n > mostElements || len(p.open) > mostDepth || len(t.Attr) > mostAttributes {
			return false
		}
		e := &element{name: name{t.Name.Space, t.Name.Local}, attributes: t.Attr}
		top.children = append(top.children, e)
		p.open = append(p.open, e)
	case xml.EndElement:
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		top.text.Write(t)
	case xml.Directive:
		return false
	}
	return true
}

func (e *element) attribute(local string) string {
	for _, a := range e.attributes {
		if a.Name.Local == local && a.Name.Space == "" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// words returns the text of e without the space around and within it.
func (e *element) words() string { return strings.Join(strings.Fields(e.text.String()), " ") }

// within goes over all that is in e, in the order of the document.
func (e *element) within() iter.Seq[*element] {
	return func(yield func(*element) bool) { e.visit(yield) }
}

func (e *element) visit(yield func(*element) bool) bool {
	for _, c := range e.children {
		if !yield(c) || !c.visit(yield) {
			return false
		}
	}
	return true
}
