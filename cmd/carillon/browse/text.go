package browse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"carillon/cmd/carillon/ladder"
	"carillon/node/admin"
)

// A text shows one message.
type text struct {
	message admin.Message
	zone    *time.Location
	lines   []string
	top     int
	page    int
}

func newText(m admin.Message, zone *time.Location) *text {
	t := &text{message: m, zone: zone, page: 1}
	for line := range strings.Lines(m.Text) {
		t.lines = append(t.lines, ladder.Plain(line))
	}
	if m.Size > len(m.Text) {
		t.lines = append(t.lines, fmt.Sprintf("(%d of %d bytes were kept)", len(m.Text), m.Size))
	}
	return t
}

func (t *text) bars() (title, keys string) {
	from, to := endText(t.message.Peer), t.message.Node
	if t.message.Sent {
		from, to = to, from
	}
	return fmt.Sprintf("%s  %s -> %s  %s", t.message.Time.In(t.zone).Format("2006-01-02 15:04:05.000000"),
		ladder.Plain(from), ladder.Plain(to), t.message.Transport), "F2 Save   Esc Back"
}

func (t *text) draw(_, height int) []string {
	t.page = max(height, 1)
	t.top = max(min(t.top, len(t.lines)-t.page), 0)
	return t.lines[t.top:min(t.top+t.page, len(t.lines))]
}

func (t *text) press(_ context.Context, _ *Browser, k Key) error {
	s := scroll{at: t.top}
	if s.move(k, len(t.lines), t.page) {
		t.top = s.at
	}
	return nil
}

func (t *text) refresh(context.Context, *Browser) error { return nil }

func (t *text) messages(context.Context, *Browser) ([]admin.Message, error) {
	return []admin.Message{t.message}, nil
}
