package sipcore_test

import (
	"crypto/rand"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/store"
	"carillon/test/house/wire"
	"carillon/test/tool"
)

func TestACallOut(t *testing.T) {
	for _, tt := range []struct {
		name, dialled, number string
		by                    string // whose trunk
		alter                 func(*store.Config)
	}{
		{"in E.164", "+442071838750", "+442071838750", "mons", nil},
		{"as abroad", "00442071838750", "+442071838750", "mons", nil},
		{"as at home", "022223344", "+3222223344", "mons", nil},
		{"with the number for a line", "9022223344", "+3222223344", "mons", nil},
		{"a short number", "91207", "1207", "mons", nil},
		{"by the head office", "+442071838750", "+442071838750", "hq", func(c *store.Config) { c.Trunks = c.Trunks[1:] }},
	} {
		for _, hangUp := range []string{"the caller", "the carrier"} {
			t.Run(tt.name+", "+hangUp+" hangs up", func(t *testing.T) {
				b := newBranch(t, tt.alter)
				carrier, shown := b.mons, "+3265551201"
				if tt.by == "hq" {
					carrier, shown = b.hq, "+3225551301" // the only number that this site has
				}
				alice := b.lg.phone("alice", "a")
				sent := alice.invites(tt.dialled)
				from, to, invite := carrier.takes(alice)
				if got := invite.URI(); got != "sip:"+tt.number+"@"+carrier.conn.Local().String() {
					t.Errorf("the carrier is asked for %s", got)
				}
				who := "<sip:" + shown + "@" + domain + ";user=phone>"
				if got := invite.Get("From"); got != who+";tag="+alice.tag || invite.Get("P-Asserted-Identity") != who {
					t.Errorf("the carrier hears that %s calls, %s", got, invite.Get("P-Asserted-Identity"))
				}
				if invite.Has("Route") || invite.Has("Proxy-Authorization") || strings.Contains(invite.String(), ";relay") {
					t.Errorf("the carrier sees:\n%s", invite)
				}
				if from.local != sent.Get("From") {
					t.Errorf("the caller is told that he is %s", from.local)
				}
				to.within("INVITE") // and in the call
				again := alice.gets("INVITE")
				alice.replies(again, 200)
				carrier.gets("200")
				to.within("ACK")
				alice.gets("ACK")
				if hangUp == "the caller" {
					hangsUp(from, to)
				} else {
					hangsUp(to, from)
				}
				eventually(t, "no call is left", func() bool { return b.lg.calls.Count()+b.main.calls.Count() == 0 })
			})
		}
	}
}

// Who does not want to be known is not, whichever way he says so, and one of his
// own numbers is what he wants.
func TestWhoCallsOut(t *testing.T) {
	for _, tt := range []struct {
		name          string
		set           func(*wire.Message)
		from, privacy string
	}{
		{"another of his numbers", func(m *wire.Message) { m.Set("From", strings.Replace(m.Get("From"), "alice", "+3265551202", 1)) }, "+3265551202", ""},
		{"with privacy", func(m *wire.Message) { m.Add("Privacy", "id;critical") }, "anonymous.invalid", "id"},
		{"without a name", func(m *wire.Message) {
			m.Set("From", "<sip:anonymous@anonymous.invalid>;tag=x")
		}, "anonymous.invalid", "id"},
		{"who claims more", func(m *wire.Message) { m.Add("P-Asserted-Identity", "<sip:+1@x>") }, "+3265551201", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, nil)
			alice := b.lg.phone("alice", "a")
			m := alice.request("INVITE", "sip:+442071838750@"+domain, "<sip:x@y>", rand.Text())
			m.Add("Contact", "<"+alice.contact()+">")
			tt.set(&m)
			alice.send(m)
			invite := b.mons.gets("INVITE")
			all := invite.All("P-Asserted-Identity")
			if !strings.Contains(invite.Get("From"), tt.from) || invite.Get("Privacy") != tt.privacy || len(all) != 1 || !strings.Contains(all[0], "+326555120") {
				t.Errorf("the carrier sees:\n%s", invite)
			}
			b.mons.replies(invite, 486)
			b.mons.gets("ACK")
			alice.gets("486")
		})
	}
}

