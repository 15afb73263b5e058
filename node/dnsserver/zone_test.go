package dnsserver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"carillon/store"
)

// deck is the system of the deck, with a second LifeGUARD at Mons and a site that
// tries its own first.
func deck() *store.View {
	node := func(name, role, site, address string) store.Node {
		return store.Node{Name: name, Role: role, Site: site, Address: netip.MustParseAddrPort(address)}
	}
	site := func(name, homing, network string) store.Site {
		return store.Site{Name: name, Homing: homing, Networks: []netip.Prefix{netip.MustParsePrefix(network)}}
	}
	return store.NewView(store.Config{
		Domain: "Tel.beip.be",
		Sites: []store.Site{
			site("hq", store.LocalFirst, "172.30.42.0/24"), site("mons", store.MainFirst, "192.196.203.0/24"),
			site("namur", store.LocalFirst, "10.3.0.0/16"), site("liege", store.LocalFirst, "10.3.7.0/24"),
		},
		Nodes: []store.Node{
			node("hardy", store.Main, "hq", "172.30.42.12:7946"), node("laurel", store.Main, "hq", "172.30.42.11:7946"),
			node("lg-mons", store.Lifeguard, "mons", "192.196.203.2:7946"), node("lg-mons2", store.Lifeguard, "mons", "192.196.203.3:7946"),
			node("lg-namur", store.Lifeguard, "namur", "[2001:db8::3]:7946"), node("wim", store.Witness, "namur", "10.3.0.9:7946"),
		},
	}).At(42)
}

func all(string) bool { return true }

// told returns what the deck's system tells a site.
func told(site string, serves func(string) bool) *zone {
	return newZone(deck(), site, serves)
}

func but(names ...string) func(string) bool {
	return func(name string) bool { return !slices.Contains(names, name) }
}

