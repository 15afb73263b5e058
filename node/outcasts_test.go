package node

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/store/live"
	"carillon/test/tool"
)

// outWithin is how long a removed node may be in once it can be reached.
const outWithin = 5 * time.Second

// opens opens a connection from a node to another and waits until that is sure
// that it is taken: nothing is said on it.
func (w *town) opens(from, to, protocol string) net.Conn {
	w.t.Helper()
	c, err := w.dial(from, to, protocol)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	if !isOpen(c) {
		w.t.Fatalf("%s takes no connection of %s for %s", to, from, protocol)
	}
	return c
}

func (w *town) dial(from, to, protocol string) (net.Conn, error) {
	return w.nodes[from].peers.port.Dial(w.t.Context(), to, w.nodes[to].address, protocol)
}

// isOpen reports whether a connection is not closed, for as long as it can be told
// from one that is about to be.
func isOpen(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	silence, ok := errors.AsType[net.Error](err)
	return err == nil || ok && silence.Timeout()
}

// isOutAt waits until a node is turned away by others for every protocol, and
// neither in their tables nor with anything open.
func (w *town) isOutAt(name, user string, open []net.Conn, others ...string) {
	w.t.Helper()
	watch := tool.Start(w.t)
	for _, at := range others {
		w.eventually("nobody at "+at+" has phones of "+name, func() bool { return len(w.nodes[at].bindings.Of(user)) == 0 })
		for _, protocol := range []string{link.ProtocolSession, link.ProtocolRing, link.ProtocolSIP, link.ProtocolAsk} {
			for _, way := range [][2]string{{name, at}, {at, name}} {
				w.eventually(fmt.Sprint(way, " is refused ", protocol), func() bool {
					c, err := w.dial(way[0], way[1], protocol)
					if err != nil {
						return true
					}
					defer func() { _ = c.Close() }()
					return !isOpen(c)
				})
			}
		}
	}
	for i, c := range open {
		w.eventually(fmt.Sprint("connection ", i, " is closed"), func() bool { return !isOpen(c) })
	}
	if took := watch.Took(); !tool.Figure(w.t, "a removed node is out at "+strings.Join(others, ", "), took.Seconds(), outWithin.Seconds(), "s") {
		w.t.Errorf("%s was out after %v, want %v at most", name, took, outWithin)
	}
	for _, at := range others {
		counted := func() uint64 { return w.nodes[at].peers.port.Counters().Revoked }
		before := counted()
		c, err := w.dial(name, at, link.ProtocolSIP)
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1)) // TLS 1.3 says it no earlier
		_ = c.Close()
		w.eventually(at+" counts it", func() bool { return counted() > before })
	}
	w.eventually(name+" is told", func() bool { return w.nodes[name].status().Out != "" })
	if said := strings.Join(happened(w.nodes[name].events), "\n"); !strings.Contains(said, "this node is out of the system: it was removed") {
		w.t.Errorf("the events of %s do not say what happened: %s", name, said)
	}
}

// registers has a phone be at a node, and waits until others know.
func (w *town) registers(user, at string, others ...string) {
	w.t.Helper()
	w.nodes[at].bindings.Put(live.Binding{User: user, Device: "d", Contact: "sip:" + user + "@127.0.0.9", Transport: "udp", Flow: 1, Granted: time.Hour})
	for _, other := range others {
		w.eventually(other+" knows "+user, func() bool { return len(w.nodes[other].bindings.Of(user)) > 0 })
	}
}

// TestARemovedNodeIsOutWhileItRuns: everywhere at once, also where the line is too
// slow to bring the View in that time.
func TestARemovedNodeIsOutWhileItRuns(t *testing.T) {
	t.Parallel()
	w := &town{t: t, nodes: make(map[string]*townsman), config: filepath.Join(t.TempDir(), "system.yaml")}
	if err := os.WriteFile(w.config, manyUsers(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.open("laurel", RoleMain, "laurel")
	w.open("hardy", RoleMain, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.joinAt("namur", RoleLifeguard, "laurel", "namur")
	w.registers("u1", "mons", "laurel", "hardy", "namur")
	var open []net.Conn
	for _, at := range []string{"laurel", "hardy", "namur"} {
		for _, protocol := range []string{link.ProtocolRing, link.ProtocolSIP, link.ProtocolAsk} {
			open = append(open, w.opens("mons", at, protocol), w.opens(at, "mons", protocol))
		}
	}
	before := w.nodes["namur"].config.View().Index()
	if _, err := w.nodes["hardy"].Apply(t.Context(), "renamed.yaml", manyUsers()); err != nil {
		t.Fatal(err)
	}
	w.removes("hardy", "mons")
	w.isOutAt("mons", "u1", open, "laurel", "hardy", "namur")
	if got := w.nodes["namur"].config.View().Index(); got != before {
		t.Errorf("namur has revision %d of the configuration, had %d: its line is too fast to show anything", got, before)
	}
	if !slices.Contains(happened(w.nodes["namur"].events), "mons was removed") {
		t.Errorf("namur does not tell: %q", happened(w.nodes["namur"].events))
	}
	w.nodes["mons"].bindings.Put(live.Binding{User: "u2", Device: "d", Contact: "sip:u2@127.0.0.9", Transport: "udp", Flow: 1, Granted: time.Hour})
	w.registers("u3", "laurel", "hardy", "namur") // what is said after it has come
	for _, at := range []string{"laurel", "hardy", "namur"} {
		for _, user := range []string{"u1", "u2"} {
			if got := w.nodes[at].bindings.Of(user); len(got) > 0 {
				t.Errorf("%s knows again: %+v", at, got)
			}
		}
	}
}

// manyUsers is a configuration that a site's line takes long for, each time: all have
// other names.
func manyUsers() []byte {
	var b bytes.Buffer
	b.WriteString("domain: tel.test\nsites:\n  - {name: " + firstSite + ", networks: [127.0.0.0/8]}\n" +
		"  - {name: namur, networks: [192.0.2.0/24], budget: 16 kbit/s}\nusers:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - {number: u%d, name: %s, site: %s, password: secret}\n", i, rand.Text(), firstSite)
	}
	return b.Bytes()
}

// TestARemovedNodeIsOutWhenItComesBack: one that could not be reached is removed,
// and comes back with all that it had.
func TestARemovedNodeIsOutWhenItComesBack(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel", "hardy")
	w.open("mons", RoleLifeguard, "laurel")
	w.open("namur", RoleLifeguard, "laurel")
	w.registers("u1", "mons", "laurel", "hardy", "namur")
	w.nodes["mons"].stop()
	w.removes("namur", "mons")
	w.start(w.nodes["mons"].o)
	w.isOutAt("mons", "u1", nil, "laurel", "hardy", "namur")
	if got := w.nodes["mons"].bindings.Of("u1"); len(got) != 1 {
		t.Errorf("it has lost the phone: %+v", got)
	}
	w.registers("u3", "laurel", "hardy", "namur")
	for _, at := range []string{"laurel", "hardy", "namur"} {
		if got := w.nodes[at].bindings.Of("u1"); len(got) > 0 {
			t.Errorf("%s knows again: %+v", at, got)
		}
	}
}
