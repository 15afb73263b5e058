//go:build long

package lab

import (
	"testing"
	"time"

	"carillon/test/tool"
)

// TestLossyLineIsNotCut takes 22 minutes, so it is asked for:
//
//	go test -tags long -timeout 40m -v -run TestLossyLineIsNotCut ./test/lab
//
// A line that loses 11 % of its packets each way, 21 % of all pings, and is full
// of somebody's downloads both ways besides, is not called dead in 20 minutes.
// When it is cut then, its site says so within 10 s, and is back within 15 s.
func TestLossyLineIsNotCut(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	const lossPercent, lasts = 11, 20 * time.Minute
	s := OpenSystem(t, twoMains(), numbered("mons", 2))
	line, mons := s.lines["mons"], s.nodes["mons-node"]
	line.lose(lossPercent)
	carried := s.saturate(t, "mons")
	alarms, before := s.alarms(), line.IPBytes()
	time.Sleep(lasts)
	spent := line.IPBytes() - before
	t.Logf("the line carried %d kbit/s both ways together, of 2000; %d kB of downloads arrived", spent*8/1000/int(lasts/time.Second), carried()>>10)
	if !tool.Figure(t, "false alarms in 20 minutes of 21 % ping loss on a full line", float64(s.alarms()-alarms), 0, "") {
		t.Error("want none")
	}
	began := time.Now()
	line.Cut()
	eventually(t, "mons is survivable", 10*time.Second, func() bool { return mons.status().Mode == "survivable" })
	tool.Figure(t, "a cut of such a line is noticed", time.Since(began).Seconds(), 10, "s")
	eventually(t, "a node says so, which counts as an alarm", 10*time.Second, func() bool { return s.alarms() > alarms })
	began = time.Now()
	line.Mend()
	eventually(t, "mons is with the others again", 15*time.Second, func() bool { return mons.status().Mode == "cluster" })
	tool.Figure(t, "back when it is mended", time.Since(began).Seconds(), 15, "s")
}

// alarms counts how often nodes have said that a line is down.
func (s *System) alarms() (n int) {
	for _, x := range s.nodes {
		n += len(x.said("a line is down"))
	}
	return n
}