// asked returns the answer to a question as text, sections apart.
func asked(t *testing.T, z *zone, name, kind string) string {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, dns.StringToType[kind])
	z.answer(m, m.Question[0])
	var b strings.Builder
	b.WriteString(dns.RcodeToString[m.Rcode])
	for _, section := range []struct {
		name    string
		records []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}} {
		for _, rr := range section.records {
			b.WriteString("\n" + strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return b.String()
}

const soa = "tel.beip.be. 30 IN SOA laurel.tel.beip.be. hostmaster.tel.beip.be. 42 30 30 2592000 30"

func TestZone(t *testing.T) {
	tcp := func(targets ...string) string {
		text := "NOERROR"
		for i, target := range targets {
			text += "\n_sip._tcp.tel.beip.be. 30 IN SRV " + []string{"10", "20", "30"}[i] + " 50 5060 " + target + ".tel.beip.be."
		}
		return text
	}
	for _, tt := range []struct {
		what, site string
		serves     func(string) bool
		name, kind string
		want       string
	}{
		{"the deck's servers", "", all, "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy")},
		{"the head office's", "hq", all, "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy")},
		{"the deck's branch", "mons", all, "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy", "lg-mons")},
		{"local-first", "namur", all, "_sip._tcp.tel.beip.be.", "SRV", tcp("lg-namur", "laurel", "hardy")},
		{"a site without a node", "liege", all, "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy")},
		{"a main is dead", "mons", but("laurel"), "_sip._tcp.tel.beip.be.", "SRV", tcp("hardy", "lg-mons")},
		{"the first LifeGUARD is dead", "mons", but("lg-mons"), "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy", "lg-mons2")},
		{"its only node is dead", "namur", but("lg-namur"), "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy")},
		{"nobody is known to live", "mons", but("laurel", "hardy", "lg-mons", "lg-mons2"), "_sip._tcp.tel.beip.be.", "SRV", tcp("laurel", "hardy", "lg-mons")},
		{"TLS", "", all, "_sips._tcp.tel.beip.be.", "SRV", "NOERROR\n_sips._tcp.tel.beip.be. 30 IN SRV 10 50 5061 laurel.tel.beip.be.\n_sips._tcp.tel.beip.be. 30 IN SRV 20 50 5061 hardy.tel.beip.be."},
		{"a phone for which an address must do", "mons", all, "tel.beip.be.", "A", "NOERROR\ntel.beip.be. 30 IN A 172.30.42.11"},
		{"the same, the main is dead", "mons", but("laurel"), "tel.beip.be.", "A", "NOERROR\ntel.beip.be. 30 IN A 172.30.42.12"},
		{"the same, local-first", "namur", all, "tel.beip.be.", "AAAA", "NOERROR\ntel.beip.be. 30 IN AAAA 2001:db8::3"},
		{"no such address", "namur", all, "tel.beip.be.", "A", "NOERROR\n" + soa},
		{"no IPv6", "", all, "laurel.tel.beip.be.", "AAAA", "NOERROR\n" + soa},
		{"a main", "mons", all, "HARDY.tel.BEIP.be.", "A", "NOERROR\nHARDY.tel.BEIP.be. 30 IN A 172.30.42.12"},
		{"a LifeGUARD, at its site", "mons", all, "lg-mons.tel.beip.be.", "A", "NOERROR\nlg-mons.tel.beip.be. 30 IN A 192.196.203.2"},
		{"a LifeGUARD, from elsewhere", "hq", all, "lg-mons.tel.beip.be.", "A", "NXDOMAIN\n" + soa},
		{"a witness", "namur", all, "wim.tel.beip.be.", "A", "NXDOMAIN\n" + soa},
		{"nothing", "", all, "nothing.tel.beip.be.", "A", "NXDOMAIN\n" + soa},
		{"between names", "", all, "_tcp.tel.beip.be.", "A", "NOERROR\n" + soa},
		{"the start", "", all, "tel.beip.be.", "SOA", "NOERROR\n" + soa},
		{"everything", "", all, "tel.beip.be.", "ANY", "NOERROR\ntel.beip.be. 30 IN HINFO \"RFC8482\" \"\""},
		{"a transfer", "", all, "tel.beip.be.", "AXFR", "REFUSED"},
		{"somebody else's", "", all, "beip.be.", "A", "REFUSED"},
		{"a name that ends alike", "", all, "hotel.beip.be.", "A", "REFUSED"},
		{
			"the ways in", "", all, "tel.beip.be.", "NAPTR", `NOERROR
tel.beip.be. 30 IN NAPTR 10 10 "S" "SIP+D2T" "" _sip._tcp.tel.beip.be.
tel.beip.be. 30 IN NAPTR 20 10 "S" "SIPS+D2T" "" _sips._tcp.tel.beip.be.
tel.beip.be. 30 IN NAPTR 30 10 "S" "SIP+D2U" "" _sip._udp.tel.beip.be.`,
		},
		{"a way in that there is none", "", all, "_sip._ws.tel.beip.be.", "SRV", "NXDOMAIN\n" + soa},
		{"whose address it is", "mons", all, "2.203.196.192.in-addr.arpa.", "PTR", "NOERROR\n2.203.196.192.in-addr.arpa. 30 IN PTR lg-mons.tel.beip.be."},
		{"whose address it is, IPv6", "namur", all, "3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "PTR", "NOERROR\n3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 30 IN PTR lg-namur.tel.beip.be."},
		{"a LifeGUARD's, from elsewhere", "hq", all, "2.203.196.192.in-addr.arpa.", "PTR", "REFUSED"},
		{"nobody's", "", all, "9.9.9.9.in-addr.arpa.", "PTR", "REFUSED"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, asked(t, told(tt.site, tt.serves), tt.name, tt.kind)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", tt.name, tt.kind, diff)
			}
		})
	}
}

// Where telephones in web pages may connect, they are told where.
func TestBrowsers(t *testing.T) {
	c := deck().Config()
	c.Origins = []string{store.AnyOrigin}
	z := newZone(store.NewView(c), "", all)
	ways := asked(t, z, "tel.beip.be.", "NAPTR")
	for _, want := range []string{
		`NAPTR 30 10 "S" "SIP+D2U" "" _sip._udp.tel.beip.be.`,
		`NAPTR 40 10 "S" "SIPS+D2W" "" _sips._ws.tel.beip.be.`,
		`NAPTR 50 10 "S" "SIP+D2W" "" _sip._ws.tel.beip.be.`,
	} {
		if !strings.Contains(ways, want) {
			t.Errorf("got %s, want %s", ways, want)
		}
	}
	if got := asked(t, z, "_sips._ws.tel.beip.be.", "SRV"); !strings.Contains(got, "SRV 20 50 7443 hardy.tel.beip.be.") {
		t.Errorf("got %s", got)
	}
}

