package admin

import (
	"cmp"
	"slices"
	"time"
)

// MergeMessages puts the messages of several nodes in one order. What one node
// sent to another is told by both and stays once, as it was sent. Where that
// shows that a node's clock is off (an answer before its question), the node's
// times are moved, and Corrected says by how much.
func MergeMessages(all []Message) []Message {
	sortMessages(all)
	pairs := pairsOf(all)
	for node, shift := range shifts(all, pairs) {
		for i := range all {
			if all[i].Node == node {
				all[i].Time, all[i].Corrected = all[i].Time.Add(shift), shift.Milliseconds()
			}
		}
	}
	told := make(map[int]bool)
	for _, p := range pairs {
		told[p.received] = true
	}
	once := make([]Message, 0, len(all))
	for i, m := range all {
		if !told[i] {
			once = append(once, m)
		}
	}
	sortMessages(once)
	return once
}

func sortMessages(all []Message) {
	slices.SortStableFunc(all, func(a, b Message) int { return a.Time.Compare(b.Time) })
}

// A pair is one message as two nodes tell of it, by its places in a list.
type pair struct{ sent, received int }

// pairsOf finds what a node sent and another received. Of equal messages the
// first belongs to the first.
func pairsOf(all []Message) []pair {
	type crossing struct{ from, to, text string }
	sent := make(map[crossing][]int)
	for i, m := range all {
		if m.Peer.Node && m.Sent {
			c := crossing{m.Node, m.Peer.Name, m.Text}
			sent[c] = append(sent[c], i)
		}
	}
	var pairs []pair
	for i, m := range all {
		c := crossing{m.Peer.Name, m.Node, m.Text}
		if m.Peer.Node && !m.Sent && len(sent[c]) > 0 {
			pairs = append(pairs, pair{sent[c][0], i})
			sent[c] = sent[c][1:]
		}
	}
	return pairs
}

// A window is by how much a node's clock may be moved so that nothing it has
// exchanged with another came before it left.
type window struct{ least, most time.Duration }

const unbounded = time.Duration(1<<63 - 1)

// shifts returns by how much the clock of each node is to be moved, none where
// the order is possible. The first node that a phone spoke to has the right time.
func shifts(all []Message, pairs []pair) map[string]time.Duration {
	moved, settled := make(map[string]time.Duration), make(map[string]bool)
	if first := slices.IndexFunc(all, func(m Message) bool { return !m.Peer.Node && !m.Sent }); first >= 0 {
		settled[all[first].Node] = true
	}
	for {
		windows := windowsOf(all, pairs, moved, settled)
		if len(windows) == 0 {
			return moved
		}
		for node, w := range windows {
			if shift := w.shift(); shift != 0 {
				moved[node] = shift
			}
			settled[node] = true
		}
	}
}

// windowsOf returns what the settled nodes say of those they have exchanged
// messages with.
func windowsOf(all []Message, pairs []pair, moved map[string]time.Duration, settled map[string]bool) map[string]window {
	windows := make(map[string]window)
	for _, p := range pairs {
		from, to := all[p.sent], all[p.received]
		switch {
		case settled[from.Node] && !settled[to.Node]:
			w := windowOf(windows, to.Node)
			w.least = max(w.least, from.Time.Add(moved[from.Node]).Sub(to.Time))
			windows[to.Node] = w
		case settled[to.Node] && !settled[from.Node]:
			w := windowOf(windows, from.Node)
			w.most = min(w.most, to.Time.Add(moved[to.Node]).Sub(from.Time))
			windows[from.Node] = w
		}
	}
	return windows
}

func windowOf(windows map[string]window, node string) window {
	if w, ok := windows[node]; ok {
		return w
	}
	return window{-unbounded, unbounded}
}

// shift is the middle of the window, as if both ways took as long, unless the
// clock is good as it is.
func (w window) shift() time.Duration {
	switch {
	case w.least <= 0 && w.most >= 0:
		return 0
	case w.least == -unbounded:
		return w.most
	case w.most == unbounded:
		return w.least
	default:
		return (w.least + w.most) / 2
	}
}

// MergeDialogs makes one row of those in which several nodes tell of the same
// dialog. Each knows its own side: the one that has a phone at the beginning
// knows who asked and what he heard, and another may know whom it came to.
func MergeDialogs(rows []Dialog) []Dialog {
	slices.SortStableFunc(rows, func(a, b Dialog) int {
		return cmp.Or(cmp.Compare(a.CallID, b.CallID), compareBool(a.Source.Node, b.Source.Node), a.First.Compare(b.First))
	})
	var merged []Dialog
	for _, d := range rows {
		if last := len(merged) - 1; last >= 0 && merged[last].CallID == d.CallID {
			merged[last].join(d)
		} else {
			merged = append(merged, d)
		}
	}
	slices.SortStableFunc(merged, func(a, b Dialog) int { return a.First.Compare(b.First) })
	return merged
}

// join adds what another node knows.
func (d *Dialog) join(other Dialog) {
	d.Messages += other.Messages
	d.Nodes = append(slices.Clip(d.Nodes), other.Nodes...)
	if d.Destination.Node && other.Destination != (End{}) && !other.Destination.Node {
		d.Destination = other.Destination
	}
	if other.Last.After(d.Last) {
		d.Last = other.Last
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