// What the carrier says is passed on; only a trunk that does not work has the next
// one tried. How long that takes is in the tests of package proxy.
func TestWhatACarrierSays(t *testing.T) {
	for _, tt := range []struct {
		says  int // 0: nothing
		next  bool
		hears string
	}{
		{486, false, "486"},
		{404, false, "404"},
		{603, false, "603"},
		{480, false, "480"},
		{407, true, "480"},
		{503, true, "480"},
		{500, true, "500"},
		{0, true, "480"},
	} {
		t.Run("says "+tt.hears, func(t *testing.T) {
			b := newBranch(t, nil)
			alice := b.lg.phone("alice", "a")
			alice.invites("+442071838750")
			invite := b.mons.gets("INVITE")
			if tt.says != 0 {
				m := invite.Reply(tt.says, "Because", b.mons.tag)
				if tt.says == 407 {
					m.Add("Proxy-Authenticate", `Digest realm="carrier", nonce="x"`)
				}
				b.mons.send(m)
				b.mons.gets("ACK")
			}
			if tt.next {
				b.hq.gets("INVITE") // and says nothing
			}
			got := alice.gets(tt.hears)
			if tt.hears == "480" && tt.next != strings.Contains(got.Get("Warning"), "no trunk has taken the call") {
				t.Errorf("the caller is told:\n%s", got)
			}
		})
	}
}

func TestATrunkThatIsNotReached(t *testing.T) {
	b := newBranch(t, func(c *store.Config) {
		c.Trunks = c.Trunks[:1]
		c.Trunks[0].Transport = store.TCP // where nobody listens
	})
	alice := b.lg.phone("alice", "a")
	began := tool.Start(t)
	alice.invites("+442071838750")
	got := alice.gets("480")
	if took := began.Took(); took > 4*time.Second || !strings.Contains(got.Get("Warning"), "no trunk has taken the call") {
		t.Errorf("after %v the caller is told:\n%s", took, got)
	}
}

func TestACarrierCalls(t *testing.T) {
	for _, tt := range []struct {
		name, method, number string
		alone                bool
		want                 string // who rings, or what the carrier hears
	}{
		{"a direct number", "INVITE", "+3265551201", false, "alice"},
		{"without plus", "INVITE", "3265551201", false, "alice"},
		{"as at home", "INVITE", "065551201", false, "alice"},
		{"a number inside", "INVITE", "alice", false, "alice"},
		{"a direct number, alone", "INVITE", "+3265551201", true, "alice"},
		{"nobody's number", "INVITE", "+3265551299", false, "404"},
		{"nobody's number, alone", "INVITE", "+3265551299", true, "carol"},
		{"a way out", "INVITE", "+442071838750", false, "404"},
		{"a way out, with the number for a line", "INVITE", "900442071838750", false, "404"},
		{"for help", "INVITE", "112", false, "404"},
		{"a desk elsewhere, alone", "INVITE", "+3225551301", true, "480"},
		{"to write", "MESSAGE", "+3265551201", false, "405"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, nil)
			phones := map[string]*phone{"alice": b.lg.phone("alice", "a"), "carol": b.lg.phone("carol", "c")}
			if tt.alone {
				b.goesAlone(refused)
			}
			b.mons.asksFor(tt.method, tt.number)
			rings, ok := phones[tt.want]
			if !ok {
				b.mons.gets(tt.want)
				return
			}
			invite := rings.gets("INVITE")
			answer := rings.replies(invite, 200)
			from, to := b.mons.calling(b.mons.gets("200")), rings.called(invite, answer)
			from.within("ACK")
			rings.gets("ACK")
			from.within("REFER") // to have the phone call whom it says
			b.mons.gets("403")
			hangsUp(to, from)
		})
	}
}

func TestACarrierDoesNotRegister(t *testing.T) {
	b := newBranch(t, nil)
	b.mons.send(b.mons.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "r"))
	b.mons.gets("403")
}

// Without a password nobody calls out, but for help.
func TestAStrangerCallsOut(t *testing.T) {
	b := newBranch(t, nil)
	s := b.lg.stranger("udp", "alice")
	s.send(s.request("INVITE", "sip:+442071838750@"+domain, "<sip:x@y>", "i"))
	s.gets("407")
	b.mons.hearsNothing(100 * time.Millisecond)
}

