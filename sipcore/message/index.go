package message

import "strings"

// A line is one header line in the index. Its parts lie in raw; the next line's start is its end.
type line struct {
	start uint16 // the name
	value uint16 // the value, spaces before it skipped
	end   uint16 // the value's end, spaces behind it skipped
	name  Name
	width uint8 // length of the name's text; 0 for a line that is no header, all of which is its value
}

// offset is an offset within a head.
func offset(n int) uint16 {
	return uint16(n) //nolint:gosec // a head is at most MaxHead long, and what makes one longer stays below 64 KiB
}

// read makes text the message, and reports the first thing wrong with it. Line breaks in front are skipped (RFC 3261 7.5).
// A head whose lines end in LF alone is rewritten with CRLF first: what is copied from it is well-formed then.
func (m *Message) read(text string) *SyntaxError {
	for text != "" && (text[0] == '\r' || text[0] == '\n') {
		text = text[1:]
	}
	wrong, bareLF := m.index(text)
	if bareLF {
		*m = Message{}
		wrong, _ = m.index(crlfHead(text))
	}
	wrong = firstOf(wrong, m.measure())
	if !m.IsRequest() {
		_, method := m.CSeq()
		m.method = MethodOf(method)
	}
	return wrong
}

// index finds the lines of the head.
func (m *Message) index(text string) (wrong *SyntaxError, bareLF bool) {
	m.raw = text
	s := scanner{text: text[:min(len(text), MaxHead)]}
	start, end := s.line()
	wrong = m.startLine(text[start:end])
	m.head, m.tail = offset(s.pos), offset(s.pos)
	for m.count < MaxLines && s.inLines() {
		l := s.header()
		if s.cut && len(text) > MaxHead {
			break
		}
		if l.width == 0 {
			wrong = firstOf(wrong, bad("Bad header line"))
		}
		m.add(l)
		m.tail = offset(s.pos)
	}
	m.body = m.tail + offset(s.emptyLine())
	if m.body == m.tail {
		wrong = m.unfinished(wrong, len(text))
	} else if strings.Count(text[:m.body], "\r") != s.breaks {
		wrong = firstOf(wrong, bad("Bare CR in header"))
	}
	return wrong, s.bareLF
}

// unfinished forgets what stands behind the lines of a head that has no end or goes beyond the limits.
func (m *Message) unfinished(wrong *SyntaxError, length int) *SyntaxError {
	m.raw = m.raw[:m.tail]
	if length > MaxHead || m.count == MaxLines {
		return tooLarge()
	}
	return firstOf(wrong, bad("Missing empty line"))
}

// measure cuts the body to Content-Length, and reports when that is malformed, contradicts itself or promises more than came.
func (m *Message) measure() *SyntaxError {
	length := len(m.raw) - int(m.body)
	for i, n := m.first(ContentLength), 0; i >= 0; i, n = m.next(ContentLength, i), n+1 {
		v, ok := parseNumber(m.value(i), length)
		if !ok || n > 0 && v != length {
			return bad("Bad Content-Length")
		}
		length = v
	}
	m.raw = m.raw[:int(m.body)+length]
	return nil
}

func firstOf(a, b *SyntaxError) *SyntaxError {
	if a != nil {
		return a
	}
	return b
}

func (m *Message) add(l line) {
	if m.count < inlineLines {
		m.lines[m.count] = l
	} else {
		m.more = append(m.more, l)
	}
	m.have |= l.name.bit()
	m.count++
}

func (m *Message) at(i int) *line {
	if i < inlineLines {
		return &m.lines[:min(int(m.count), inlineLines)][i]
	}
	return &m.more[i-inlineLines]
}

func (m *Message) value(i int) string {
	l := m.at(i)
	return m.raw[l.value:l.end]
}

// lineEnd is where line i ends, its break included.
func (m *Message) lineEnd(i int) int {
	if i++; i < int(m.count) {
		return int(m.at(i).start)
	}
	return int(m.tail)
}

// first is the index of the first line named n, -1 when there is none.
func (m *Message) first(n Name) int {
	if m.have&n.bit() == 0 {
		return -1
	}
	return m.next(n, -1)
}

// next is the index of the first line named n behind line i, -1 when there is none.
func (m *Message) next(n Name, i int) int {
	for i++; i < min(int(m.count), inlineLines); i++ {
		if m.lines[i].name == n {
			return i
		}
	}
	for ; i < int(m.count); i++ {
		if m.more[i-inlineLines].name == n {
			return i
		}
	}
	return -1
}
