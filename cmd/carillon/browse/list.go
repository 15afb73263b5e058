package browse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"carillon/cmd/carillon/ladder"
	"carillon/node/admin"
)

// A list shows one line for each Call-ID: sngrep's columns, and when it began.
type list struct {
	scroll

	zone   *time.Location
	all    []admin.Dialog
	shown  []int // places in all of what fits the filter
	filter string
	page   int
	fresh  bool // nothing was chosen yet: the latest is
}

func newList(zone *time.Location) *list { return &list{zone: zone, page: 1, fresh: true} }

func (l *list) bars() (title, keys string) {
	text := fmt.Sprintf("Calls and registrations: %d", len(l.all))
	if l.filter != "" {
		text += fmt.Sprintf(", %d with %q", len(l.shown), l.filter)
	}
	return text, "Enter Ladder   / Filter   F2 Save   q Quit"
}

// The columns: sngrep's, with the time. A narrow screen goes without the
// addresses.
const (
	rowFormat = "%-4s %-8s %-10.10s %-14.14s %-14.14s %4s  "
	ends      = "%-24.24s %-24.24s "
	wide      = 120
)

func (l *list) draw(width, height int) []string {
	l.page = max(height-1, 1)
	l.fit(len(l.shown), l.page)
	lines := []string{"  " + columns(width, "#", "TIME", "METHOD", "FROM", "TO", "MSGS", "SOURCE", "DESTINATION", "STATE")}
	for i := l.top; i < min(l.top+l.page, len(l.shown)); i++ {
		lines = append(lines, mark(i == l.at)+l.row(l.shown[i], width))
	}
	return lines
}

func columns(width int, n, when, method, from, to, messages, source, destination, state string) string {
	text := fmt.Sprintf(rowFormat, n, when, method, from, to, messages)
	if width >= wide {
		text += fmt.Sprintf(ends, source, destination)
	}
	return ladder.Plain(text + state)
}

// mark shows which line is chosen.
func mark(chosen bool) string {
	if chosen {
		return "> "
	}
	return "  "
}

func (l *list) row(i, width int) string {
	d := l.all[i]
	return columns(width, strconv.Itoa(i+1), d.First.In(l.zone).Format(time.TimeOnly),
		d.Method, ladder.Plain(d.From), ladder.Plain(d.To), strconv.Itoa(d.Messages), endText(d.Source), endText(d.Destination), d.State)
}

// endText is the name of a node, the address of anybody else.
func endText(e admin.End) string {
	if e.Node {
		return e.Name
	}
	return e.Address
}

func (l *list) press(ctx context.Context, b *Browser, k Key) error {
	switch {
	case l.move(k, len(l.shown), l.page):
		l.fresh = false
	case k == Enter && len(l.shown) > 0:
		return l.open(ctx, b)
	case k == "/":
		b.ask("Filter: ", l.filter, func(_ context.Context, text string) { l.narrow(text) })
	}
	return nil
}

func (l *list) open(ctx context.Context, b *Browser) error {
	v := &flow{callID: l.chosen().CallID}
	err := v.refresh(ctx, b)
	if v.ladder != nil {
		b.show(v)
	}
	return err
}

func (l *list) chosen() admin.Dialog { return l.all[l.shown[l.at]] }

// narrow shows only what has a text in its line.
func (l *list) narrow(text string) {
	l.filter, l.shown = text, nil
	for i, d := range l.all {
		if strings.Contains(strings.ToLower(l.row(i, wide)+" "+d.CallID), strings.ToLower(text)) {
			l.shown = append(l.shown, i)
		}
	}
	l.fit(len(l.shown), l.page)
}

// refresh keeps the chosen call chosen. Until one is, it follows the latest.
func (l *list) refresh(ctx context.Context, b *Browser) error {
	all, err := b.source.Dialogs(ctx)
	if err != nil && all == nil {
		return err
	}
	callID := ""
	if !l.fresh && len(l.shown) > 0 {
		callID = l.chosen().CallID
	}
	l.all = all
	l.narrow(l.filter)
	l.at = len(l.shown) - 1
	if i := slices.IndexFunc(l.shown, func(i int) bool { return l.all[i].CallID == callID }); i >= 0 {
		l.at = i
	}
	l.fit(len(l.shown), l.page)
	return err
}

func (l *list) messages(ctx context.Context, b *Browser) ([]admin.Message, error) {
	if len(l.shown) == 0 {
		return nil, nil
	}
	return b.source.Messages(ctx, l.chosen().CallID)
}
