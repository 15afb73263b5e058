package store

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Config)
		field string
		want  string
	}{
		{"nothing", func(*Config) {}, "", ""},
		{"no domain", func(c *Config) { c.Domain = "" }, "domain", "a domain is needed"},
		{"a domain with a space", func(c *Config) { c.Domain = "tel example" }, "domain", "not a domain name"},
		{"a domain with a quote", func(c *Config) { c.Domain = `a".b` }, "domain", "not a domain name"},
		{"a site without a name", func(c *Config) { c.Sites[0].Name = "" }, "sites[0].name", "needs a name"},
		{"a site name with a dot", func(c *Config) { c.Sites[0].Name = "a.b" }, "sites[0].name", "cannot be the name"},
		{"two sites of one name", func(c *Config) { c.Sites[1].Name = "hq" }, "sites[1].name", "the site hq is given twice"},
		{"host bits", func(c *Config) { c.Sites[0].Networks = prefixes("10.1.2.3/8") }, "sites[0].networks[0]", "did you mean 10.0.0.0/8?"},
		{"IPv4 in IPv6", func(c *Config) { c.Sites[0].Networks = prefixes("::ffff:10.1.2.0/104") }, "sites[0].networks[0]", "did you mean 10.0.0.0/8?"},
		{"no network", func(c *Config) { c.Sites[0].Networks = append(c.Sites[0].Networks, prefixes("0.0.0.0/0")[0].Masked()) }, "", ""},
		{"a network twice", func(c *Config) { c.Sites[0].Networks = prefixes("10.0.0.0/8", "10.0.0.0/8") }, "sites[0].networks[1]", "given twice"},
		{"a network of two sites", func(c *Config) { c.Sites[1].Networks = prefixes("10.0.0.0/8") }, "sites[1].networks[0]", "claimed by site hq"},
		{"a profile of no network", func(c *Config) { c.Sites[0].Profiles = []Profile{{Prefix: prefixes("10.9.0.0/16")[0]}} }, "sites[0].networks", "no network of the site"},
		{"an unknown transport", func(c *Config) { profile(c).Transports = []string{"tcp", "sctp"} }, "sites[0].networks[1].transports[1]", `"sctp" is no transport`},
		{"a transport twice", func(c *Config) { profile(c).Transports = []string{"tcp", "tcp"} }, "sites[0].networks[1].transports[1]", "given twice"},
		{"a bound below zero", func(c *Config) { profile(c).MostPhones = -1 }, "sites[0].networks[1]", "above zero"},
		{"a location of several lines", func(c *Config) { profile(c).Location = "a\r\nVia: x" }, "sites[0].networks[1].location", "printable"},
		{"unknown calls", func(c *Config) { profile(c).Calls = "free" }, "sites[0].networks[1].calls", "write trusted or challenged"},
		{"a profile", func(c *Config) {
			*profile(c) = Profile{Prefix: profile(c).Prefix, Closed: true, Location: "Rue Neuve 1, 2nd floor"}
		}, "", ""},
		{"an unknown operator", func(c *Config) { c.Sites[1].Operator = "20" }, "sites[1].operator", `did you mean "200"?`},
		{"an unknown homing", func(c *Config) { c.Sites[0].Homing = "main" }, "sites[0].homing", "write local-first or main-first"},
		{"an unknown profile", func(c *Config) { c.Sites[0].Survivable = "smart" }, "sites[0].survivable", "write standard or dumb"},
		{"a budget too small", func(c *Config) { c.Sites[0].Budget = 7 }, "sites[0].budget", "at least 8"},
		{"a budget", func(c *Config) { c.Sites[0].Budget = 250 }, "", ""},
		{"a service address", func(c *Config) { c.Sites[0].Address = prefixes("10.1.0.1/24")[0] }, "", ""},
		{"a service address of IPv6", func(c *Config) { c.Sites[1].Address = prefixes("2001:db8::7/64")[0] }, "", ""},
		{"a service address elsewhere", func(c *Config) { c.Sites[0].Address = prefixes("192.0.2.1/24")[0] }, "sites[0].address", "in no network of site hq"},
		{"a service address alone", func(c *Config) { c.Sites[0].Address = prefixes("10.1.0.1/32")[0] }, "sites[0].address", "write it like 172.30.42.1/24"},
		{"a network as service address", func(c *Config) { c.Sites[0].Address = prefixes("10.1.0.0/24")[0] }, "sites[0].address", "write it like 172.30.42.1/24"},
		{"a group as service address", func(c *Config) { c.Sites[0].Address = prefixes("224.0.0.1/24")[0] }, "sites[0].address", "no address that nodes can share"},
		{"a service address of two sites", func(c *Config) {
			c.Sites[1].Networks = prefixes("10.9.0.0/16")
			c.Sites[0].Address, c.Sites[1].Address = prefixes("10.9.0.1/8")[0], prefixes("10.9.0.1/16")[0]
		}, "sites[1].address", "claimed by site hq"},
		{"a pool", func(c *Config) { c.Sites[0].DHCP = onePool(nil) }, "", ""},
		{"a pool elsewhere", func(c *Config) { c.Sites[0].DHCP = onePool(func(p *Pool) { p.Network = prefixes("192.0.2.0/24")[0] }) }, "sites[0].dhcp[0].network", "in no network of site hq"},
		{"a pool of host bits", func(c *Config) { c.Sites[0].DHCP = onePool(func(p *Pool) { p.Network = prefixes("10.1.0.1/24")[0] }) }, "sites[0].dhcp[0].network", "no network to give"},
		{"two pools of one network", func(c *Config) { c.Sites[0].DHCP = append(onePool(nil), onePool(nil)...) }, "sites[0].dhcp[1].network", "give it one pool"},
		{"a pool of nothing", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.First, p.Last, p.Reservations = netip.Addr{}, netip.Addr{}, nil })
		}, "sites[0].dhcp[0].range", "as 10.1.0.128-10.1.0.254, or reservations"},
		{"a range with the broadcast address", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Last = netip.MustParseAddr("10.1.0.255") })
		}, "sites[0].dhcp[0].range", "write one like 10.1.0.128-10.1.0.254"},
		{"a range with the router", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Router = netip.MustParseAddr("10.1.0.11") })
		}, "sites[0].dhcp[0].range", "router's own address"},
		{"a range with the service address", func(c *Config) {
			c.Sites[0].Address, c.Sites[0].DHCP = prefixes("10.1.0.12/24")[0], onePool(nil)
		}, "sites[0].dhcp[0].range", "service address"},
		{"a lease too short", func(c *Config) { c.Sites[0].DHCP = onePool(func(p *Pool) { p.Lease = time.Second }) }, "sites[0].dhcp[0].lease", "at least 2m"},
		{"a reservation twice", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Reservations = append(p.Reservations, p.Reservations...) })
		}, "sites[0].dhcp[0].reservations[1].mac", "given twice"},
		{"a reservation elsewhere", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Reservations[0].Address = netip.MustParseAddr("10.1.1.9") })
		}, "sites[0].dhcp[0].reservations[0].address", "no address of a device"},
		{"an option that is ours", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Options = []DHCPOption{{Code: 51, Values: []string{"1"}}} })
		}, "sites[0].dhcp[0].options.51", "not one to write here"},
		{"an option without addresses", func(c *Config) {
			c.Sites[0].DHCP = onePool(func(p *Pool) { p.Options = []DHCPOption{{Code: 42, Values: []string{"ntp"}}} })
		}, "sites[0].dhcp[0].options.42", "list of IPv4 addresses"},
		{"a vendor of every class", func(c *Config) { c.Sites[0].DHCP = onePool(func(p *Pool) { p.Vendors = []Vendor{{}} }) }, "sites[0].dhcp[0].vendors[0].class", "option 60"},
		{"a user without a number", func(c *Config) { c.Users[1].Number = "" }, "users[1].number", "needs a number"},
		{"a number with a space", func(c *Config) { c.Users[1].Number = "2 01" }, "users[1].number", "not a number that can be dialled"},
		{"a number with an at", func(c *Config) { c.Users[1].Number = "a@b" }, "users[1].number", "not a number that can be dialled"},
		{"a long number", func(c *Config) { c.Users[1].Number = strings.Repeat("1", 65) }, "users[1].number", "at most 64"},
		{"a number with a star", func(c *Config) { c.Users[1].Number = "*98#" }, "", ""},
		{"a number twice", func(c *Config) { c.Users[1].Number = "200" }, "users[1].number", "the number 200 is given twice"},
		{"a name with a line break", func(c *Config) { c.Users[1].Name = "a\r\nVia: x" }, "users[1].name", "printable"},
		{"an unknown site", func(c *Config) { c.Users[1].Site = "monz" }, "users[1].site", `there is no site "monz": did you mean "mons"?`},
		{"digests that are none", func(c *Config) { c.Users[0].Digests.MD5 = "x" }, "users[0].password", "not digests"},
		{"a direct number without country", func(c *Config) { c.Users[1].Direct = []string{"065551201"} }, "users[1].direct[0]", "with country code"},
		{"a direct number with spaces", func(c *Config) { c.Users[1].Direct = []string{"+32 65 55.12-01"} }, "users[1].direct[0]", `did you mean "+3265551201"?`},
		{"a direct number with 00", func(c *Config) { c.Users[1].Direct = []string{"003265551201"} }, "users[1].direct[0]", `did you mean "+3265551201"?`},
		{"a direct number twice", func(c *Config) { c.Users[0].Direct = c.Users[1].Direct[1:] }, "users[1].direct[1]", "given twice"},
		{"a direct number that is a user", func(c *Config) { c.Users[0].Number = "+3265551201"; c.Sites[1].Operator = "" }, "users[1].direct[0]", "number of a user already"},
		{"a trunk without a name", func(c *Config) { c.Trunks[0].Name = "" }, "trunks[0].name", "a trunk needs a name"},
		{"a trunk without a site", func(c *Config) { c.Trunks[0].Site = "" }, "trunks[0].site", "a trunk needs a site"},
		{"a trunk of an unknown site", func(c *Config) { c.Trunks[0].Site = "x" }, "trunks[0].site", "there is no site"},
		{"a trunk without an address", func(c *Config) { c.Trunks[0].Address = "" }, "trunks[0].address", "needs an address"},
		{"a trunk with a bad port", func(c *Config) { c.Trunks[0].Address = "192.0.2.1:0" }, "trunks[0].address", "not an address that stays"},
		{"a trunk with a URI", func(c *Config) { c.Trunks[0].Address = "sip:gw.example.org" }, "trunks[0].address", "not an address that stays"},
		{"a trunk with a host name", func(c *Config) { c.Trunks[0].Address = "gw.example.org:5061" }, "trunks[0].address", "not an address that stays"},
		{"a trunk over TCP", func(c *Config) { c.Trunks[0].Transport = TCP }, "", ""},
		{"a trunk over carrier pigeons", func(c *Config) { c.Trunks[0].Transport = "pigeon" }, "trunks[0].transport", "write udp or tcp"},
		{"a second trunk", func(c *Config) { c.Trunks = append(c.Trunks, Trunk{Name: "b", Site: "mons", Address: "192.0.2.9"}) }, "", ""},
		{"a second trunk of a dumb site", func(c *Config) {
			c.Trunks = append(c.Trunks, Trunk{Name: "b", Site: "mons", Address: "192.0.2.10"})
			c.Sites[1].Survivable = Dumb
		}, "trunks[1].site", "site mons has a trunk already"},
		{"a country", func(c *Config) { c.Sites[0].Country, c.Sites[0].Outside = "+32", "0" }, "", ""},
		{"a country without plus", func(c *Config) { c.Sites[0].Country = "32" }, "sites[0].country", "not a country code"},
		{"a way outside in letters", func(c *Config) { c.Sites[0].Outside = "out" }, "sites[0].outside", "is not dialled before"},
		{"emergency numbers", func(c *Config) { c.Emergency = []string{"112", "999"} }, "", ""},
		{"a code for pickup", func(c *Config) { c.Pickup = "*8" }, "", ""},
		{"a code for pickup that is a number", func(c *Config) { c.Pickup = "8" }, "pickup", "is not a code"},
		{"a code for pickup that is long", func(c *Config) { c.Pickup = "*12345678" }, "pickup", "is not a code"},
		{"a code for pickup in words", func(c *Config) { c.Pickup = "*up" }, "pickup", "is not a code"},
		{"a number that begins with the code for pickup", func(c *Config) { c.Users[1].Number = "**1" }, "users[1].number", "**1 begins with the code **"},
		{"an emergency number in words", func(c *Config) { c.Emergency = []string{"help"} }, "emergency[0]", "not an emergency number"},
		{"an emergency number of a user", func(c *Config) { c.Emergency = []string{"200"} }, "users[0].number", "200 is the number of an emergency service"},
		{"the usual emergency number of a user", func(c *Config) { c.Users[1].Number = "112" }, "users[1].number", "112 is the number of an emergency service"},
		{"a trunk with IPv6", func(c *Config) { c.Trunks[0].Address = "[2001:db8::1]:5060" }, "", ""},
		{"two trunks of one name", func(c *Config) { c.Trunks = append(c.Trunks, c.Trunks[0]) }, "trunks[1].name", "given twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := example()
			tt.spoil(&c)
			err := c.Validate()
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
				return
			}
			all, _ := errors.AsType[Errors](err)
			if len(all) == 0 || all[0].Field != tt.field || !strings.Contains(all[0].Message, tt.want) {
				t.Errorf("got %v (%+v), want first one at %s: %s", err, all, tt.field, tt.want)
			}
		})
	}
}

