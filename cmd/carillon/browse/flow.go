package browse

import (
	"context"
	"fmt"

	"carillon/cmd/carillon/ladder"
	"carillon/node/admin"
)

// A flow shows the ladder of one call.
type flow struct {
	scroll

	callID string
	ladder *ladder.Ladder
	all    []admin.Message
	left   int // columns that are scrolled away
	page   int // messages that fit
}

// aside is how far the ladder moves with one key.
const aside = 12

func (f *flow) bars() (title, keys string) {
	return fmt.Sprintf("%s: %d messages", ladder.Plain(f.callID), len(f.all)), "Enter Message   F2 Save   Esc Back"
}

func (f *flow) draw(width, height int) []string {
	f.page = max((height-2)/ladder.LinesPerStep, 1)
	f.fit(len(f.all), f.page)
	lines := f.ladder.Head()
	for i := f.top; i < min(f.top+f.page, len(f.all)); i++ {
		step := f.ladder.Step(i)
		lines = append(lines, step[:]...)
	}
	for i := range lines {
		chosen := i >= 2 && f.top+(i-2)/ladder.LinesPerStep == f.at && (i-2)%ladder.LinesPerStep == 0
		lines[i] = mark(chosen) + cut(lines[i], f.left, width)
	}
	return lines[:min(len(lines), height)]
}

func (f *flow) press(_ context.Context, b *Browser, k Key) error {
	switch {
	case f.move(k, len(f.all), f.page):
	case k == Left:
		f.left = max(f.left-aside, 0)
	case k == Right:
		f.left = min(f.left+aside, f.ladder.Width())
	case k == Enter && len(f.all) > 0:
		b.show(newText(f.all[f.at], b.zone))
	}
	return nil
}

func (f *flow) refresh(ctx context.Context, b *Browser) error {
	all, err := b.source.Messages(ctx, f.callID)
	if len(all) > 0 {
		f.all, f.ladder = all, ladder.New(all, b.zone)
	}
	return err
}

func (f *flow) messages(context.Context, *Browser) ([]admin.Message, error) { return f.all, nil }