// A node that is drained, and so does not serve, is in no answer at all, and its site
// goes to the next one; unless nobody is left. A site that is cut off has its own serve.
func TestDrain(t *testing.T) {
	kinds := []string{"NAPTR", "SRV", "A", "AAAA", "NS", "SOA", "PTR"}
	v := deck()
	for _, tt := range []struct {
		site   string
		drain  []string
		serves func(string) bool // nil: all but those
		want   string
	}{
		{"mons", []string{"laurel"}, nil, "hardy lg-mons"},
		{"mons", []string{"lg-mons"}, nil, "laurel hardy lg-mons2"},
		{"namur", []string{"lg-namur", "hardy"}, nil, "laurel"},
		{"hq", []string{"laurel", "hardy"}, nil, "laurel hardy"},
		{"namur", []string{"lg-namur"}, all, "lg-namur laurel hardy"},
	} {
		c := v.Config()
		for i, n := range c.Nodes {
			c.Nodes[i].Drained = slices.Contains(tt.drain, n.Name)
		}
		serves := tt.serves
		if serves == nil {
			serves = but(tt.drain...)
		}
		z := newZone(store.NewView(c), tt.site, serves)
		var got []string
		for _, rr := range z.records[key{"_sip._tcp.tel.beip.be.", dns.TypeSRV}] {
			got = append(got, strings.TrimSuffix(rr.(*dns.SRV).Target, ".tel.beip.be."))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s, %v drain: got %v, want %s", tt.site, tt.drain, got, tt.want)
		}
		if got[0] == tt.drain[0] {
			continue // nobody else is there
		}
		for k := range z.records {
			for _, kind := range kinds {
				text := asked(t, z, k.name, kind)
				for _, n := range tt.drain {
					if strings.Contains(text, " "+n+".tel.beip.be.") {
						t.Errorf("%s, %v drain: %s %s: got %s", tt.site, tt.drain, k.name, kind, text)
					}
				}
			}
		}
	}
}

// An answer has what will be asked for next, if there is room.
func TestBesides(t *testing.T) {
	for _, tt := range []struct{ name, kind, want string }{
		{"tel.beip.be.", "NAPTR", "SRV laurel SRV hardy A A"},
		{"_sip._udp.tel.beip.be.", "SRV", "A A"},
		{"tel.beip.be.", "NS", "A A"},
		{"tel.beip.be.", "A", ""},
	} {
		m := new(dns.Msg)
		m.SetQuestion(tt.name, dns.StringToType[tt.kind])
		told("", all).answer(m, m.Question[0])
		var got []string
		for _, rr := range m.Extra {
			got = append(got, dns.TypeToString[rr.Header().Rrtype])
			if srv, ok := rr.(*dns.SRV); ok {
				got = append(got, strings.TrimSuffix(srv.Target, ".tel.beip.be."))
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s %s: got %q besides, want %q", tt.name, tt.kind, got, tt.want)
		}
	}
}

// Phones that go by the address are told the one that the nodes share which they
// are to try first: in the deck that of the mains.
func TestServiceAddress(t *testing.T) {
	c := deck().Config()
	c.Sites[0].Address, c.Sites[1].Address = netip.MustParsePrefix("172.30.42.1/24"), netip.MustParsePrefix("192.196.203.9/24")
	v := store.NewView(c).At(42)
	for _, tt := range []struct {
		what, site string
		serves     func(string) bool
		want       string
	}{
		{"the site of the mains", "hq", all, "172.30.42.1"},
		{"a site that tries the mains first", "mons", all, "172.30.42.1"},
		{"the same, when they are dead", "mons", but("laurel", "hardy"), "192.196.203.9"},
		{"elsewhere", "", all, "172.30.42.1"},
	} {
		want := "NOERROR\ntel.beip.be. 30 IN A " + tt.want
		if got := asked(t, newZone(v, tt.site, tt.serves), "tel.beip.be.", "A"); got != want {
			t.Errorf("%s: got %q, want %q", tt.what, got, want)
		}
	}
}
