package lab

import (
	"time"

	"carillon/node/admin"
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
	t.Logf("the kernel has counted %d bytes on port 7946 of the line, and the node %d: %.2f %% off, goal 3 %%",
		counted, told, 100*float64(told-counted)/float64(counted))
	if 100*abs(told-counted) > 3*counted {
		t.Errorf("the kernel has counted %d bytes, and the node %d", counted, told)
	}
}

func abs(n int) int { return max(n, -n) }
