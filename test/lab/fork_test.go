package lab

import (
	"time"

	"carillon/test/tool"
)

// ringAllPhonesOfAUser: a user has a phone at the head office and one at a
// branch, and is called from the other branch. Both ring; one answers, and the
// other is cancelled. Then the other way round, so that who lost can win.
func ringAllPhonesOfAUser(s *System) {
	t := s.tb
	baresip := tool.Need(t, "baresip", "baresip-core")
	hq := s.Baresip(baresip, "hq", "hardy", "carol", 440)
	mons := s.Baresip(baresip, "mons", "mons-node", "carol", 550)
	caller := s.Baresip(baresip, "namur", "namur-node", "dave", 660)
	s.knowAmongOthers([]string{"carol", "carol", "dave"}, 20*time.Second)
	const lost = "<INVITE >180 <CANCEL:Call completed elsewhere >200 >487 <ACK"
	for _, c := range []struct {
		winner, loser        *Baresip
		hangsUp, isHungUp    *Baresip
		ofCaller, ofTheOther string
	}{
		{mons, hq, caller, mons, ">BYE <200", "<BYE >200"},
		{hq, mons, hq, caller, "<BYE >200", ">BYE <200"},
	} {
		caller.Does("dial", "sip:carol@"+Domain)
		c.winner.Sees("CALL_INCOMING")
		c.loser.Sees("CALL_INCOMING")
		caller.Lives(">INVITE <180 <180")
		s.everyNodeHas(1, "ringing")
		c.winner.Does("accept", "")
		caller.Sees("CALL_ESTABLISHED")
		c.winner.Sees("CALL_ESTABLISHED")
		c.loser.Sees("CALL_CLOSED")
		c.loser.Lives(lost)
		s.everyNodeHas(1, "up")

		c.hangsUp.Does("hangup", "")
		c.isHungUp.Sees("CALL_CLOSED")
		caller.Lives(">INVITE <180 <180 <200 >ACK " + c.ofCaller)
		c.winner.Lives("<INVITE >180 >200 <ACK " + c.ofTheOther)
		c.loser.Lives(lost)
		s.everyNodeHas(0, "")
	}
}
