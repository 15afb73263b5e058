package sipcore_test

import (
	"net/netip"
	"testing"
	"time"

	"carillon/sipcore"
	"carillon/store"
)

// office is a node whose one site has the networks, each with a profile or none.
func office(tb testing.TB, profiles ...store.Profile) *station {
	tb.Helper()
	site := store.Site{Profiles: profiles}
	for _, p := range profiles {
		site.Networks = append(site.Networks, p.Prefix)
	}
	return townOf(tb, site)
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// roams lets a user register from everywhere.
func (s *station) roams(number string) {
	c := s.store.View().Config()
	for i := range c.Users {
		c.Users[i].Roams = c.Users[i].Roams || c.Users[i].Number == number
	}
	s.store.Publish(store.NewView(c))
}

// asks sends a request that begins something, without a password, and returns what
// kind of answer it has.
func (p *phone) asks(method, user, want string) {
	p.t.Helper()
	m := p.request(method, "sip:"+user+"@"+domain, "<sip:"+user+"@"+domain+">", "asks"+method)
	m.Add("Contact", "<"+p.contact()+">")
	p.send(m)
	refused := p.gets(want)
	if method == "INVITE" {
		p.send(ackOf(m, refused))
	}
}

// TestWhatANetworkAllows: the network decides before any password is asked for.
func TestWhatANetworkAllows(t *testing.T) {
	s := office(t, store.Profile{Prefix: prefix("127.0.0.0/8")}, store.Profile{Prefix: prefix("127.9.0.0/16"), Closed: true},
		store.Profile{Prefix: prefix("127.9.1.0/24"), Transports: []string{"tcp", "tls"}})
	s.roams("carol")
	for _, tt := range []struct{ name, from, over, method, user, want string }{
		{"a network", "127.8.0.1", "udp", "REGISTER", "alice", "401"},
		{"one that is closed", "127.9.0.1", "udp", "REGISTER", "alice", "403"},
		{"calls from there", "127.9.0.1", "udp", "INVITE", "alice", "407"},
		{"who roams is there too", "127.9.0.1", "udp", "REGISTER", "carol", "401"},
		{"one within it, over TCP", "127.9.1.1", "tcp", "REGISTER", "alice", "401"},
		{"over UDP", "127.9.1.1", "udp", "REGISTER", "alice", "403"},
		{"a call over UDP", "127.9.1.1", "udp", "INVITE", "alice", "403"},
		{"one for help", "127.9.1.1", "udp", "INVITE", "112", "480"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := s.from(tt.from, tt.over, tt.user)
			p.t, p.device = t, "x"
			p.asks(tt.method, tt.user, tt.want)
		})
	}
	if got := s.Counters().Registrar; got.ForbiddenNetwork != 2 || got.Challenged != 3 {
		t.Errorf("got %+v, want two refused for their network and three asked for a password", got)
	}
}

// TestWhoRoams: he registers and calls over a connection from a network that nobody
// knows, as long as he likes; a stranger beside him gets 403 and no more.
func TestWhoRoams(t *testing.T) {
	s := office(t, store.Profile{Prefix: prefix("127.0.0.0/16")})
	s.roams("carol")
	for _, over := range []string{"tcp", "udp"} {
		carol := s.from("127.9.9.9", over, "carol")
		carol.device = "c" + over
		for range 12 { // more than what bans a stranger
			carol.registers()
		}
		if over == "tcp" { // over UDP he is asked for his password
			carol.asks("INVITE", "999", "404")
		} else {
			carol.asks("INVITE", "999", "407")
		}
	}
	for _, user := range []string{"alice", "nobody"} {
		s.from("127.9.9.8", "udp", user).asks("REGISTER", user, "403")
		s.from("127.9.9.8", "udp", user).asks("INVITE", "alice", "403")
	}
	if got := s.Refusals(); got != (sipcore.Refusals{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestANetworkIsFull(t *testing.T) {
	s := office(t, store.Profile{Prefix: prefix("127.0.0.0/8")}, store.Profile{Prefix: prefix("127.9.0.0/16"), MostPhones: 2, MostCalls: 1})
	var in []*phone
	for i, user := range []string{"alice", "bob"} {
		p := s.from("127.9.0.1", "tcp", user)
		p.device = string(rune('a' + i))
		p.registers()
		in = append(in, p)
	}
	in[0].registers() // again
	third := s.from("127.9.0.1", "tcp", "carol")
	third.device = "c"
	third.registersAs("403")
	elsewhere := s.from("127.8.0.1", "tcp", "carol")
	elsewhere.device = "c"
	elsewhere.registers()

	from, to := connect(in[0], elsewhere)
	in[1].asks("INVITE", "carol", "486")
	hangsUp(from, to)
	in[1].invites("carol")
	elsewhere.replies(elsewhere.gets("INVITE"), 180)
	in[1].gets("180")
}

// TestAListOfNetworksChanges: who does not fit any more is not registered within five
// seconds, his calls go on, and nobody else notices.
func TestAListOfNetworksChanges(t *testing.T) {
	s := office(t, store.Profile{Prefix: prefix("127.0.0.0/8")})
	s.roams("carol")
	var phones []*phone
	for i, user := range []string{"alice", "bob", "carol"} {
		p := s.from([]string{"127.9.0.1", "127.8.0.1", "127.9.0.2"}[i], "tcp", user)
		p.device = user
		p.registers()
		phones = append(phones, p)
	}
	alice, bob := phones[0], phones[1]
	from, to := connect(alice, bob)
	stays, _ := s.bindings.Device("bob", "urn:x:bob")

	c := s.store.View().Config()
	c.Sites[0].Networks, c.Sites[0].Profiles = []netip.Prefix{prefix("127.8.0.0/16")}, nil
	s.store.Publish(store.NewView(c))
	start := time.Now()
	eventually(t, "alice is not registered", func() bool { return len(s.bindings.Of("alice")) == 0 })
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v, want 5 s at most", took)
	}
	if len(s.bindings.Of("carol")) != 1 {
		t.Error("who roams is gone")
	}
	if now, _ := s.bindings.Device("bob", "urn:x:bob"); now.Since != stays.Since || now.Flow != stays.Flow || !now.Expires.Equal(stays.Expires) {
		t.Errorf("who fits was touched: %+v", now)
	}
	if got := s.Counters().Registrar.Dropped; got != 1 {
		t.Errorf("%d were dropped, want 1", got)
	}
	for range 15 { // more than what bans a stranger
		alice.asks("REGISTER", "alice", "403")
	}
	hangsUp(from, to)
}
