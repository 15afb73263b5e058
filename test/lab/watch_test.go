package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestRealClientsWatchPublishAndPickUp: a baresip sees that another comes, talks and goes,
// by its PUBLISH and by its calls; a SIPp sees the same desk's lamp, and what it publishes
// of its own user another baresip is told. Then they pick up.
func TestRealClientsWatchPublishAndPickUp(t *testing.T) {
	baresip, sipp, binary := tool.Need(t, "baresip", "baresip-core"), tool.Need(t, "sipp", "sip-tester"), tool.Carillon(t)
	n := Start(t, binary, []string{"alice", "bob", "carol", "dave", "erin"})
	carol := StartSIPpWatcher(t, sipp, Loopback(t), n, SIPpPhone{User: "carol", Target: "bob", Calls: 2})
	carol.showed(n, "lamp  terminated")
	alice := StartBaresipWatcher(t, baresip, Loopback(t), n, "alice", "bob")
	bob := StartBaresipWatcher(t, baresip, Loopback(t), n, "bob", "carol")
	alice.IsTold("<basic>open</basic></status><contact>sip:bob@")
	bob.IsTold("<rpid:meeting/>")

	bob.Does("presence_offline", "")
	alice.Knows("Online", "Offline")
	bob.Does("presence_online", "")
	alice.Knows("Offline", "Online")

	alice.Does("dial", "sip:bob@"+Domain)
	bob.Sees("CALL_INCOMING")
	carol.showed(n, "lamp  terminated", "lamp recipient early")
	bob.Does("accept", "")
	alice.Sees("CALL_ESTABLISHED")
	alice.Knows("Online", "Busy")
	carol.showed(n, "lamp  terminated", "lamp recipient early", "lamp recipient confirmed")
	bob.Does("hangup", "")
	alice.Sees("CALL_CLOSED")
	alice.Knows("Busy", "Online")
	carol.showed(n, "lamp  terminated", "lamp recipient early", "lamp recipient confirmed", "lamp recipient terminated")

	n.HasCalls(0, "")

	pickUpFromTheLamp(n, alice, bob, carol)
	pickUpByCode(n, alice, bob, StartSIPpCaller(t, sipp, Loopback(t), n, SIPpPhone{User: "dave", Target: "bob"}))
	answersWhatItPicksUp(n, alice, bob, StartBaresip(t, baresip, Loopback(t), n, "erin", "tcp", 550))
}

// losesIt waits until a desk rings no more, and has been told that somebody has the call.
func (b *Baresip) losesIt() {
	b.tb.Helper()
	b.Sees("CALL_CLOSED")
	const story = "INVITE 180 CANCEL:Call completed elsewhere 200 487 ACK"
	eventually(b.tb, b.user+" lives "+story, 10*time.Second, func() bool { // all on one host, where it is not told who sends
		return strings.NewReplacer("<", "", ">", "").Replace(b.story()) == story
	})
}

// pickUpFromTheLamp: a SIPp names the call as its lamp did. The caller is a baresip, which
// knows nothing of Replaces, so the call comes to the SIPp.
func pickUpFromTheLamp(n *Node, caller, desk *Baresip, picker *SIPp) {
	caller.Does("dial", "sip:"+desk.user+"@"+Domain)
	desk.Sees("CALL_INCOMING")
	caller.Sees("CALL_ESTABLISHED")
	desk.losesIt()
	n.HasCalls(1, "up")
	caller.Does("hangup", "")
	n.HasCalls(0, "")
	n.eventually("the SIPp hears the BYE", 10*time.Second, func() bool { return picker.Log("callee carol ended") == 1 })
}

// pickUpByCode: a baresip dials the code. The caller is a SIPp that knows Replaces, and
// answers the INVITE of who picks up.
func pickUpByCode(n *Node, picker, desk *Baresip, caller *SIPp) {
	desk.Sees("CALL_INCOMING")
	n.HasCalls(1, "ringing")
	picker.Does("dial", "sip:**"+desk.user+"@"+Domain)
	picker.Sees("CALL_ESTABLISHED")
	desk.losesIt()
	n.HasCalls(1, "up")
	picker.Does("hangup", "")
	n.HasCalls(0, "")
	for _, line := range []string{"caller dave called bob, somebody picked up", "callee dave ended"} {
		n.eventually("the SIPp says "+line, 10*time.Second, func() bool { return caller.Log(line) == 1 })
	}
}

// answersWhatItPicksUp: all three are baresips. Debian's neither knows Replaces nor heeds
// the wish to be answered at once, so a hand does it.
func answersWhatItPicksUp(n *Node, caller, desk, picker *Baresip) {
	caller.Does("dial", "sip:"+desk.user+"@"+Domain)
	desk.Sees("CALL_INCOMING")
	n.HasCalls(1, "ringing")
	picker.Does("dial", "sip:**"+desk.user+"@"+Domain)
	picker.Sees("CALL_CLOSED")
	picker.Sees("CALL_INCOMING")
	picker.Does("accept", "")
	caller.Sees("CALL_ESTABLISHED")
	desk.losesIt()
	n.HasCalls(1, "up")
	picker.Does("hangup", "")
	caller.Sees("CALL_CLOSED")
	n.HasCalls(0, "")
}

// showed waits until a watcher has written down these documents, and nothing else.
func (p *SIPp) showed(n *Node, want ...string) {
	p.tb.Helper()
	n.eventually(strings.Join(want, ", "), 10*time.Second, func() bool {
		got := slices.DeleteFunc(p.lines(), func(s string) bool { return !strings.HasPrefix(s, "lamp") })
		return slices.Equal(got, want)
	})
}
