package ical

import (
	"iter"
	"strings"
)

// longestLine bounds a line of which something is read. Descriptions are longer;
// they are not read.
const longestLine = 64 << 10

// lines returns the content lines of a text, unfolded (RFC 5545 3.1).
func lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			line, rest := cutLine(text)
			if rest != "" && isFold(rest[0]) {
				line, rest = unfold(line, rest)
			}
			text = rest
			if line != "" && !yield(line) {
				return
			}
		}
	}
}

func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

func isFold(c byte) bool { return c == ' ' || c == '\t' }

// unfold returns a line with what goes on below it. Of one that is too long it
// returns the beginning.
func unfold(line, text string) (whole, rest string) {
	var b strings.Builder
	b.WriteString(line)
	for text != "" && isFold(text[0]) {
		line, text = cutLine(text[1:])
		if b.Len()+len(line) <= longestLine {
			b.WriteString(line)
		}
	}
	return b.String(), text
}

// A property is a content line, its name in capitals.
type property struct {
	name   string
	params string // as written, with the semicolon before each
	value  string
}

// parse reads a content line: NAME;PARAM=x;PARAM="y":value.
func parse(line string) (p property, ok bool) {
	end := strings.IndexAny(line, ";:")
	if end <= 0 {
		return p, false
	}
	p.name = strings.ToUpper(line[:end])
	colon := unquoted(line, end, ':')
	if colon < 0 {
		return p, false
	}
	p.params, p.value = line[end:colon], line[colon+1:]
	return p, true
}

// unquoted returns where c stands in s from a place on, outside quotes; -1 if
// nowhere.
func unquoted(s string, from int, c byte) int {
	quoted := false
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

// param returns the value of a parameter; "" if it has none.
func (p property) param(name string) string {
	for rest := p.params; rest != ""; {
		rest = rest[1:]
		end := unquoted(rest, 0, ';')
		if end < 0 {
			end = len(rest)
		}
		key, value, _ := strings.Cut(rest[:end], "=")
		if strings.EqualFold(key, name) {
			return strings.Trim(value, `"`)
		}
		rest = rest[end:]
	}
	return ""
}
