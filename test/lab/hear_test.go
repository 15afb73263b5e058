package lab

import (
	"time"

	"carillon/test/tool"
)

// hearEachOther: phones at two sites talk over the lines, and each hears the
// tone that the other plays.
func hearEachOther(s *System) {
	t := s.tb
	baresip := tool.Need(t, "baresip", "baresip-core")
	alice := s.Baresip(baresip, "mons", "mons-node", "alice", 440)
	bob := s.Baresip(baresip, "namur", "namur-node", "bob", 660)
	s.knowAmongOthers([]string{"alice", "bob"}, 5*time.Second)
	talk(t, alice, bob, func() { s.everyNodeHas(1, "up") })
	s.everyNodeHas(0, "")
}
