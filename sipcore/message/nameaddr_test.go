package message

import "testing"

func TestParseNameAddr(t *testing.T) {
	tests := []struct {
		in   string
		want NameAddr
	}{
		{"sip:a@h", NameAddr{URI: "sip:a@h"}},
		{"sip:a@h;tag=1", NameAddr{URI: "sip:a@h", Params: ";tag=1"}},
		{" sip:a@h\r\n ; tag = 1 ", NameAddr{URI: "sip:a@h", Params: "; tag = 1"}},
		{"<sip:a@h;lr?x=y,z>;q=0.5;+sip.instance=\"<urn:1>\"", NameAddr{URI: "sip:a@h;lr?x=y,z", Params: `;q=0.5;+sip.instance="<urn:1>"`}},
		{"bell<sip:a>", NameAddr{Display: "bell", URI: "sip:a"}},
		{"A. G. Bell <sip:a>", NameAddr{Display: "A. G. Bell", URI: "sip:a"}},
		{"J\u00fcrgen <sip:a>", NameAddr{Display: "J\u00fcrgen", URI: "sip:a"}},
		{`"Bell, \"A\" <;>"<sip:a>`, NameAddr{Display: `Bell, \"A\" <;>`, URI: "sip:a"}},
		{`"\\" < sip:a > `, NameAddr{Display: `\\`, URI: "sip:a"}},
		{`"" <sip:a>`, NameAddr{URI: "sip:a"}},
		{"*", NameAddr{URI: "*"}},
		{"isbn:2983792873", NameAddr{URI: "isbn:2983792873"}},
	}
	for _, test := range tests {
		got, err := ParseNameAddr(test.in)
		if err != nil || got != test.want {
			t.Errorf("%q: got %+v, %v, want %+v", test.in, got, err, test.want)
		}
		if again, err := ParseNameAddr(got.String()); err != nil || again != got {
			t.Errorf("%q: got %+v, %v from %s", test.in, again, err, got)
		}
	}
}

func TestParseNameAddrRefuses(t *testing.T) {
	for _, s := range []string{
		"", " ", "<>", "<sip:a", "sip:a>", `"a <sip:a>`, `"a" sip:a`, `"a"`, `a "b" <sip:a>`, "a, b <sip:a>", "sip:a,b@h", "sip:a@h?x=y",
		"a\\ <sip:a>", "<sip:a> x", "<sip:a>,<sip:b>", "<sip:a>;", "<sip:a>;;", "<sip:a>;=1", "<sip:a>;tag=", "<sip:a>;tag=1 2",
		`<sip:a>;tag="1`, "<sip:a>;tag=1,2", ";tag=1",
	} {
		if a, err := ParseNameAddr(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, a)
		}
	}
}

func TestParam(t *testing.T) {
	const list = ` ; Tag = 1 ;flag; +sip.instance="<urn:uuid:1>;x=\"2\""; received=2001:db8::9:255;b64=ab==`
	tests := []struct {
		params, name string
		value        string
		ok           bool
	}{
		{list, "tag", "1", true},
		{list, "FLAG", "", true},
		{list, "+sip.instance", `<urn:uuid:1>;x=\"2\"`, true},
		{list, "x", "", false},
		{list, "received", "2001:db8::9:255", true},
		{list, "b64", "ab==", true},
		{list, "", "", false},
		{"a=b;c", "a", "b", true},
		{"", "a", "", false},
		{";;a", "a", "", false}, // malformed before it
		{`;a="b`, "a", "", false},
	}
	for _, test := range tests {
		if value, ok := Param(test.params, test.name); value != test.value || ok != test.ok {
			t.Errorf("%q of %q: got %q, %v, want %q, %v", test.name, test.params, value, ok, test.value, test.ok)
		}
	}
	count := 0
	for name := range Params(list) {
		if count++; name == "received" {
			break
		}
	}
	if count != 4 {
		t.Errorf("Params: got %d until received, want 4", count)
	}
	if got := Unquote(`a\"b\\c\`); got != `a"b\c\` {
		t.Errorf("Unquote: got %q", got)
	}
}
