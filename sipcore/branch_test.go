package sipcore_test

import (
	"crypto/rand"
	"net/netip"
	"testing"

	"carillon/store"
	"carillon/test/house/wire"
)

// A branch is a town of two sites: mons, where lg goes on alone when the test says
// so, and hq, where main stands. Each has a carrier.
type branch struct {
	*town
	lg, main *station
	mons, hq *phone // the carriers
}

// newBranch opens a branch; alter changes its configuration.
func newBranch(t *testing.T, alter func(*store.Config)) *branch {
	t.Helper()
	b := &branch{town: newTown(t)}
	mons, hq := address(), address()
	c := b.view.Config()
	c.Sites = []store.Site{{Name: "hq"}, {Name: "mons", Operator: "carol", Country: "+32", Outside: "9"}}
	c.Users = []store.User{
		user("alice", "mons", "+3265551201", "+3265551202"), user("bob", "hq", "+3225551301"), user("carol", "mons", "+3265551200"),
	}
	c.Nodes = []store.Node{{Name: "lg", Role: store.Lifeguard, Site: "mons"}, {Name: "main", Role: store.Main, Site: "hq"}}
	b.view = store.NewView(c)
	b.lg, b.main = b.open("lg", address()), b.open("main", address())
	b.mons, b.hq = b.lg.carrier("mons", mons), b.main.carrier("hq", hq)
	c.Trunks = []store.Trunk{
		{Name: "mons-isdn", Site: "mons", Address: b.mons.conn.Local().String()}, {Name: "hq-sip", Site: "hq", Address: b.hq.conn.Local().String()},
	}
	if alter != nil {
		alter(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.nodes {
		s.store.Publish(store.NewView(c).At(1))
	}
	return b
}

func user(number, site string, direct ...string) store.User {
	return store.User{Number: number, Site: site, Direct: direct, Digests: store.MakeDigests(number, domain, password)}
}

// isFar has a node learn of other nodes' phones only where they are.
func (s *station) isFar() {
	s.town.mu.Lock()
	defer s.town.mu.Unlock()
	s.far = true
}

// goesAlone has lg hear of main no more, nor reach it.
func (b *branch) goesAlone(l line) {
	b.mu.Lock()
	b.lines[[2]string{"lg", "main"}], b.lines[[2]string{"main", "lg"}] = l, l
	b.mu.Unlock()
	b.lg.alone.Store(true)
	b.lg.bindings.SetNodeAlive("main", false)
	b.main.bindings.SetNodeAlive("lg", false)
}

// carrier opens a carrier at an address, which speaks to this node first.
func (s *station) carrier(name string, at netip.Addr) *phone {
	s.town.t.Helper()
	conn, err := wire.Open(at, netip.AddrPortFrom(s.addr, 5060))
	if err != nil {
		s.town.t.Fatal(err)
	}
	s.town.t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: s.town.t, over: "udp", user: name, tag: rand.Text(), conn: conn, at: s}
}

// asks has a carrier send a request for a number.
func (p *phone) asksFor(method, number string) {
	p.t.Helper()
	uri := "sip:" + number + "@" + p.at.addr.String()
	m := p.request(method, uri, "<"+uri+">", rand.Text())
	m.Set("From", "<sip:+3221110000@carrier.test>;tag="+rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	p.send(m)
}

// takes answers a call that came out, which leads to a call that is up.
func (p *phone) takes(from *phone) (caller, callee *side, invite wire.Message) {
	p.t.Helper()
	invite = p.gets("INVITE")
	p.replies(invite, 183)
	from.gets("183")
	answer := p.replies(invite, 200)
	caller, callee = from.calling(from.gets("200")), p.called(invite, answer)
	caller.within("ACK")
	p.gets("ACK")
	return caller, callee, invite
}
