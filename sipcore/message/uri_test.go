package message

import (
	"net/netip"
	"testing"
)

func TestParseURI(t *testing.T) {
	tests := []struct {
		in   string
		want URI
		text string // when it is not in
	}{
		{"sip:a", URI{Scheme: "sip", Host: "a"}, ""},
		{"SIPS:a.b-c_d:05061", URI{Scheme: "SIPS", Host: "a.b-c_d", Port: 5061}, "SIPS:a.b-c_d:5061"},
		{"sip:bell:pass@[2001:db8::1]:5060;lr;x=y?Subject=a&b=c", URI{
			Scheme: "sip", User: "bell", Password: "pass", Host: "[2001:db8::1]", Port: 5060, Params: "lr;x=y", Headers: "Subject=a&b=c",
		}, ""},
		{"sip:[2001:db8::192.0.2.1]", URI{Scheme: "sip", Host: "[2001:db8::192.0.2.1]"}, ""},
		{"sip:[::ffff:192.0.2.1]", URI{Scheme: "sip", Host: "[::ffff:192.0.2.1]"}, ""},
		{"sip:[2001:db8::10:5070]", URI{Scheme: "sip", Host: "[2001:db8::10:5070]"}, ""}, // RFC 5118 4.3
		{"sip:101;room=a%40b@h", URI{Scheme: "sip", User: "101;room=a%40b", Host: "h"}, ""},
		{"sip:a?/b;c,&=+$#(d):&=+$,@h", URI{Scheme: "sip", User: "a?/b;c,&=+$#(d)", Password: "&=+$,", Host: "h"}, ""},
		{"sip:*21#@h", URI{Scheme: "sip", User: "*21#", Host: "h"}, ""},
		{"sip:j\u00fcrgen@h", URI{Scheme: "sip", User: "j\u00fcrgen", Host: "h"}, ""},
		{"sip:%00@h", URI{Scheme: "sip", User: "%00", Host: "h"}, ""},
		{"sip:u:@h;?x", URI{Scheme: "sip", User: "u", Host: "h", Headers: "x"}, "sip:u@h?x"},
		{"tel:+1-212-555-0100;phone-context=x", URI{Scheme: "tel", User: "+1-212-555-0100", Params: "phone-context=x"}, ""},
		{"urn:service:sos", URI{Scheme: "urn", Opaque: "service:sos"}, ""},
		{"http://h/p?q@r", URI{Scheme: "http", Opaque: "//h/p?q@r"}, ""},
		{"soap.beep+x-1://h:1", URI{Scheme: "soap.beep+x-1", Opaque: "//h:1"}, ""},
	}
	for _, test := range tests {
		got, err := ParseURI(test.in)
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v, want %+v", test.in, got, err, test.want)
		}
		if test.text == "" {
			test.text = test.in
		}
		if got.String() != test.text {
			t.Errorf("%s: got %s, want %s", test.in, got, test.text)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for _, s := range []string{
		"", "sip", "sip:", ":a", "1sip:a", "si p:a", "*", "<sip:a>", " sip:a", "sip:a ", "sip:a b@h", "sip:a\x00@h", "sip:\"a\"@h",
		"sip:@h", "sip:a@", "sip:a@:5060", "sip:a@h@i", "sip:a@h;x=y@z", "sip:a:", "sip:a:x", "sip:a:0", "sip:a:65536", "sip:a:5060x",
		"sip:a!b", "sip:a/b", "sip:h%61", "sip:u%4@h", "sip:u%4g@h", "sip:u@h;a=%", "sip:[::1", "sip:[]", "sip:[192.0.2.1]", "sip:[h]",
		"sip:[fe80::1%25eth0]", "sip:[2001:db8:::1]", "sip:2001:db8::10", "sip:a@2001:db8::10", "tel:", "tel:;a", "urn: x", "urn:<x>",
	} {
		if u, err := ParseURI(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, u)
		}
	}
}

func TestURIParam(t *testing.T) {
	u, _ := ParseURI("sip:h;LR;transport=TCP;%6daddr=192.0.2.1;x=%41;;y=;transport=udp")
	tests := []struct {
		name, value string
		ok          bool
	}{
		{"lr", "", true},
		{"Transport", "TCP", true},
		{"maddr", "192.0.2.1", true},
		{"x", "%41", true},
		{"y", "", true},
		{"none", "", false},
		{"", "", false},
	}
	for _, test := range tests {
		if value, ok := u.Param(test.name); value != test.value || ok != test.ok {
			t.Errorf("%q: got %q, %v, want %q, %v", test.name, value, ok, test.value, test.ok)
		}
	}
}

func TestUserUnescaped(t *testing.T) {
	for in, want := range map[string]string{
		"sip:h": "", "sip:101@h": "101", "sip:%31%30;a=b@h": "10", "sip:a%3Bb@h": "a;b", "sip:%25%32%35@h": "%25", "sip:%00@h": "\x00",
		"tel:+1": "+1",
	} {
		u, err := ParseURI(in)
		if got := u.UserUnescaped(); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestHostAddr(t *testing.T) {
	tests := []struct {
		host, want string // "" for a name
	}{
		{"192.0.2.1", "192.0.2.1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"2001:db8::1", "2001:db8::1"},
		{"", ""},
		{"[]", ""},
		{"example.com", ""},
		{"host1", ""},
		{"1.2.3", ""},
		{"1.2.3.256", ""},
		{"[fe80::1%eth0]", ""},
		{"[::1", ""},
	}
	for _, test := range tests {
		got, ok := HostAddr(test.host)
		if ok != (test.want != "") || ok && got != netip.MustParseAddr(test.want) {
			t.Errorf("%q: got %v, %v, want %q", test.host, got, ok, test.want)
		}
	}
}
