// Package crash kills the real binary under load, as a power cut or the kernel
// would, and looks at what is left: acknowledged configuration, registrations
// and files. It knows the program only by its command line, its port and the
// files in its directory; what a closed node does is in test/lab.
package crash

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/tool"
)

const (
	kills = 10
	// onDisk is how long a changed registration may take to the disk.
	onDisk = time.Second
)

// TestKillUnderLoad: 50 registrations and 20 calls a second and a change of the
// configuration now and then, while the node is killed ten times. Each time it
// comes back with every change that it acknowledged and every phone that it had
// a second before, and goes on with registrations and calls.
func TestKillUnderLoad(t *testing.T) {
	sipp := tool.Need(t, "sipp", "sip-tester")
	n := found(t, tool.Carillon(t))
	bob := house.Address(t)
	begin(t, sipp, "register.xml", n.addr, bob, "-inf", passwords(t, "bob"), "-m", "1", "-timeout", "10").wait(15 * time.Second)
	begin(t, sipp, "answer.xml", n.addr, bob)
	phones := begin(t, sipp, "register.xml", n.addr, house.Address(t), "-inf", passwords(t, numbers()...), "-r", "50", "-l", "5000")
	calls := begin(t, sipp, "call.xml", n.addr, house.Address(t), "-r", "20", "-l", "2000")
	edits := n.edit()

	for kill := range kills {
		phones.goesOn(20)
		calls.goesOn(5)
		known := n.registered()
		time.Sleep(onDisk + rand.N(500*time.Millisecond))
		acknowledged := edits.acknowledged.Load()
		n.end(syscall.SIGKILL)
		n.checkFiles()
		start := time.Now()
		n.start()
		t.Logf("kill %d: %d phones, configuration %d; back after %v", kill+1, len(known), acknowledged, time.Since(start).Round(time.Millisecond))

		if got := n.inForce(); got < acknowledged {
			t.Errorf("configuration: %d is in force, %d was acknowledged", got, acknowledged)
		}
		back := n.registered()
		for user, contact := range known {
			if back[user] != contact {
				t.Errorf("%s: registered at %q, was at %q", user, back[user], contact)
			}
		}
		if t.Failed() {
			return
		}
	}

	phones.goesOn(20)
	calls.goesOn(5)
	if got := edits.acknowledged.Load(); got < kills {
		t.Errorf("only %d changes were acknowledged", got)
	}
	edits.end()
	n.end(syscall.SIGTERM)
	n.checkFiles()
	if state := n.process.ProcessState; !state.Success() {
		t.Errorf("ended with %v", state)
	}
}
