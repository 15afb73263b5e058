package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// A watcher is a phone that watches a user's lamp.
type watcher struct {
	t     *testing.T
	phone *wire.Conn
	lamp  string // the last document
	told  int
}

// watches has a phone watch a user.
func watches(t *testing.T, phone *wire.Conn, from, user string) *watcher {
	t.Helper()
	m := request(phone, "SUBSCRIBE", from, user)
	m.Add("Event", "dialog")
	m.Add("Expires", "600")
	m.Add("Contact", fmt.Sprintf("<sip:%s@%s;transport=tcp>", from, phone.Local()))
	says(t, phone, m, 200)
	return &watcher{t: t, phone: phone}
}

// sees waits until the lamp shows a state, and says what came until then.
func (w *watcher) sees(when, want string) {
	w.t.Helper()
	for {
		m, err := w.phone.Receive(10 * time.Second)
		if err != nil {
			w.t.Fatalf("%s: %v; want %s, told last %s", when, err, want, w.lamp)
		}
		if err = w.phone.Send(m.Reply(200, "OK", "b")); err != nil {
			w.t.Fatal(err)
		}
		if m.Method() != "NOTIFY" {
			continue
		}
		if w.told++; m.Body == w.lamp {
			w.t.Errorf("%s: the same twice: %s", when, m.Body)
		}
		if w.lamp = m.Body; stateIn(m.Body) == want {
			return
		}
	}
}

// stateIn returns the state of the one dialog of a document, nothing when there is none.
func stateIn(document string) string {
	_, rest, _ := strings.Cut(document, "<state")
	_, rest, _ = strings.Cut(rest, ">")
	state, _, _ := strings.Cut(rest, "<")
	if state == "terminated" {
		return ""
	}
	return state
}

// TestLampAtAnotherNode: a call at one node lights a lamp that a phone watches at the
// node of another site, also when it rang already before anybody watched there, and puts
// it out; and that site is told of no call before.
func TestLampAtAnotherNode(t *testing.T) {
	t.Parallel()
	namur, alice, bob, carol := twoSites(t)
	over := rings(t, alice, bob)
	if got := namur.dialogs.All(); len(got) > 0 {
		t.Errorf("namur is told of calls that concern nobody there: %+v", got)
	}
	lamp := watches(t, carol, "203", "201")
	lamp.sees("it rang before", "early")
	over()
	lamp.sees("it is over", "")
	for range 2 {
		before := lamp.told
		over = rings(t, alice, bob)
		lamp.sees("it rings", "early")
		over()
		lamp.sees("it is over again", "")
		if got := lamp.told - before; got != 2 {
			t.Errorf("the watcher was told %d times, want of each change once", got)
		}
	}
}

// TestPickupOfAnotherSite: who dials the code at a branch gets the call of another site
// of which the branch was told nothing.
func TestPickupOfAnotherSite(t *testing.T) {
	t.Parallel()
	_, alice, bob, carol := twoSites(t)
	over := rings(t, alice, bob)
	picks := request(carol, "INVITE", "203", "**202")
	picks.Add("Contact", fmt.Sprintf("<sip:203@%s;transport=tcp>", carol.Local()))
	m, err := says(t, carol, picks, 100), error(nil)
	for err == nil && m.Status() == 100 { // of this node, and of the one that has the call
		m, err = carol.Receive(10 * time.Second)
	}
	if err != nil || m.Status() != 487 {
		t.Fatalf("203 gets %q, %v, want 487, and then the call", m.Start, err)
	}
	m, err = carol.Receive(10 * time.Second)
	if err != nil || m.Method() != "INVITE" || m.Get("Answer-Mode") != "Auto" {
		t.Fatalf("203 gets %q, %v, want the call, to be answered at once", m.Start, err)
	}
	if err = carol.Send(m.Reply(603, "Decline", "c")); err != nil {
		t.Fatal(err)
	}
	over()
}

// twoSites has two phones at the head office and one at a branch.
func twoSites(t *testing.T) (namur *townsman, alice, bob, carol *wire.Conn) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "town.yaml")
	if err := os.WriteFile(file, []byte(`domain: tel.test
sites:
  - {name: hq, networks: [127.0.0.0/8], calls: trusted}
  - {name: namur}
users:
  - {number: "201", password: secret-201, site: hq}
  - {number: "202", password: secret-202, site: hq}
  - {number: "203", password: secret-203, site: namur, roams: true}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, config: file, nodes: make(map[string]*townsman)}
	w.open("laurel", RoleMain, "laurel")
	w.joinAt("namur", RoleLifeguard, "laurel", "namur")
	laurel := w.nodes["laurel"]
	namur = w.nodes["namur"]
	w.eventually("they hear each other", func() bool {
		here, _ := laurel.peers.isUp("namur")
		there, _ := namur.peers.isUp("laurel")
		return here && there
	})
	alice, bob, carol = aPhone(t, laurel, "201"), aPhone(t, laurel, "202"), aPhone(t, namur, "203")
	w.eventually("the head office knows 203", func() bool { return len(laurel.bindings.Of("203")) > 0 })
	return namur, alice, bob, carol
}

// rings has one phone call another, which rings, and returns what has it refuse.
func rings(t *testing.T, caller, callee *wire.Conn) (over func()) {
	t.Helper()
	m := request(caller, "INVITE", "201", "202")
	m.Add("Contact", fmt.Sprintf("<sip:201@%s;transport=tcp>", caller.Local()))
	says(t, caller, m, 100)
	call, err := callee.Receive(10 * time.Second)
	if err != nil || call.Method() != "INVITE" {
		t.Fatalf("202 gets %q, %v, want a call", call.Start, err)
	}
	answers := func(status int, reason string) {
		t.Helper()
		if err := callee.Send(call.Reply(status, reason, "b")); err != nil {
			t.Fatal(err)
		}
		if got, err := caller.Receive(10 * time.Second); err != nil || got.Status() != status {
			t.Fatalf("201 gets %q, %v, want %d", got.Start, err, status)
		}
	}
	answers(180, "Ringing")
	return func() {
		t.Helper()
		answers(486, "Busy Here")
		ack := m.Clone()
		ack.Start = strings.Replace(m.Start, "INVITE", "ACK", 1)
		ack.Set("CSeq", "1 ACK")
		if err := caller.Send(ack); err != nil {
			t.Fatal(err)
		}
		if got, err := callee.Receive(10 * time.Second); err != nil || got.Method() != "ACK" {
			t.Fatalf("202 gets %q, %v, want an ACK", got.Start, err)
		}
	}
}
