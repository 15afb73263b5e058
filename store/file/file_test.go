package file

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"carillon/store"
)

const example = `domain: tel.beip.be               # also the digest realm: changing it needs every password in the same file
sites:
  - name: hq
    networks: [172.30.42.0/24]
    calls: trusted              # calls from these networks are not challenged
    address: 172.30.42.1/24
  - name: mons
    networks: [192.196.203.0/24]
    operator: "200"
    homing: main-first
    survivable: standard
    budget: 1 Mbit/s
users:
  - number: "200"
  - number: "201"               # what is dialled; letters are allowed
    name: Alice Martin          # may be absent
    site: mons
    password: s3cret            # becomes HA1 digests; never stored, never shown; absent: the digests stay
    direct: ["+3265551201"]
trunks:
  - {name: mons-isdn, site: mons, address: "192.196.203.9:5060"}
browsers:
  origins: [https://phone.beip.be]
dns:
  resolvers:
    - {address: 10.0.0.53, site: mons}
    - address: "2001:db8::53"
  forward: [9.9.9.9, "[2001:db8::9]:5353"]
`

func parsed(t *testing.T, yaml string, view *store.View) *File {
	t.Helper()
	f, err := Parse("f.yaml", []byte(yaml), view)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// after returns the View that a file makes of view.
func after(t *testing.T, yaml string, view *store.View) *store.View {
	t.Helper()
	next, err := parsed(t, yaml, view).Change().On(view)
	if err != nil {
		t.Fatal(err)
	}
	return next.At(view.Index() + 1)
}

func empty() *store.View { return store.NewView(store.Config{}) }

func TestParseTheExample(t *testing.T) {
	want := store.Config{
		Domain: "tel.beip.be",
		Sites: []store.Site{
			{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("172.30.42.0/24")}, CallsTrusted: true, Homing: "local-first", Survivable: "standard", Budget: 64, Address: netip.MustParsePrefix("172.30.42.1/24")},
			{Name: "mons", Networks: []netip.Prefix{netip.MustParsePrefix("192.196.203.0/24")}, Operator: "200", Homing: "main-first", Survivable: "standard", Budget: 1000},
		},
		Users: []store.User{
			{Number: "200"},
			{Number: "201", Name: "Alice Martin", Site: "mons", Digests: store.MakeDigests("201", "tel.beip.be", "s3cret"), Direct: []string{"+3265551201"}},
		},
		Trunks:  []store.Trunk{{Name: "mons-isdn", Site: "mons", Address: "192.196.203.9:5060", Transport: "udp"}},
		Origins: []string{"https://phone.beip.be"},
		DNS: store.DNS{
			Resolvers: []store.Resolver{{Address: netip.MustParseAddr("10.0.0.53"), Site: "mons"}, {Address: netip.MustParseAddr("2001:db8::53")}},
			Forward:   []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53"), netip.MustParseAddrPort("[2001:db8::9]:5353")},
		},

		Emergency: []string{"112", "911"},
		Pickup:    "**",
	}
	for name, text := range map[string]string{
		"as it is": example, "from Windows": "\ufeff" + strings.ReplaceAll(example, "\n", "\r\n"),
		"as a document": "---\n" + example + "...\n",
	} {
		if diff := cmp.Diff(want, after(t, text, empty()).Config(), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}, netip.AddrPort{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseFillsInFromTheView(t *testing.T) {
	view := after(t, example, empty())
	tests := []struct {
		name, yaml string
		want       func(*store.Config)
	}{
		{"a password alone uses the domain of the view", "users: [{number: \"201\", password: new}, {number: \"200\"}]\n", func(c *store.Config) {
			c.Users = []store.User{{Number: "201", Digests: store.MakeDigests("201", "tel.beip.be", "new")}, {Number: "200"}}
		}},
		{"no password keeps the digests", "users:\n- {number: \"201\", site: hq}\n- {number: \"200\"}\n", func(c *store.Config) {
			c.Users = []store.User{{Number: "201", Site: "hq", Digests: c.Users[1].Digests}, {Number: "200"}}
		}},
		{"the domain may come last", "users: [{number: \"201\", password: new}, {number: \"200\"}]\ndomain: Other.Example.\n", func(c *store.Config) {
			c.Domain = "other.example"
			c.Users = []store.User{{Number: "201", Digests: store.MakeDigests("201", "other.example", "new")}, {Number: "200"}}
		}},
		{"networks with profiles", "sites: [{name: hq, networks: [10.0.0.0/8, {prefix: 10.1.0.0/16, register: no}, {prefix: 10.2.0.0/16, calls: trusted, transports: [tls, tcp], most_phones: 40, most_calls: 3, location: \"Rue Neuve 1, 2nd floor\"}, {prefix: 10.3.0.0/16, register: yes}]}, {name: mons}]\n", func(c *store.Config) {
			p := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
			c.Sites[0] = store.NewView(store.Config{Sites: []store.Site{{Name: "hq", Networks: []netip.Prefix{p("10.0.0.0/8"), p("10.1.0.0/16"), p("10.2.0.0/16"), p("10.3.0.0/16")}, Profiles: []store.Profile{
				{Prefix: p("10.1.0.0/16"), Closed: true},
				{Prefix: p("10.2.0.0/16"), Calls: store.Trusted, Transports: []string{"tls", "tcp"}, MostPhones: 40, MostCalls: 3, Location: "Rue Neuve 1, 2nd floor"},
			}}}}).Config().Sites[0]
			c.Sites[1] = store.NewView(store.Config{Sites: []store.Site{{Name: "mons"}}}).Config().Sites[0]
		}},
		{"a user who roams", "users: [{number: \"201\", roams: yes}, {number: \"200\", roams: false}]\n", func(c *store.Config) {
			c.Users = []store.User{{Number: "201", Roams: true, Digests: c.Users[1].Digests}, {Number: "200"}}
		}},
		{"the lamps of a user", "users: [{number: \"201\", lamps: [\"200\", \"201\"]}, {number: \"200\", lamps: []}]\n", func(c *store.Config) {
			c.Users = []store.User{{Number: "201", Lamps: []string{"200", "201"}, Digests: c.Users[1].Digests}, {Number: "200"}}
		}},
		{"calendars", "users: [{number: \"200\", calendar: \"https://cal.beip.be/x.ics\"}, {number: \"201\", calendar: {caldav: \"https://cal.beip.be/a\", user: alice, password: s3cret}}, {number: \"202\", calendar: elsewhere}]\n", func(c *store.Config) {
			c.Users = []store.User{
				{Number: "200", Calendar: store.Calendar{Address: "https://cal.beip.be/x.ics"}},
				{Number: "201", Digests: c.Users[1].Digests, Calendar: store.Calendar{Address: "https://cal.beip.be/a", CalDAV: true, User: "alice", Password: store.NewSecret("s3cret")}},
				{Number: "202"},
			}
		}},
		{"a user whose calls go elsewhere", "users: [{number: \"201\", presence: {meeting: \"200\", offline: \"+32470123456\"}}, {number: \"200\"}]\n", func(c *store.Config) {
			c.Users = []store.User{{Number: "201", Digests: c.Users[1].Digests, Rules: []store.Rule{{State: "meeting", To: "200"}, {State: "offline", To: "+32470123456"}}}, {Number: "200"}}
		}},
		{"an empty list empties", "trunks: []\n", func(c *store.Config) { c.Trunks = nil }},
		{"no origins", "browsers: {origins: []}\n", func(c *store.Config) { c.Origins = nil }},
		{"no resolvers", "dns: {forward: [192.0.2.53]}\n", func(c *store.Config) {
			c.DNS = store.DNS{Forward: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}}
		}},
		{"no DNS for others", "dns: {resolvers: [], forward: []}\n", func(c *store.Config) { c.DNS = store.DNS{} }},
		{"presence as the deck has it", "presence: {merge: yes, im_to_rpidf: no, mix_dialog_presence: no, merge_primary_source: calendar, merge_order: [primary, dialog, publish]}\n", func(c *store.Config) {
			c.Presence = store.Presence{KeepsIM: true, CallsApart: true, PrimarySource: "calendar", Order: []string{"primary", "dialog", "publish"}}
		}},
		{"presence by who publishes", "presence: {merge_primary_source: sip:201@Tel.beip.be}\n", func(c *store.Config) {
			c.Presence = store.Presence{PrimarySource: "sip:201@Tel.beip.be"}
		}},
		{"presence apart", "presence: {merge: no, merge_order: [dialog, primary, publish, registration]}\n", func(c *store.Config) { c.Presence = store.Presence{Composed: true} }},
		{"all origins", "browsers: {origins: [\"*\"]}\n", func(c *store.Config) { c.Origins = []string{"*"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := view.Config()
			tt.want(&want)
			if diff := cmp.Diff(want, after(t, tt.yaml, view).Config(), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}, netip.AddrPort{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	tests := []struct {
		name string
		yaml string
		want []string // errors as "line:column: part of the message"
	}{
		{"an unknown field", "domain: a.b\nsite: []\n", []string{`2:1: the file has no field "site": did you mean "sites"?`}},
		{"an unknown field of a user", "users:\n  - number: \"1\"\n    passwrod: hunter2\n", []string{`3:5: a user has no field "passwrod": did you mean "password"?`}},
		{"a field unlike any", "users:\n  - {number: \"1\", colour: red}\n", []string{`2:19: a user has no field "colour": it has number, name, site, password, direct, roams, lamps, calendar and presence`}},
		{"several unknown fields", "a: 1\nusers: [{number: \"1\", b: 2}]\nc: 3\n", []string{"1:1: ", "2:23: ", "3:1: "}},
		{"a number without quotes", "users:\n  - number: 0201\n", []string{`2:13: number is a text, and this is a number: write "0201" in quotes`}},
		{"a truth as a name", "users: [{number: \"1\", name: true}]\n", []string{"1:29: name is a text, and this is true or false"}},
		{"a text for a list", "sites:\n  - name: hq\n    networks: 10.0.0.0/8\n", []string{"3:15: networks is a list, and this is a text"}},
		{"a mapping for a list", "users:\n  \"201\":\n    name: Alice\n", []string{"2:3: users is a list, and this is a group of fields"}},
		{"a page without scheme", "browsers:\n  origins: [phone.beip.be]\n", []string{`2:13: "phone.beip.be" is not what a browser says of a web page: write the beginning of the page's address, like https://phone.beip.be`}},
		{"a whole address", "browsers: {origins: [\"https://Phone.beip.be:443/app/\"]}\n", []string{"1:22: \"https://Phone.beip.be:443/app/\" is not what a browser says of a web page: write the beginning of the page's address, like https://phone.beip.be"}},
		{"a list for browsers", "browsers: [https://phone.beip.be]\n", []string{"1:11: browsers is made of fields (origins), and this is a list"}},
		{"another field of browsers", "browsers: {origin: [\"*\"]}\n", []string{`1:12: browsers has no field "origin": did you mean "origins"?`}},
		{"a text for a user", "users: [\"201\"]\n", []string{"1:9: a user is made of fields (number, name, site, password, direct, roams, lamps, calendar and presence), and this is a text"}},
		{"a list for a text", "domain: [a]\n", []string{"1:9: domain is a text, and this is a list"}},
		{"nothing for a list", "users:\n", []string{"1:8: users is empty: write [] to mean no users, or leave it out"}},
		{"nothing for a text", "users:\n  - number: \"1\"\n    name:\n", []string{"3:11: name is empty"}},
		{"a list as the file", "- domain: a.b\n", []string{"1:1: the file is made of fields (domain, sites, users, trunks, browsers, dns, emergency, presence and pickup), and this is a list"}},
		{"a resolver without an address", "dns: {resolvers: [{site: hq}]}\nsites: [{name: hq}]\n", []string{"1:20: a resolver needs an address"}},
		{"a resolver that is none", "dns: {resolvers: [{address: 10.0.0.0/8}]}\n", []string{"1:29: address is an IP address: write one like 192.0.2.53"}},
		{"a resolver twice", "dns: {resolvers: [{address: 10.0.0.1}, {address: 10.0.0.1}]}\n", []string{"1:50: the resolver 10.0.0.1 is given twice, first on line 1"}},
		{"a resolver of no site", "sites: [{name: mons}]\ndns: {resolvers: [{address: 10.0.0.1, site: monz}]}\n", []string{`2:45: there is no site "monz": did you mean "mons"?`}},
		{"an order of what is none", "presence: {merge_order: [dialog, calendr, dialog]}\n", []string{
			`1:34: "calendr" is no source of presence: they are dialog, primary, publish and registration`, "1:43: dialog is given twice",
		}},
		{"a source that is no expression", "presence: {merge_primary_source: /(/}\n", []string{"1:34: what stands between the slashes is no regular expression"}},
		{"a source that is nobody", "domain: a.b\npresence: {merge_primary_source: \"sip:9@a.b\"}\n", []string{`2:34: "sip:9@a.b" is the address of no user here: it is sip:NUMBER@a.b, of a user of the configuration`}},
		{"a source elsewhere", "domain: a.b\nusers: [{number: \"9\"}]\npresence: {merge_primary_source: \"sip:9@a.c\"}\n", []string{`3:34: "sip:9@a.c" is the address of no user here: it is sip:NUMBER@a.b, of a user of the configuration`}},
		{"a name to forward to", "dns: {forward: [dns.example.org]}\n", []string{"1:17: this is not the address of a DNS server: write one like 192.0.2.53"}},
		{"everywhere to forward to", "dns: {forward: [0.0.0.0]}\n", []string{"1:17: this is not the address of a DNS server: write one like 192.0.2.53"}},
		{"host bits", "sites:\n  - name: hq\n    networks: [10.0.0.0/8, 172.30.42.1/24]\n", []string{"3:28: 172.30.42.1/24 is not a network address: did you mean 172.30.42.0/24?"}},
		{"an address for a network", "sites: [{name: hq, networks: [10.0.0.1]}]\n", []string{"1:31: this is not a network: it has no length: 10.0.0.1/32 would be this address alone"}},
		{"a netmask", "sites: [{name: hq, networks: [10.0.0.0/255.255.0.0]}]\n", []string{"1:31: this is not a network: did you mean 10.0.0.0/16?"}},
		{"a netmask with holes", "sites: [{name: hq, networks: [10.0.0.0/255.0.255.0]}]\n", []string{"1:31: this is not a network: the mask behind / has holes"}},
		{"a short network", "sites: [{name: hq, networks: [10.1/16]}]\n", []string{"1:31: this is not a network: did you mean 10.1.0.0/16?"}},
		{"a long prefix", "sites: [{name: hq, networks: [10.0.0.0/33]}]\n", []string{"1:31: this is not a network: the length behind / is at most 32"}},
		{"no network at all", "sites: [{name: hq, networks: [office]}]\n", []string{"1:31: this is not a network: write one like 192.0.2.0/24"}},
		{"a network of two sites", "sites:\n  - name: a\n    networks: [10.0.0.0/8]\n  - name: b\n    networks:\n      - 10.0.0.0/8\n", []string{"6:9: the network 10.0.0.0/8 is claimed by site a too, first on line 3"}},
		{"a number twice", "users:\n  - number: \"201\"\n  - name: X\n    number: \"201\"\n", []string{"4:13: the number 201 is given twice, first on line 2"}},
		{"a direct number twice", "users:\n  - number: \"1\"\n    direct: [\"+3211\", \"+3211\"]\n", []string{"3:23: the direct number +3211 is given twice, first on line 3"}},
		{"an unknown site", "sites: [{name: mons}]\nusers:\n  - number: \"201\"\n    site: monz\n", []string{`4:11: there is no site "monz": did you mean "mons"?`}},
		{"an unknown operator", "sites: [{name: hq, operator: \"300\"}]\nusers: []\n", []string{`1:30: the operator "300" is not the number of a user`}},
		{"a network without a prefix", "sites: [{name: hq, networks: [{register: no}]}]\n", []string{"1:32: a network needs a prefix, like {prefix: 192.0.2.0/24, register: no}"}},
		{"a field that no network has", "sites: [{name: hq, networks: [{prefix: 10.0.0.0/8, registers: no}]}]\n", []string{`1:52: a network has no field "registers": did you mean "register"?`}},
		{"a transport there is not", "sites: [{name: hq, networks: [{prefix: 10.0.0.0/8, transports: [sctp]}]}]\n", []string{`1:65: "sctp" is no transport: write udp, tcp, tls, ws or wss`}},
		{"no transport at all", "sites: [{name: hq, networks: [{prefix: 10.0.0.0/8, transports: []}]}]\n", []string{"1:64: name a transport, or leave it out for all of them"}},
		{"a bound that is none", "sites: [{name: hq, networks: [{prefix: 10.0.0.0/8, most_phones: few}]}]\n", []string{"1:65: most_phones is a number above zero: leave it out for no bound"}},
		{"a lamp of nobody", "users: [{number: \"201\", lamps: [\"20\"]}]\n", []string{`1:33: the lamp "20" is not the number of a user: did you mean "201"?`}},
		{"a lamp twice", "users: [{number: \"201\", lamps: [\"201\", \"201\"]}]\n", []string{`1:40: the lamp 201 is given twice`}},
		{"calls of no state", "users: [{number: \"201\", presence: {meating: \"200\"}}]\n", []string{`1:36: presence has no field "meating": did you mean "meeting"?`}},
		{"calls to nobody", "users: [{number: \"201\", presence: {away: \"299\", busy: \"0470123456\", meeting: \"201\"}}]\n", []string{
			`1:42: "299" is neither the number of a user nor one outside, like "+3265551201": did you mean "201"?`,
			`1:55: "0470123456" is neither the number of a user nor one outside, like "+3265551201"`,
			`1:78: a call to 201 cannot go on to 201: it is the same user`,
		}},
		{"who roams perhaps", "users: [{number: \"201\", roams: sometimes}]\n", []string{`1:32: roams is yes or no`}},
		{"a calendar at no address", "users: [{number: \"201\", calendar: {user: alice}}]\n", []string{"1:36: a calendar needs an address: ics: or caldav:"}},
		{"a calendar of two kinds", "users: [{number: \"201\", calendar: {ics: \"http://a\", caldav: \"http://a\"}}]\n", []string{"1:61: a calendar is ics or caldav, and this one is both"}},
		{"a calendar for programs", "users:\n  - number: \"201\"\n    calendar: webcal://cal.beip.be/x.ics\n", []string{"3:15: webcal: is for programs that people use: write https: in its place"}},
		{"a calendar without its password", "users:\n  - number: \"201\"\n    calendar: {ics: \"https://cal.beip.be/x.ics\", user: alice}\n", []string{"3:16: the calendar needs its password here: what is kept is for one user at one server"}},
		{"a number as a calendar", "users: [{number: \"201\", calendar: 5}]\n", []string{"1:35: a calendar is made of fields (ics, caldav, user and password), and this is a number"}},
		{"a budget without a unit", "sites: [{name: hq, budget: 250}]\n", []string{"1:28: budget needs a unit: write 250 kbit/s (at least 8), or Mbit/s"}},
		{"a budget of another unit", "sites: [{name: hq, budget: 250 kb}]\n", []string{"1:28: budget is like 64 kbit/s, or like 1 Mbit/s"}},
		{"a budget of nothing", "sites: [{name: hq, budget: 0 kbit/s}]\n", []string{"1:28: budget is like 64 kbit/s, or like 1 Mbit/s"}},
		{"an address without a length", "sites: [{name: hq, address: 10.0.0.1}]\n", []string{"1:29: address is an address with the length of its network: write one like 192.0.2.1/24"}},
		{"a pool that is not one", "sites: [{name: hq, networks: [10.0.0.0/8], dhcp: [{network: 10.1.0.0/24, range: 10.1.0.9, router: here, lease: 8, reservations: [{mac: x}], options: {66: [], x: 1}, vendors: [{class: a, optons: 1}]}]}]\n", []string{
			"1:81: range is its first and its last address, like 192.0.2.100-192.0.2.250",
			"1:99: router is an IPv4 address like 192.0.2.1",
			"1:112: lease needs a unit: write it like 8h or 30m",
			`1:136: "x" is no MAC address: write one like 00:15:65:12:34:56`,
			"1:155: option 66 has no value",
			"1:159: an option of DHCP is a number from 2 to 254, as 66",
			`1:187: a vendor has no field "optons": did you mean "options"?`,
		}},
		{"a small budget", "sites: [{name: hq, budget: 5 kbit/s}]\n", []string{"1:28: 5 kbit/s is no budget: it has at least 8 and at most 10000000"}},
		{"a word that is not one of two", "sites: [{name: hq, calls: trust, homing: local, survivable: dump}]\n", []string{
			`1:27: calls is trusted or challenged: did you mean "trusted"?`, "1:42: homing is local-first or main-first", `1:61: survivable is standard or dumb: did you mean "dumb"?`,
		}},
		{"a missing number", "users:\n  - name: Alice\n  - number: \"2\"\n", []string{"2:5: a user needs a number"}},
		{"a key twice", "domain: a.b\nusers: []\ndomain: c.d\n", []string{"3:1: domain is given twice, first on line 1"}},
		{"a key twice in a user", "users:\n  - number: \"1\"\n    name: a\n    name: b\n", []string{"4:5: name is given twice, first on line 3"}},
		{"a tab", "users:\n\t- number: \"1\"\n", []string{"2:1: a tab stands here: YAML is indented with spaces"}},
		{"an empty file", "", []string{"1:1: the file contains nothing"}},
		{"a file of comments", "# nothing\n\n", []string{"1:1: the file contains nothing"}},
		{"a file of nothing", "{}\n", []string{"1:1: the file contains nothing"}},
		{"two documents", "domain: a.b\n---\nusers: []\n", []string{"2:1: a second document begins here"}},
		{"text behind the end", "domain: a.b\n...\nusers: []\n", []string{"3:1: the document ended above"}},
		{"an alias", "users: &u []\ntrunks: *u\n", []string{"1:8: anchors and aliases (& and *) are not used here"}},
		{"a merge", "users: [{<<: {number: \"1\"}}]\n", []string{"1:10: << is not used here"}},
		{"a tag", "domain: !!str a.b\n", []string{"1:9: tags (!) are not used here"}},
		{"several lines", "users:\n  - number: \"1\"\n    name: Alice\n      Martin\n", []string{"3:11: name goes on over several lines: check the indent below it"}},
		{"a block text", "domain: |\n  a.b\n", []string{"1:9: texts of several lines"}},
		{"no space after a colon", "users:\n  - number: \"201\"\n    name:Alice\n", []string{"3:5: this is no field: write name: value, with a space after the colon"}},
		{"an open quote", "domain: \"a.b\n", []string{`1:9: the closing " of this text is missing`}},
		{"an open bracket", "users: [\n", []string{"1:8: the closing ] of this list is missing"}},
		{"a wrong indent", "sites:\n  - name: a\n   networks: []\n", []string{"3:4: "}},
		{"not UTF-8", "domain: a\nusers: \xff\n", []string{"2:8: the file is not UTF-8 text"}},
		{"two errors of one user", "users:\n  - number: 5\n    site: x\n", []string{"2:13: number is a text", `3:11: there is no site "x"`}},
		{"errors that follow are not told", "sites:\n  - name: 5\nusers:\n  - number: \"1\"\n    site: x\n", []string{"2:11: name is a text"}},
		{"a password of the wrong type", "users:\n  - number: \"1\"\n    password: 12345678\n", []string{"3:15: the password is a text, and this is a number: put it in quotes"}},
		{"an empty password", "users:\n  - number: \"1\"\n    password: \"\"\n", []string{"3:15: the password is empty: leave it out to keep the one there is"}},
	}
	view := store.NewView(store.Config{Domain: "tel.example.org"})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.yaml), view)
			all, _ := errors.AsType[store.Errors](err)
			if len(all) != len(tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for i, e := range all {
				got := fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
				if !strings.HasPrefix(got, tt.want[i]) || e.File != "f.yaml" || e.Kind == "" {
					t.Errorf("got %q of %s, want %q", got, e.File, tt.want[i])
				}
			}
		})
	}
}

func TestParseAgainstWhatTheFileLeavesOut(t *testing.T) {
	view := after(t, example, empty())
	tests := []struct{ name, yaml, want string }{
		{"a site that is in use goes", "# x\nsites: [{name: hq}]\ntrunks: []\n", `2:8: user 201, who is not in this file: there is no site "mons"`},
		{"the operator goes", "users: [{number: \"9\"}]\n", `1:8: site mons, which is not in this file: the operator "200" is not the number of a user`},
		{"a direct number of nobody in the file", "trunks:\n  - {name: x, site: hq, address: 10.0.0.9, }\n  - {name: x, site: hq, address: 10.0.0.9}\n", "3:12: the trunk x is given twice, first on line 2"},
		{"another domain", "domain: other.example\n", "1:9: another domain needs every user and password in the same file"},
		{"another domain and not all passwords", "domain: other.example\nusers:\n  - number: \"200\"\n  - number: \"201\"\n", "4:5: user 201 needs a password here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.yaml), view)
			if got := fmt.Sprint(err); !strings.HasPrefix(strings.TrimPrefix(got, "f.yaml:"), tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := Parse("f.yaml", []byte("users:\n"+strings.Repeat("  - number: 5\n", 1000)), empty())
	all, _ := errors.AsType[store.Errors](err)
	if len(all) != maxErrors+1 || !strings.Contains(all[maxErrors].Message, "more errors") {
		t.Errorf("got %d errors, want %d and a last word", len(all), maxErrors)
	}
}

func TestPlan(t *testing.T) {
	view := after(t, example, empty())
	tests := []struct {
		name, yaml string
		want       []string
	}{
		{"the same file", example, nil},
		{"an export", string(Export(view)), nil},
		{"nothing that matters", "trunks:\n  - name: mons-isdn\n    address: 192.196.203.9:5060\n    site: \"mons\"\n", nil},
		{"a password", strings.Replace(example, "s3cret", "other", 1), []string{"~ user 201: another password"}},
		{"a user of his own", "users:\n  - {number: \"200\"}\n  - {number: anna, password: x}\n", []string{
			"+ user anna: with password", "- user 201",
		}},
		{"fields without code", "sites:\n  - {name: mons, operator: \"201\", homing: local-first, survivable: dumb}\n  - {name: lab, homing: main-first}\n  - {name: hq}\n", []string{
			"~ site mons: networks 192.196.203.0/24 -> (none), operator 200 -> 201, homing main-first -> (none), survivable (none) -> dumb, budget 1000 kbit/s -> (none)",
			"+ site lab: homing main-first",
			"~ site hq: networks 172.30.42.0/24 -> (none), calls trusted -> (none), address 172.30.42.1/24 -> (none)",
			"~ sites: another order",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines, err := Plan(view, parsed(t, tt.yaml, view))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range lines {
				got = append(got, l.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if store.IsChange(lines) != (len(tt.want) > 0) {
				t.Errorf("IsChange is %v", store.IsChange(lines))
			}
		})
	}
	if _, err := Plan(empty(), parsed(t, "trunks: []\n", view)); err == nil {
		t.Error("a file that does not fit another View: got no error")
	}
}