func TestHelp(t *testing.T) {
	for _, tt := range []struct {
		name, uri string
		alter     func(*store.Config)
		alone     bool
		silent    int // how many trunks say nothing
		by        string
		number    string
		said      string
	}{
		{"112", "sip:112@" + domain, nil, false, 0, "mons", "112", "goes out by trunk mons-isdn"},
		{"911, alone", "sip:911@" + domain, nil, true, 0, "mons", "911", "goes out by trunk mons-isdn"},
		{"with the number for a line", "sip:9112@" + domain, func(c *store.Config) {
			c.Sites[1].Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			c.Sites[1].Profiles = []store.Profile{{Prefix: c.Sites[1].Networks[0], Location: "2nd floor"}}
		}, false, 0, "mons", "112", "at site mons, 2nd floor, to 112 goes out"},
		{"past the rules of a network", "sip:112@" + domain, func(c *store.Config) {
			c.Sites[1].Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			c.Sites[1].Profiles = []store.Profile{{Prefix: c.Sites[1].Networks[0], Closed: true, Transports: []string{"tls"}, MostCalls: 1}}
		}, false, 0, "mons", "112", "goes out by trunk mons-isdn"},
		{"a service", "urn:service:sos.fire", nil, false, 0, "mons", "112", "goes out by trunk mons-isdn"},
		{"by another trunk", "sip:112@" + domain, nil, false, 1, "hq", "112", "goes out by trunk mons-isdn"},
		{"of a dumb site by another trunk", "sip:112@" + domain, func(c *store.Config) { c.Sites[1].Survivable = store.Dumb }, false, 1, "hq", "112", ""},
		{"to the operator", "sip:112@" + domain, nil, true, 1, "carol", "", "rings the operator"},
		{"from a network that is not ours", "sip:112@" + domain, func(c *store.Config) {
			c.Sites[0].Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		}, false, 0, "mons", "112", "goes out by trunk mons-isdn"},
		{"in another domain", "sip:112@192.0.2.77", nil, false, 0, "mons", "112", "goes out by trunk mons-isdn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, nil)
			carol := b.lg.phone("carol", "c")
			if tt.alter != nil {
				c := b.lg.store.View().Config()
				tt.alter(&c)
				b.lg.store.Publish(store.NewView(c).At(2))
			}
			if tt.alone {
				b.goesAlone(refused)
			}
			alice := b.lg.stranger("udp", "alice") // no registration and no password
			m := alice.request("INVITE", tt.uri, "<sip:x@y>", rand.Text())
			m.Add("Contact", "<"+alice.contact()+">")
			m.Add("Proxy-Require", "privacy") // which ends any other call
			alice.send(m)
			if tt.silent > 0 {
				b.mons.gets("INVITE")
			}
			by := map[string]*phone{"mons": b.mons, "hq": b.hq, "carol": carol}[tt.by]
			invite := by.gets("INVITE")
			if tt.number != "" && !strings.HasPrefix(invite.URI(), "sip:"+tt.number+"@") {
				t.Errorf("the carrier is asked for %s", invite.URI())
			}
			if tt.by == "mons" && !strings.Contains(invite.Get("P-Asserted-Identity"), "+3265551200") {
				t.Errorf("it is not told which site calls:\n%s", invite)
			}
			if tt.number != "" && invite.Get("Proxy-Require") != "" {
				t.Errorf("the carrier is asked for what was asked of us:\n%s", invite)
			}
			answer := by.replies(invite, 200)
			from, to := alice.calling(alice.gets("200")), by.called(invite, answer)
			from.within("ACK")
			by.gets("ACK")
			hangsUp(from, to)
			if said := b.lg.heard.String(); !strings.Contains(said, tt.said) || !strings.HasPrefix(said, "emergency: ") {
				t.Errorf("people are told: %q", said)
			}
		})
	}
}

