package message

import "strings"

// A scanner passes over the lines of a head.
type scanner struct {
	text   string
	pos    int
	breaks int  // CRLFs passed
	bareLF bool // a line ended in LF alone
	cut    bool // the last line did not end
}

// line passes one line, and the lines that continue it (RFC 3261 7.3.1). The last break is not part of it.
func (s *scanner) line() (start, end int) {
	start = s.pos
	for {
		i := strings.IndexByte(s.text[s.pos:], '\n')
		if i < 0 {
			s.pos, s.cut = len(s.text), true
			return start, s.pos
		}
		end = s.pos + i
		s.pos = end + 1
		if i > 0 && s.text[end-1] == '\r' {
			end--
			s.breaks++
		} else {
			s.bareLF = true
		}
		if s.pos == len(s.text) || s.text[s.pos] != ' ' && s.text[s.pos] != '\t' {
			return start, end
		}
	}
}

// inLines reports whether another header line follows.
func (s *scanner) inLines() bool {
	if s.pos >= len(s.text) {
		return false
	}
	c := s.text[s.pos]
	return c != '\n' && (c != '\r' || !strings.HasPrefix(s.text[s.pos:], "\r\n"))
}

// emptyLine passes the line that ends the head, if it is there, and returns its length.
func (s *scanner) emptyLine() int {
	switch rest := s.text[s.pos:]; {
	case strings.HasPrefix(rest, "\r\n"):
		s.breaks++
		s.pos += 2
		return 2
	case strings.HasPrefix(rest, "\n"):
		s.bareLF = true
		s.pos++
		return 1
	default:
		return 0
	}
}

// header passes one header line: name, colon, value. Space may stand before the colon (RFC 3261 25.1, HCOLON).
func (s *scanner) header() line {
	start, end := s.line()
	text := s.text[start:end]
	i := strings.IndexByte(text, ':')
	n, width := splitName(text[:max(i, 0)])
	if width == 0 {
		return line{start: offset(start), value: offset(start), end: offset(end)}
	}
	for i++; i < len(text) && isSpace(text[i]); i++ {
	}
	for end > start+i && isSpace(s.text[end-1]) {
		end--
	}
	return line{start: offset(start), value: offset(start + i), end: offset(end), name: n, width: width}
}

// splitName tells what stands before the colon: which name, and how long its text is; 0 when it is no name.
func splitName(text string) (n Name, width uint8) {
	if n = nameOf(text); n == Other {
		text = strings.TrimRight(text, " \t")
		n = nameOf(text)
	}
	if len(text) > 255 || n == Other && !isToken(text) {
		return Other, 0
	}
	return n, uint8(len(text)) //nolint:gosec // at most 255
}

// headEnd is where the head ends, behind its empty line; -1 when it is not all there, with the place to look on from.
func headEnd(text string, from int) (end, rescan int) {
	for {
		i := strings.IndexByte(text[from:], '\n')
		if i < 0 {
			return -1, len(text)
		}
		from += i
		rest := text[from+1:]
		switch {
		case strings.HasPrefix(rest, "\n"):
			return from + 2, 0
		case strings.HasPrefix(rest, "\r\n"):
			return from + 3, 0
		case rest == "" || rest == "\r":
			return -1, from
		}
		from++
	}
}

// crlfHead rewrites a head with CRLF at the end of each line.
func crlfHead(text string) string {
	end, _ := headEnd(text, 0)
	if end < 0 {
		end = len(text)
	}
	var b strings.Builder
	b.Grow(len(text) + strings.Count(text[:end], "\n"))
	for line := range strings.SplitAfterSeq(text[:end], "\n") {
		if t, ok := strings.CutSuffix(line, "\n"); ok {
			line = strings.TrimSuffix(t, "\r")
			b.WriteString(line)
			line = "\r\n"
		}
		b.WriteString(line)
	}
	b.WriteString(text[end:])
	return b.String()
}
