package ladder

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The drawing: times on the left, then a column for each rail. Only ASCII, so
// that it looks the same on a console, in a mail and in a report.
const (
	timeWidth   = 14
	leastColumn = 24
	mostColumn  = 52
)

// LinesPerStep is how many lines a message takes.
const LinesPerStep = 2

// measure makes the columns as wide as what stands in them needs.
func (l *Ladder) measure() {
	l.width = leastColumn
	for _, r := range l.Rails {
		l.width = max(l.width, length(r.Name)+2, length(r.Address)+2)
	}
	for _, s := range l.Steps {
		if gap := abs(s.From - s.To); gap > 0 {
			l.width = max(l.width, (length(s.Label)+6)/gap)
		}
	}
	l.width = min(l.width, mostColumn)
}

// Width is how many characters the longest line has.
func (l *Ladder) Width() int { return timeWidth + len(l.Rails)*l.width }

// at is where a rail stands.
func (l *Ladder) at(rail int) int { return timeWidth + rail*l.width + l.width/2 }

// Head returns the lines over the ladder: who the rails are.
func (l *Ladder) Head() []string {
	names, addresses := l.blank(), l.blank()
	for i, r := range l.Rails {
		name := r.Name
		if name == "" {
			name = "?"
		}
		names.centre(name, l.at(i), l.width-1)
		addresses.centre(r.Address, l.at(i), l.width-1)
	}
	return []string{names.String(), addresses.String()}
}

// Step returns the lines of a message: when it came and how long after the one
// before, what it is, and its arrow.
func (l *Ladder) Step(i int) [LinesPerStep]string {
	s := l.Steps[i]
	over, arrow := l.rails(), l.rails()
	over.put(0, s.Message.Time.In(l.zone).Format("15:04:05.000"))
	if i > 0 {
		arrow.put(0, fmt.Sprintf("%+12.4f", s.Message.Time.Sub(l.Steps[i-1].Message.Time).Seconds()))
	}
	from, to := l.at(s.From), l.at(s.To)
	left, right := min(from, to), max(from, to)
	over.centre(s.Label, (left+right+1)/2, max(right-left-3, leastColumn))
	for x := left + 1; x < right; x++ {
		arrow[x] = '-'
	}
	switch {
	case to > from:
		arrow[right-1] = '>'
	case to < from:
		arrow[left+1] = '<'
	default:
		arrow.put(left+1, " (to itself)")
	}
	return [LinesPerStep]string{over.String(), arrow.String()}
}

// String draws all of it.
func (l *Ladder) String() string {
	lines := append(l.Head(), l.rails().String())
	for i := range l.Steps {
		step := l.Step(i)
		lines = append(lines, step[:]...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// A line is one line being drawn.
type line []rune

func (l *Ladder) blank() line { return line(strings.Repeat(" ", l.Width())) }

// rails is a line with nothing but the rails.
func (l *Ladder) rails() line {
	x := l.blank()
	for i := range l.Rails {
		x[l.at(i)] = '|'
	}
	return x
}

func (x line) put(at int, text string) {
	for _, c := range text {
		if at >= 0 && at < len(x) {
			x[at] = c
		}
		at++
	}
}

// centre writes text around a place, no wider than most, a space on each side.
func (x line) centre(text string, around, most int) {
	text = " " + short(text, most-2) + " "
	x.put(around-length(text)/2, text)
}

// short cuts text that is too long.
func short(text string, most int) string {
	if length(text) <= most {
		return text
	}
	return string([]rune(text)[:max(most-2, 0)]) + ".."
}

// String returns the line without the spaces at its end.
func (x line) String() string { return strings.TrimRight(string(x), " ") }

func length(s string) int { return utf8.RuneCountInString(s) }

func abs(n int) int { return max(n, -n) }