// profile returns the profile of a network of the first site, which is new.
func profile(c *Config) *Profile {
	s := &c.Sites[0]
	if len(s.Profiles) == 0 {
		s.Profiles = []Profile{{Prefix: s.Networks[1]}}
	}
	return &s.Profiles[0]
}

func TestValidateIsBounded(t *testing.T) {
	c := Config{Domain: "x"}
	for range 1000 {
		c.Users = append(c.Users, User{})
	}
	if all, _ := errors.AsType[Errors](c.Validate()); len(all) != maxProblems {
		t.Errorf("got %d errors, want %d", len(all), maxProblems)
	}
}

func TestDiff(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"nothing", func(*Config) {}, ""},
		{"the domain", func(c *Config) { c.Domain = "x" }, "~ domain: tel.example.org -> x"},
		{"a user more", func(c *Config) {
			c.Users = append(c.Users, User{Number: "9", Name: "N", Site: "hq", Direct: []string{"+329"}})
		}, `+ user 9: name "N", site hq, no password, so no phone can register, direct +329`},
		{"a user less", func(c *Config) { c.Users = c.Users[:1] }, "- user alice"},
		{"another password", func(c *Config) { c.Users[0].Digests = MakeDigests("200", "d", "secret") }, "~ user 200: another password"},
		{"another name", func(c *Config) { c.Users[0].Name = "" }, `~ user 200: name "Reception" -> (none)`},
		{"another order", func(c *Config) { c.Users[0], c.Users[1] = c.Users[1], c.Users[0] }, "~ users: another order"},
		{"a default written out", func(c *Config) { c.Sites[0].Homing = LocalFirst }, ""},
		{"a site", func(c *Config) { c.Sites[1].Homing, c.Sites[1].Operator = "", "" }, "~ site mons: operator 200 -> (none), homing main-first -> (none)"},
		{"a budget", func(c *Config) { c.Sites[0].Budget = 250 }, "~ site hq: budget (none) -> 250 kbit/s"},
		{"the usual budget written out", func(c *Config) { c.Sites[0].Budget = DefaultBudget }, ""},
		{"DNS for others", func(c *Config) {
			c.DNS = DNS{Resolvers: []Resolver{{Address: netip.MustParseAddr("10.0.0.53"), Site: "hq"}}, Forward: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53")}}
		}, "~ dns: resolvers (none) -> 10.0.0.53 for hq\n~ dns: forward (none) -> 9.9.9.9"},
		{"a service address", func(c *Config) { c.Sites[0].Address = prefixes("10.1.0.1/24")[0] }, "~ site hq: address (none) -> 10.1.0.1/24"},
		{"a trunk", func(c *Config) { c.Trunks[0].Address = "192.0.2.8" }, "~ trunk isdn: address 192.0.2.9:5060 -> 192.0.2.8"},
		{"its transport", func(c *Config) { c.Trunks[0].Transport = TCP }, "~ trunk isdn: transport (none) -> tcp"},
		{"emergency numbers", func(c *Config) { c.Emergency = []string{"112", "999"} }, "~ emergency: 112 911 -> 112 999"},
		{"the code for pickup", func(c *Config) { c.Pickup = "*8" }, "~ pickup: ** -> *8"},
		{"how a site dials", func(c *Config) { c.Sites[0].Country, c.Sites[0].Outside = "+32", "0" }, "~ site hq: country (none) -> +32, outside (none) -> 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := example()
			tt.change(&c)
			var got []string
			for _, l := range Diff(NewView(example()), NewView(c)) {
				got = append(got, l.String())
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRevisionIsShort(t *testing.T) {
	c := example()
	for i := range 100 {
		c.Users = append(c.Users, User{Number: fmt.Sprint("x", i)})
	}
	r := NewRevision(Replace{By: Author{Who: "root"}}, NewView(example()), NewView(c).At(3))
	if len(r.Summary) != maxSummary+1 || r.Summary[maxSummary] != "and 80 more" || r.Who != "root" || r.Index != 3 {
		t.Errorf("got %+v", r)
	}
}
