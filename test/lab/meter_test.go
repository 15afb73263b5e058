package lab

import (
	"time"

	"carillon/node/admin"
	"carillon/test/tool"
)

const meterPhones = 60

// meterAgrees: what a branch's node says that the line has carried is what the
// kernel has counted.
func meterAgrees(s *System) {
	t := s.tb
	meter := s.lines["mons"].Meter()
	defer meter.Remove()
	said := func() (sum int) {
		var links []admin.LinkDetail
		s.nodes["mons-node"].Ask("links", &links)
		for _, l := range links {
			sum += int(l.Sent + l.Received)
		}
		return sum
	}
	before := said() - meter.Bytes()
	for _, u := range numbered("meter", meterPhones) {
		s.Deskphone("mons", "mons-node", u)
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Second) // what is under way is acknowledged
	told, counted := said()-before, meter.Bytes()
	if !tool.Figure(t, "the meter of a node beside the kernel's counter", 100*float64(abs(told-counted))/float64(counted), 3, "% off") {
		t.Errorf("the kernel has counted %d bytes, and the node %d", counted, told)
	}
}

func abs(n int) int { return max(n, -n) }
