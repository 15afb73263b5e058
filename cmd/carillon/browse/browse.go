// Package browse lets a person look through calls on a terminal, with the keys
// of sngrep: a list, the ladder of one call, one message. What is shown is a
// value that keys change and that draws itself as lines; only Run touches the
// terminal. Where calls come from, and where they are saved, its caller says.
package browse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"carillon/node/admin"
)

// A Source is what is looked through. An answer may come together with an error
// that says what is missing of it.
type Source interface {
	Dialogs(ctx context.Context) ([]admin.Dialog, error)
	Messages(ctx context.Context, callID string) ([]admin.Message, error)
	// Save writes messages to a file and says in words what it has done.
	Save(file string, messages []admin.Message) (string, error)
}

// A Browser is what is on the screen. Make one with New.
type Browser struct {
	source Source
	zone   *time.Location
	views  []view // the last is seen
	prompt *prompt
	notice string // what the last key led to
	over   bool
}

// A view fills the screen between its title and the last line.
type view interface {
	// bars say what is seen, and what can be done.
	bars() (title, keys string)
	// draw returns at most height lines.
	draw(width, height int) []string
	// press takes a key that the Browser has no use for.
	press(ctx context.Context, b *Browser, k Key) error
	// refresh asks the source again.
	refresh(ctx context.Context, b *Browser) error
	// messages are what there is to save.
	messages(ctx context.Context, b *Browser) ([]admin.Message, error)
}

// New returns a Browser that shows the list of source, with times in a zone.
func New(source Source, zone *time.Location) *Browser {
	b := &Browser{source: source, zone: zone}
	b.views = []view{newList(zone)}
	return b
}

// Over reports whether the person has seen enough.
func (b *Browser) Over() bool { return b.over }

// Refresh asks the source again for what is seen.
func (b *Browser) Refresh(ctx context.Context) { b.tell(b.seen().refresh(ctx, b)) }

// Press takes one key.
func (b *Browser) Press(ctx context.Context, k Key) {
	if b.prompt != nil {
		b.answer(ctx, k)
		return
	}
	b.notice = ""
	switch k {
	case Escape, "q":
		b.back()
	case Interrupt:
		b.over = true
	case F2:
		b.ask("Save to: ", "trace.txt", b.save)
	default:
		b.tell(b.seen().press(ctx, b, k))
	}
}

func (b *Browser) seen() view { return b.views[len(b.views)-1] }

// show goes on to another view.
func (b *Browser) show(v view) { b.views = append(b.views, v) }

func (b *Browser) back() {
	if len(b.views) == 1 {
		b.over = true
		return
	}
	b.views = b.views[:len(b.views)-1]
}

func (b *Browser) tell(err error) {
	if err != nil {
		b.notice = err.Error()
	}
}

func (b *Browser) save(ctx context.Context, file string) {
	messages, err := b.seen().messages(ctx, b)
	if err == nil {
		b.notice, err = b.source.Save(file, messages)
	}
	b.tell(err)
}

// Draw returns the lines of a screen, none wider than width.
func (b *Browser) Draw(width, height int) []string {
	v := b.seen()
	title, keys := v.bars()
	lines := append([]string{bar(title, width)}, v.draw(width, max(height-2, 0))...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, b.lastLine(bar(keys, width)))
	for i := range lines {
		lines[i] = cut(lines[i], 0, width)
	}
	return lines[:max(min(len(lines), height), 0)]
}

func (b *Browser) lastLine(keys string) string {
	switch {
	case b.prompt != nil:
		return b.prompt.String()
	case b.notice != "":
		return strings.Join(strings.Fields(b.notice), " ")
	default:
		return keys
	}
}

// bar is a line as wide as the screen.
func bar(text string, width int) string { return fmt.Sprintf("%-*s", width, text) }

// cut returns what of a line is seen when its first columns are scrolled away.
func cut(line string, from, width int) string {
	runes := []rune(line)
	return string(runes[min(from, len(runes)):min(from+max(width, 0), len(runes))])
}
