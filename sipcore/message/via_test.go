package message

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseVia(t *testing.T) {
	tests := []struct {
		in   string
		want ViaValue
	}{
		{"SIP/2.0/UDP h", ViaValue{Transport: "UDP", Host: "h"}},
		{"SIP/2.0/TLS-SCTP h:5061;branch=z9hG4bK1;ttl=1", ViaValue{
			Transport: "TLS-SCTP", Host: "h", Port: 5061, Branch: "z9hG4bK1", Params: "branch=z9hG4bK1;ttl=1",
		}},
		{" sip /\r\n 2.0 / ws   [2001:db8::1] : 7 ; branch\r\n = x ; RPort ", ViaValue{
			Transport: "ws", Host: "[2001:db8::1]", Port: 7, Branch: "x", HasRPort: true, Params: " branch\r\n = x ; RPort",
		}},
		{"SIP/2.0/UDP 192.0.2.1;rport=9;received=[2001:db8::9]", ViaValue{
			Transport: "UDP", Host: "192.0.2.1", RPort: 9, HasRPort: true, Received: "[2001:db8::9]", Params: "rport=9;received=[2001:db8::9]",
		}},
		{"SIP/7.0/UDP h", ViaValue{Transport: "UDP", Host: "h"}},
	}
	for _, test := range tests {
		if got, err := ParseVia(test.in); err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v, want %+v", test.in, got, err, test.want)
		}
	}
	for _, s := range []string{
		"", "SIP", "SIP/2.0", "SIP/2.0/", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP//UDP h", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:", "SIP/2.0/UDP h:0",
		"SIP/2.0/UDP h:x", "SIP/2.0/UDP h i", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;,", "SIP/2.0/UDP h;branch=", "SIP/2.0/UDP h;rport=x",
		"SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP [::1", "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP [2001:db8:::1]", "SIP/2.0/UDP h, SIP/2.0/UDP i",
		"SIP/2.0/UDP h;branch=1;branch=1", "SIP/2.0/UDP h;branch;Branch=1", "SIP/2.0/UDP h;rport;rport=5", "SIP/2.0/UDP h;received=a;received=b",
	} {
		if v, err := ParseVia(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, v)
		}
	}
}

func TestReceived(t *testing.T) {
	const v4, v6 = "192.0.2.7:4000", "[2001:db8::7]:4000"
	tests := []struct {
		name, via, source string
		want              string // "" = as it was
	}{
		{"the address it says", "SIP/2.0/UDP 192.0.2.7;branch=x", v4, ""},
		{"the address it says, mapped", "SIP/2.0/UDP 192.0.2.7", "[::ffff:192.0.2.7]:1", ""},
		{"the IPv6 address it says", "SIP/2.0/UDP [2001:DB8:0::7]:9", v6, ""},
		{"another address", "SIP/2.0/UDP 192.0.2.8", v4, "SIP/2.0/UDP 192.0.2.8;received=192.0.2.7"},
		{"a name", "SIP/2.0/UDP h:5070;branch=x", v4, "SIP/2.0/UDP h:5070;branch=x;received=192.0.2.7"},
		{"a name from IPv6", "SIP/2.0/UDP h", v6, "SIP/2.0/UDP h;received=2001:db8::7"},
		{"from a zone", "SIP/2.0/UDP h", "[fe80::7%eth0]:4", "SIP/2.0/UDP h;received=fe80::7"},
		{"rport", "SIP/2.0/UDP 192.0.2.7;rport;branch=x", v4, "SIP/2.0/UDP 192.0.2.7;rport=4000;branch=x;received=192.0.2.7"},
		{"rport invented", "SIP/2.0/UDP 192.0.2.7;rport=1", v4, "SIP/2.0/UDP 192.0.2.7;rport=4000;received=192.0.2.7"},
		{"received invented", "SIP/2.0/UDP 192.0.2.7;received=203.0.113.1", v4, "SIP/2.0/UDP 192.0.2.7"},
		{"both invented", "SIP/2.0/UDP h ; received=203.0.113.1 ; RPORT = 1 ;a", v4, "SIP/2.0/UDP h ;rport=4000;a;received=192.0.2.7"},
		{"the first of a list", "SIP/2.0/UDP h;a , SIP/2.0/UDP i", v4, "SIP/2.0/UDP h;a;received=192.0.2.7 , SIP/2.0/UDP i"},
		{"malformed", "SIP/2.0/UDP h;;", v4, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw := "OPTIONS sip:a SIP/2.0\r\nFrom: a\r\nVia: " + test.via + "\r\n" + strings.Repeat("Via: b\r\n", inlineLines) + "To: c\r\nl: 2\r\n\r\nhi"
			m := mustParse(t, raw)
			got := m.Received(netip.MustParseAddrPort(test.source))
			want := raw
			if test.want != "" {
				want = strings.Replace(raw, test.via, test.want, 1)
			}
			if got.Raw() != want || (got == m) != (test.want == "") {
				t.Errorf("got %q, want %q", got.Raw(), want)
			}
			again := mustParse(t, want)
			for i := range again.Lines() {
				if *got.at(i) != *again.at(i) {
					t.Fatalf("line %d: got %+v, want %+v", i, *got.at(i), *again.at(i))
				}
			}
			if got.Body() != "hi" || m.Raw() != raw {
				t.Errorf("body %q, request %q", got.Body(), m.Raw())
			}
			both, err := ParseFrom([]byte(raw), netip.MustParseAddrPort(test.source))
			if err != nil || both.Raw() != want {
				t.Errorf("ParseFrom: got %q, %v", both.Raw(), err)
			}
		})
	}
	response := mustParse(t, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;rport\r\n\r\n")
	if response.Received(netip.MustParseAddrPort(v4)) != response {
		t.Error("a response was stamped")
	}
	unknown := mustParse(t, request+via+"\r\n")
	if unknown.Received(netip.AddrPort{}) != unknown {
		t.Error("a request from nowhere was stamped")
	}
}