func TestHelpThatReachesNobody(t *testing.T) {
	for _, says := range []string{"404", "603"} {
		t.Run(says, func(t *testing.T) {
			b := newBranch(t, func(c *store.Config) { c.Sites[1].Operator = "" })
			alice := b.lg.phone("alice", "a")
			alice.invites("112")
			for _, carrier := range []*phone{b.mons, b.hq} { // whatever they say
				status, _ := strconv.Atoi(says)
				carrier.replies(carrier.gets("INVITE"), status)
				carrier.gets("ACK")
			}
			alice.gets(says)
			if said := b.lg.heard.String(); !strings.Contains(said, "the call of alice at site mons to 112 has reached nobody: "+says) {
				t.Errorf("people are told: %q", said)
			}
		})
	}
}

// TestAnUnknownNumber: in the cluster it is an error, and alone the operator's.
func TestAnUnknownNumber(t *testing.T) {
	for _, tt := range []struct {
		name, number, profile string
		alone                 bool
		want                  string
	}{
		{"in the cluster", "299", store.Standard, false, "404"},
		{"alone", "299", store.Standard, true, "carol"},
		{"alone, dumb", "299", store.Dumb, true, "carol"},
		{"a code", "*98", store.Standard, false, "404"},
		{"a code, alone", "*98", store.Standard, true, "480"},
		{"a code, alone, dumb", "*98", store.Dumb, true, "carol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, func(c *store.Config) { c.Sites[1].Survivable = tt.profile })
			alice, carol := b.lg.phone("alice", "a"), b.lg.phone("carol", "c")
			if tt.alone {
				b.goesAlone(refused)
			}
			alice.invites(tt.number)
			if tt.want != "carol" {
				alice.gets(tt.want)
				return
			}
			carol.replies(carol.gets("INVITE"), 486)
			carol.gets("ACK")
			alice.gets("486")
			carol.invites(tt.number) // the operator himself
			carol.gets("404")
		})
	}
}

// TestADeskAtAnotherSite whose line is cut is called by its direct number, whether
// or not the node has noticed; without one, or a trunk, that is said in time.
func TestADeskAtAnotherSite(t *testing.T) {
	for _, tt := range []struct {
		name  string
		line  line
		calm  bool // connections that are open carry nothing
		known bool // the node knows that nothing is heard of the other
		alter func(*store.Config)
		by    bool // by the carrier
	}{
		{"the line is good", good, false, false, nil, false},
		{"cut", hanging, false, true, nil, true},
		{"cut a moment ago", hanging, false, false, nil, true},
		{"silent", mute, false, false, nil, true},
		{"no direct number", hanging, false, true, func(c *store.Config) { c.Users[1].Direct = nil }, false},
		{"no trunk", hanging, false, true, func(c *store.Config) { c.Trunks = c.Trunks[1:] }, false},
		{"dumb", hanging, false, true, func(c *store.Config) { c.Sites[1].Survivable = store.Dumb }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBranch(t, tt.alter)
			b.lg.isFar()
			alice, bob := b.lg.phone("alice", "a"), b.main.phone("bob", "b")
			b.lg.knows("bob", "main")
			if tt.line != good {
				b.goesAlone(tt.line)
				if !tt.known {
					b.lg.bindings.SetNodeAlive("main", true)
				}
			}
			began := tool.Start(t)
			alice.invites("bob")
			switch {
			case tt.line == good:
				bob.replies(bob.gets("INVITE"), 486)
				bob.gets("ACK")
				alice.gets("486")
			case tt.by:
				out := b.mons.gets("INVITE")
				if !strings.HasPrefix(out.URI(), "sip:+3225551301@") {
					t.Errorf("the carrier is asked for %s", out.URI())
				}
				b.hq.asksFor("INVITE", "+3225551301") // the carriers' own network
				bob.replies(bob.gets("INVITE"), 486)
				bob.gets("ACK")
				b.hq.gets("486")
				b.mons.replies(out, 486)
				b.mons.gets("ACK")
				alice.gets("486")
			default:
				if got := alice.gets("480"); !strings.Contains(got.Get("Warning"), "nothing is heard of site hq") && tt.name != "dumb" {
					t.Errorf("the caller is told:\n%s", got)
				}
			}
			if took := began.Took(); took > 4*time.Second {
				t.Errorf("it took %v, want at most 4 s", took)
			}
		})
	}
}
