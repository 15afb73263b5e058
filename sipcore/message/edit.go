package message

import (
	"math/bits"
	"slices"
)

// An Edit collects changes to one message and writes the result; bytes nobody touched are copied as they are. It needs no
// memory of its own for the few changes a proxy makes. Changes are to the message's own lines: Drop and Replace do not see
// what Prepend and Append add. Of several changes to one line the last counts. A line break in a new value is written as a
// space. An Edit is for one goroutine, and the Message outlives it.
type Edit struct {
	m           *Message
	uri         string
	contentType string
	body        string
	newBody     bool
	touched     [MaxLines / 64]uint64 // bit i: line i is dropped or replaced, a change says which
	changes     [12]change
	more        []change // beyond changes
	count       int
}

// A change is to one header line, the message's own or a new one.
type change struct {
	value string
	line  uint16
	name  Name
	kind  changeKind
}

type changeKind uint8

// Kinds of change: first those that add a line, then those to a line of the message.
const (
	prepend changeKind = iota
	appendix
	replace
	drop
)

// Edit starts to collect changes.
func (m *Message) Edit() Edit { return Edit{m: m} }

// SetRequestURI changes the Request-URI of a request. Spaces and control characters in it are escaped.
func (e *Edit) SetRequestURI(uri string) { e.uri = uri }

// Prepend puts a new line in front of all header lines; the last one prepended is on top.
func (e *Edit) Prepend(name Name, value string) {
	e.add(change{kind: prepend, name: name, value: value})
}

// Append puts a new line behind the last header line.
func (e *Edit) Append(name Name, value string) {
	e.add(change{kind: appendix, name: name, value: value})
}

// Replace gives header line i another value; its name stays as it is written.
func (e *Edit) Replace(line int, value string) { e.change(line, replace, value) }

// Drop removes header line i.
func (e *Edit) Drop(line int) { e.change(line, drop, "") }

// DropAll removes all lines with that name.
func (e *Edit) DropAll(name Name) {
	for i := e.m.first(name); i >= 0; i = e.m.next(name, i) {
		e.Drop(i)
	}
}

// DropFirstValue removes the first comma-separated value of the first such line, and the line if it was its only one: the
// top Via of a response, the first Route. Said twice, it removes two.
func (e *Edit) DropFirstValue(name Name) {
	i := e.first(name)
	if i < 0 {
		return
	}
	first, rest, more := "", e.value(i), true
	for first == "" && more {
		first, rest, more = cutValue(rest)
	}
	if trimSpace(rest) == "" {
		e.Drop(i)
		return
	}
	e.Replace(i, rest)
}

// SetFirst gives the first such line another value, or appends one.
func (e *Edit) SetFirst(name Name, value string) {
	if i := e.first(name); i >= 0 {
		e.Replace(i, value)
		return
	}
	e.Append(name, value)
}

// SetBody changes the body and what describes it; contentType "" is for no body. Content-Length follows.
func (e *Edit) SetBody(contentType, body string) {
	e.contentType, e.body, e.newBody = contentType, body, true
	for _, n := range [...]Name{ContentType, ContentLength, ContentEncoding, ContentDisposition} {
		e.DropAll(n)
	}
}

// AppendTo appends the edited message to dst, which it makes larger once, if at all. Content-Length is added where it is
// missing.
func (e *Edit) AppendTo(dst []byte) []byte {
	dst = e.appendStartLine(slices.Grow(dst, e.size()))
	for i := e.count - 1; i >= 0; i-- {
		if c := e.at(i); c.kind == prepend {
			dst = appendHeader(dst, c.name.String(), c.value)
		}
	}
	dst = e.appendLines(dst)
	for i := range e.count {
		if c := e.at(i); c.kind == appendix {
			dst = appendHeader(dst, c.name.String(), c.value)
		}
	}
	body := e.m.Body()
	if e.newBody {
		body = e.body
		if e.contentType != "" {
			dst = appendHeader(dst, ContentType.String(), e.contentType)
		}
	}
	if !e.hasLength() {
		dst = appendLength(dst, len(body))
	}
	return append(append(dst, "\r\n"...), body...)
}

// size is about the length of the result, and seldom less.
func (e *Edit) size() int {
	n := len(e.m.raw) + len(e.uri) + len(e.body) + len("Content-Length: 65535\r\n\r\n")
	for i := range e.count {
		switch c := e.at(i); c.kind {
		case prepend, appendix:
			n += len(c.name.String()) + len(": \r\n") + len(c.value)
		case replace:
			l := e.m.at(int(c.line))
			n += len(c.value) - int(l.end-l.value)
		case drop:
			n += int(e.m.at(int(c.line)).start) - e.m.lineEnd(int(c.line))
		}
	}
	return n
}

func (e *Edit) appendStartLine(dst []byte) []byte {
	m := e.m
	if e.uri == "" || !m.IsRequest() {
		return append(dst, m.raw[:m.head]...)
	}
	dst = append(dst, m.raw[:m.from]...)
	dst = appendURIText(dst, e.uri)
	return append(dst, m.raw[m.to:m.head]...)
}

// appendLines writes the message's own lines, copying all that lies between one touched line and the next at once.
func (e *Edit) appendLines(dst []byte) []byte {
	m := e.m
	done := int(m.head)
	for word, set := range e.touched {
		for ; set != 0; set &= set - 1 {
			i := word*64 + bits.TrailingZeros64(set)
			l, c := m.at(i), e.changeOf(i)
			if c.kind == drop {
				dst = append(dst, m.raw[done:l.start]...)
				done = m.lineEnd(i)
				continue
			}
			dst = append(dst, m.raw[done:l.value]...)
			dst = appendValue(dst, c.value)
			done = int(l.end)
		}
	}
	dst = append(dst, m.raw[done:m.tail]...)
	if dst[len(dst)-1] != '\n' { // the last line of a head without end
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// hasLength reports whether a Content-Length line is written, whoever it is from.
func (e *Edit) hasLength() bool {
	if e.first(ContentLength) >= 0 {
		return true
	}
	for i := range e.count {
		if c := e.at(i); c.name == ContentLength && c.kind <= appendix {
			return true
		}
	}
	return false
}

// first is the first line with that name that is not dropped, -1 when there is none.
func (e *Edit) first(name Name) int {
	i := e.m.first(name)
	for i >= 0 && e.isTouched(i) && e.changeOf(i).kind == drop {
		i = e.m.next(name, i)
	}
	return i
}

// value is the value line i will have.
func (e *Edit) value(i int) string {
	if e.isTouched(i) {
		return e.changeOf(i).value
	}
	return e.m.value(i)
}

func (e *Edit) isTouched(i int) bool { return e.touched[i/64]>>(i%64)&1 != 0 }

// change notes what happens to line i, instead of what was to happen before.
func (e *Edit) change(i int, kind changeKind, value string) {
	c := change{line: offset(i), name: e.m.at(i).name, kind: kind, value: value}
	if e.isTouched(i) {
		*e.changeOf(i) = c
		return
	}
	e.touched[i/64] |= 1 << (i % 64)
	e.add(c)
}

// changeOf is the change of a touched line.
func (e *Edit) changeOf(i int) *change {
	for k := 0; ; k++ {
		if c := e.at(k); int(c.line) == i && c.kind >= replace {
			return c
		}
	}
}

func (e *Edit) add(c change) {
	if e.count < len(e.changes) {
		e.changes[e.count] = c
	} else {
		e.more = append(e.more, c)
	}
	e.count++
}

func (e *Edit) at(i int) *change {
	if i < len(e.changes) {
		return &e.changes[i]
	}
	return &e.more[i-len(e.changes)]
}
