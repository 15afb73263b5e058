package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzEdit compares Edit with a plain model of it: a list of lines. What was not touched is unchanged, and what comes out
// parses into the lines that the model has: an edit brings no line in and takes none away.
func FuzzEdit(f *testing.F) {
	for i, s := range seeds() {
		f.Add([]byte(s), []byte{0, byte(i), 1, 2, 3, 4, 5, 6, 7, byte(i), 2, 5, 1, 1})
	}
	f.Fuzz(func(t *testing.T, raw, program []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		e, want := m.Edit(), newModel(m)
		program = program[:min(len(program), 80)]
		for ; len(program) >= 2; program = program[2:] {
			want.step(&e, program[0], program[1])
		}
		got := string(e.AppendTo([]byte("kept ")))
		if got != "kept "+want.String() {
			t.Fatalf("got  %q\nwant %q", got, "kept "+want.String())
		}
		again, err := ParseString(got[5:])
		if err != nil || again.Body() != want.body || !again.Has(ContentLength) {
			t.Fatalf("parsed again: %v from %q", err, got)
		}
		if lines := textLines(again); !slices.Equal(lines, want.lines()) {
			t.Fatalf("parsed again: got lines %q, want %q", lines, want.lines())
		}
	})
}

type modelLine struct {
	name        Name
	text, value string // text = all up to the value
	rest        string
	gone        bool
}

type model struct {
	start          string
	own            []modelLine
	before, behind []string
	body           string
	contentType    string
	hasBody        bool
	added          bool // a Content-Length
}

func newModel(m *Message) *model {
	w := &model{start: m.raw[:m.head], body: m.Body()}
	for i := range m.Lines() {
		l := m.at(i)
		w.own = append(w.own, modelLine{
			name: l.name, text: m.raw[l.start:l.value], value: m.raw[l.value:l.end], rest: m.raw[l.end:m.lineEnd(i)],
		})
	}
	return w
}

// step does one thing to the Edit and to the model. Lengths are never wrong: a proxy writes none of its own.
func (w *model) step(e *Edit, what, which byte) {
	value := fmt.Sprintf("v%d, w", which)
	name := Name(int(which)%(len(names)-1) + 1)
	if name == ContentLength {
		value = fmt.Sprint(len(w.body))
	}
	switch what % 8 {
	case 0:
		e.Prepend(name, value)
		w.before = slices.Insert(w.before, 0, name.String()+": "+value+"\r\n")
		w.added = w.added || name == ContentLength
	case 1:
		e.Append(name, value)
		w.behind = append(w.behind, name.String()+": "+value+"\r\n")
		w.added = w.added || name == ContentLength
	case 2, 3:
		if i := int(which); i < len(w.own) && w.own[i].name != ContentLength {
			w.replaceOrDrop(e, i, what%8 == 2, value)
		}
	case 4:
		e.DropAll(name)
		w.dropAll(name)
	case 5:
		e.DropFirstValue(name)
		w.dropFirst(name)
	case 6:
		if i := w.first(name); i >= 0 {
			w.own[i].value = value
		} else {
			w.behind = append(w.behind, name.String()+": "+value+"\r\n")
			w.added = w.added || name == ContentLength
		}
		e.SetFirst(name, value)
	case 7:
		if w.added {
			return
		}
		e.SetBody("text/plain", value)
		w.contentType, w.body, w.hasBody = "text/plain", value, true
		for _, n := range []Name{ContentType, ContentLength, ContentEncoding, ContentDisposition} {
			w.dropAll(n)
		}
	}
}

func (w *model) replaceOrDrop(e *Edit, i int, replaced bool, value string) {
	if replaced {
		e.Replace(i, value)
		w.own[i].value, w.own[i].gone = value, false
		return
	}
	e.Drop(i)
	w.own[i].gone = true
}

func (w *model) first(n Name) int {
	return slices.IndexFunc(w.own, func(l modelLine) bool { return l.name == n && !l.gone })
}

func (w *model) dropAll(n Name) {
	for i := range w.own {
		w.own[i].gone = w.own[i].gone || w.own[i].name == n
	}
}

func (w *model) dropFirst(n Name) {
	i := w.first(n)
	if i < 0 {
		return
	}
	values := []string{}
	for rest, more := w.own[i].value, true; more; {
		var v string
		v, rest, more = cutValue(rest)
		if values = append(values, rest); v != "" {
			break
		}
	}
	rest := strings.NewReplacer("\r", " ", "\n", " ").Replace(values[len(values)-1]) // a touched line is one line
	w.own[i].value, w.own[i].gone = rest, rest == ""
}

func (w *model) String() string { return w.start + strings.Join(w.lines(), "") + "\r\n" + w.body }

// lines returns the header lines with their breaks; those that nothing touched are byte for byte the received ones.
func (w *model) lines() []string {
	lines, length := slices.Clone(w.before), w.added
	for _, l := range w.own {
		if !l.gone {
			lines = append(lines, l.text+l.value+l.rest)
			length = length || l.name == ContentLength
		}
	}
	lines = append(lines, w.behind...)
	if w.hasBody {
		lines = append(lines, "Content-Type: "+w.contentType+"\r\n")
	}
	if !length {
		lines = append(lines, fmt.Sprintf("Content-Length: %d\r\n", len(w.body)))
	}
	return lines
}

// textLines returns the header lines of m as a parser finds them.
func textLines(m *Message) (lines []string) {
	for i := range m.Lines() {
		lines = append(lines, m.raw[m.at(i).start:m.lineEnd(i)])
	}
	return lines
}
