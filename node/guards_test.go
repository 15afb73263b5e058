package node

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"carillon/node/mode"
	"carillon/test/house/wire"
)

// aPhone registers a user at a node over TCP, from a network that is trusted.
func aPhone(t *testing.T, at *townsman, user string) *wire.Conn {
	t.Helper()
	c, err := wire.Dial("tcp", netip.AddrPortFrom(at.Listen(), 5060))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	registers(t, c, user, "secret-"+user, 200)
	return c
}

// registers has a phone try to register, and be answered so in the end.
func registers(t *testing.T, c *wire.Conn, user, password string, want int) {
	t.Helper()
	m := request(c, "REGISTER", user, user)
	m.Add("Contact", fmt.Sprintf("<sip:%s@%s;transport=tcp>", user, c.Local()))
	m.Add("Expires", "600")
	challenge := says(t, c, m, 401)
	answer, err := wire.Credentials{User: user, Password: password}.Answer(challenge.Get("WWW-Authenticate"), "REGISTER", m.URI())
	if err != nil {
		t.Fatal(err)
	}
	m = m.Clone()
	m.Set("CSeq", "2 REGISTER")
	m.Set("Via", m.Get("Via")+"2")
	m.Add("Authorization", answer)
	says(t, c, m, want)
}

func request(c *wire.Conn, method, from, to string) wire.Message {
	m := wire.Message{Start: method + " sip:" + to + "@tel.test SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/TCP %s;branch=z9hG4bK%d", c.Local(), time.Now().UnixNano()))
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+from+"@tel.test>;tag=a")
	m.Add("To", "<sip:"+to+"@tel.test>")
	m.Add("Call-ID", fmt.Sprint(time.Now().UnixNano()))
	m.Add("CSeq", "1 "+method)
	return m
}

func says(t *testing.T, c *wire.Conn, m wire.Message, want int) wire.Message {
	t.Helper()
	if err := c.Send(m); err != nil {
		t.Fatal(err)
	}
	got, err := c.Receive(10 * time.Second)
	if err != nil || got.Status() != want {
		t.Fatalf("%s: got %v, %v, want %d", m.Start, got.Start, err, want)
	}
	return got
}

// reaches has a phone of one node send a message to a user of another.
func (w *town) reaches(caller, callee *wire.Conn, from, to string) {
	w.t.Helper()
	if err := caller.Send(request(caller, "MESSAGE", from, to)); err != nil {
		w.t.Fatal(err)
	}
	m, err := callee.Receive(10 * time.Second)
	if err != nil || m.Method() != "MESSAGE" {
		w.t.Fatalf("%s gets %q, %v, want a MESSAGE", to, m.Start, err)
	}
	if err = callee.Send(m.Reply(200, "OK", "b")); err != nil {
		w.t.Fatal(err)
	}
	if m, err = caller.Receive(10 * time.Second); err != nil || m.Status() != 200 {
		w.t.Fatalf("%s gets %q, %v, want 200", from, m.Start, err)
	}
}

// TestLifeguardsWithoutMains: when all mains are gone, LifeGUARDs find each other,
// and their phones too, also one that registers only then. When a main is back,
// they leave each other.
func TestLifeguardsWithoutMains(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "town.yaml")
	if err := os.WriteFile(file, []byte(`domain: tel.test
sites:
  - {name: hq, networks: [127.0.0.0/8], calls: trusted}
users:
  - {number: "201", password: secret-201}
  - {number: "202", password: secret-202}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &town{t: t, config: file, nodes: make(map[string]*townsman)}
	w.open("laurel", RoleMain, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.open("namur", RoleLifeguard, "laurel")
	mons, namur := w.nodes["mons"], w.nodes["namur"]
	for _, n := range []*townsman{mons, namur} {
		w.eventually(n.Name()+" hears its main", func() bool { up, _ := n.peers.isUp("laurel"); return up })
		w.eventually(n.Name()+" knows the other", func() bool { return len(n.peers.guards()) == 1 })
	}

	w.nodes["laurel"].stop()
	for _, n := range []*townsman{mons, namur} {
		w.eventually(n.Name()+" is alone", func() bool { return n.standing.Mode() == mode.Survivable })
	}
	w.eventually("they find each other", func() bool {
		one, _ := mons.peers.isUp("namur")
		other, _ := namur.peers.isUp("mons")
		return one && other
	})
	alice, bob := aPhone(t, mons, "201"), aPhone(t, namur, "202")
	w.eventually("each knows the other's phone", func() bool {
		return len(mons.bindings.Of("202")) == 1 && len(namur.bindings.Of("201")) == 1
	})
	w.reaches(alice, bob, "201", "202")
	w.reaches(bob, alice, "202", "201")
	if _, silent := namur.system.Calls(t.Context()); len(silent) != 1 || silent[0] != "laurel" {
		t.Errorf("silent: got %q, want the main alone", silent)
	}

	w.start(w.nodes["laurel"].o)
	for _, n := range []*townsman{mons, namur} {
		w.eventually(n.Name()+" is back", func() bool { return n.standing.Mode() == mode.Cluster })
		w.eventually(n.Name()+" has left the other", func() bool { return len(n.peers.links()) == 1 })
	}
	w.eventually("the main knows both phones", func() bool { return w.nodes["laurel"].bindings.Count() == 2 })
	w.reaches(alice, bob, "201", "202")
}
