package lab

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/tool"
)

// TestEveryPairOfTransports: baresip over UDP, TCP and TLS, web pages over WS and
// WSS, and SIPp over TLS call each other, every pair; either side hangs up. SIPp
// of Debian has no TLS of its own, so that it gets a tunnel.
func TestEveryPairOfTransports(t *testing.T) {
	baresip, sipp := tool.Need(t, "baresip", "baresip-core"), tool.Need(t, "sipp", "sip-tester")
	n := Start(t, tool.Carillon(t), mixedUsers())
	callers, callees := mixed(t, baresip, n, "1"), mixed(t, baresip, n, "2")
	behind := &Node{Addr: Tunnel(t, n)}
	StartSIPp(t, sipp, Loopback(t), behind, "tn", []SIPpPhone{{User: "sipp2", Target: "nobody"}})
	n.eventually("all registered", 10*time.Second, func() bool { return n.Rows("registrations") == 11 })
	callees = append(callees, silent("sipp2"))

	for turn := range callees { // in each, nobody is in two calls
		var wg sync.WaitGroup
		for i, caller := range callers {
			callee := callees[(i+turn)%len(callees)]
			wg.Go(func() {
				t.Logf("%s calls %s", caller.Number(), callee.Number())
				callEachWay(caller, callee)
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	n.eventually("no call is left", 5*time.Second, func() bool { return n.Rows("calls") == 0 })
	sippCalls(t, sipp, n, behind, callees)
}

// callEachWay makes two calls, of which one ends by either side.
func callEachWay(caller, callee Member) {
	for _, byCaller := range []bool{true, false} {
		if _, alone := callee.(silent); alone && !byCaller {
			return
		}
		caller.Dials(callee.Number())
		callee.Takes()
		caller.IsUp()
		callee.IsUp()
		time.Sleep(100 * time.Millisecond) // SIPp answers no BYE that overtakes the ACK
		var other sync.WaitGroup
		if byCaller {
			other.Go(func() { callee.Ends(false) })
			caller.Ends(true)
		} else {
			other.Go(func() { caller.Ends(false) })
			callee.Ends(true)
		}
		other.Wait()
	}
}

// sippCalls has SIPp call each of the others over TLS, twice: it hangs up, and
// then they do.
func sippCalls(t *testing.T, sipp string, n, behind *Node, callees []Member) {
	t.Helper()
	var phones []SIPpPhone
	for i, callee := range callees {
		phones = append(phones, SIPpPhone{User: fmt.Sprintf("sipp1%d", i), Target: callee.Number(), Calls: 2})
	}
	p := StartSIPp(t, sipp, Loopback(t), behind, "tn", phones)
	var wg sync.WaitGroup
	for _, callee := range callees {
		wg.Go(func() {
			for _, first := range []bool{false, true} {
				callee.Takes()
				callee.IsUp()
				time.Sleep(500 * time.Millisecond) // as above
				callee.Ends(first)
			}
		})
	}
	wg.Wait()
	n.eventually("SIPp has made its calls", 20*time.Second, func() bool { return p.Log("caller") == 2*len(callees) })
	n.eventually("no call is left", 5*time.Second, func() bool { return n.Rows("calls") == 0 })
	for _, who := range []string{"hung up by caller", "hung up by callee"} {
		if got := strings.Count(strings.Join(p.lines(), "\n"), who); got != len(callees) {
			t.Errorf("calls of SIPp %s: got %d, want %d", who, got, len(callees))
		}
	}
}

func mixedUsers() []string {
	users := []string{"sipp2"}
	for i := range 6 {
		users = append(users, fmt.Sprintf("sipp1%d", i))
	}
	for _, over := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		users = append(users, over+"1", over+"2")
	}
	return users
}

// mixed starts a phone on each transport; their numbers end in last.
func mixed(t *testing.T, baresip string, n *Node, last string) []Member {
	t.Helper()
	var all []Member
	for _, over := range []string{"udp", "tcp", "tls"} {
		all = append(all, bare{StartBaresip(t, baresip, Loopback(t), n, over+last, over, 440)})
	}
	for _, over := range []string{"ws", "wss"} {
		all = append(all, StartPage(t, n, over+last, over))
	}
	return all
}
