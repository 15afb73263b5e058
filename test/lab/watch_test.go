package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestRealClientsWatchAndPublish: a baresip sees that another comes, talks and goes, by
// its PUBLISH and by its calls; a SIPp sees the same desk's lamp, and what it publishes
// of its own user another baresip is told.
func TestRealClientsWatchAndPublish(t *testing.T) {
	baresip, sipp, binary := tool.Need(t, "baresip", "baresip-core"), tool.Need(t, "sipp", "sip-tester"), tool.Carillon(t)
	n := Start(t, binary, []string{"alice", "bob", "carol"})
	carol := StartSIPpWatcher(t, sipp, Loopback(t), n, SIPpPhone{User: "carol", Target: "bob"})
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
}

// showed waits until a watcher has written down these documents, and nothing else.
func (p *SIPp) showed(n *Node, want ...string) {
	p.tb.Helper()
	n.eventually(strings.Join(want, ", "), 10*time.Second, func() bool {
		got := slices.DeleteFunc(p.lines(), func(s string) bool { return !strings.HasPrefix(s, "lamp") })
		return slices.Equal(got, want)
	})
}
