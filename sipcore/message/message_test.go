package message

import (
	"slices"
	"testing"
)

// odd is a request with everything RFC 3261 7.3 allows about header lines: folding, compact names, space before colons, a
// list over several lines, an empty value.
const odd = "OPTIONS sip:desk@carillon.example SIP/2.0\r\n" +
	"v  : SIP / 2.0 / UDP first.example:5070 ; branch\r\n = z9hG4bKa ,\r\n\tSIP/2.0/TCP second.example\r\n" +
	"VIA:SIP/2.0/UDP third.example;branch=z9hG4bKc\r\n" +
	"f: \"Bell, \\\"Tower\\\"\" <sip:bell@a.example>;tag=1a\r\n" +
	"tO\t:\r\n sip:desk@carillon.example ;\r\n tag = 2b\r\n" +
	"i: x@y\r\n" +
	"cseq: 0063\r\n  OPTIONS\r\n" +
	"s :\r\n" +
	"k: timer, , REPLACES\r\n" +
	"Supported: 100rel\r\n" +
	"X-Odd.Name!: ;;,, \xff\r\n" +
	"l: 2\r\n" +
	"\r\nhi"

func mustParse(t *testing.T, raw string) *Message {
	t.Helper()
	m, err := Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAccessors(t *testing.T) {
	m := mustParse(t, odd+"beyond the body")
	number, method := m.CSeq()
	via, _ := m.TopVia()
	subject, hasSubject := m.Header(Subject)
	_, hasContact := m.Header(Contact)
	custom, _ := m.HeaderNamed("x-odd.NAME!")
	to, _ := m.HeaderNamed("to")
	_, hasNone := m.HeaderNamed("X-None")
	tests := []struct {
		name      string
		got, want any
	}{
		{"IsRequest", m.IsRequest(), true},
		{"Method", m.Method(), OPTIONS},
		{"MethodName", m.MethodName(), "OPTIONS"},
		{"RequestURI", m.RequestURI(), "sip:desk@carillon.example"},
		{"Status", m.Status(), 0},
		{"Reason", m.Reason(), ""},
		{"Raw", m.Raw(), odd},
		{"Body", m.Body(), "hi"},
		{"CallID", m.CallID(), "x@y"},
		{"CSeq number", number, uint32(63)},
		{"CSeq method", method, "OPTIONS"},
		{"FromTag", m.FromTag(), "1a"},
		{"ToTag", m.ToTag(), "2b"},
		{"Via host", via.Host, "first.example"},
		{"Via port", via.Port, uint16(5070)},
		{"Via branch", via.Branch, "z9hG4bKa"},
		{"empty value", subject, ""},
		{"empty value there", hasSubject, true},
		{"missing header", hasContact, false},
		{"unknown header", custom, ";;,, \xff"},
		{"compact by long name", Unfold(to), "sip:desk@carillon.example ; tag = 2b"},
		{"unknown missing header", hasNone, false},
		{"Count", m.Count(Via), 2},
		{"Count of none", m.Count(Route), 0},
		{"Has", m.Has(Via), true},
		{"Lines", m.Lines(), 11},
		{"HasToken in any case", m.HasToken(Supported, "replaces"), true},
		{"HasToken on a later line", m.HasToken(Supported, "100rel"), true},
		{"HasToken of a part", m.HasToken(Supported, "time"), false},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, test.got, test.want)
		}
	}
}

func TestLine(t *testing.T) {
	m := mustParse(t, odd)
	tests := []struct {
		line  int
		n     Name
		name  string
		value string
	}{
		{2, From, "f", `"Bell, \"Tower\"" <sip:bell@a.example>;tag=1a`},
		{5, CSeq, "cseq", "0063\r\n  OPTIONS"},
		{6, Subject, "s", ""},
		{9, Other, "X-Odd.Name!", ";;,, \xff"},
	}
	for _, test := range tests {
		if n, name, value := m.Line(test.line); n != test.n || name != test.name || value != test.value {
			t.Errorf("Line(%d): got %v, %q, %q, want %+v", test.line, n, name, value, test)
		}
	}
}

func TestResponse(t *testing.T) {
	tests := []struct {
		start  string
		status int
		reason string
	}{
		{"SIP/2.0 200 OK", 200, "OK"},
		{"sip/2.0 183 = 1 * 2 \u043d\u0435\u0442", 183, "= 1 * 2 \u043d\u0435\u0442"},
		{"SIP/2.0 100 ", 100, ""},
		{"SIP/2.0 699", 699, ""},
	}
	for _, test := range tests {
		m := mustParse(t, test.start+"\r\nCSeq: 7 INVITE\r\n\r\n")
		if m.IsRequest() || m.Status() != test.status || m.Reason() != test.reason || m.RequestURI() != "" {
			t.Errorf("%q: got %d %q", test.start, m.Status(), m.Reason())
		}
		if m.Method() != INVITE || m.MethodName() != "INVITE" {
			t.Errorf("%q: got method %q", test.start, m.MethodName())
		}
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		name  string
		lines string
		want  []string
	}{
		{"none", "", nil},
		{"one", "m: <sip:a>\r\n", []string{"<sip:a>"}},
		{"several lines", "m: <sip:a> ,\t<sip:b>\r\nX: y\r\nContact:<sip:c>\r\n", []string{"<sip:a>", "<sip:b>", "<sip:c>"}},
		{"commas inside", "m: \"a, \\\",b\" <sip:a,b>;x=\"1,2\", sip:c\r\n", []string{`"a, \",b" <sip:a,b>;x="1,2"`, "sip:c"}},
		{"a quote within <>", "m: <sip:a\">, <sip:b>\r\n", []string{`<sip:a">`, "<sip:b>"}},
		{"a < within quotes", "m: \"<\" <sip:a>, <sip:b>\r\n", []string{`"<" <sip:a>`, "<sip:b>"}},
		{"empty ones", "m: , a,,\r\n b ,\r\n", []string{"a", "b"}},
		{"unterminated quote", "m: a, \"b, c\r\n", []string{"a", `"b, c`}},
		{"unterminated <", "m: a, <b, c\r\n", []string{"a", "<b, c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mustParse(t, "OPTIONS sip:a SIP/2.0\r\n"+test.lines+"\r\n")
			if got := slices.Collect(m.Values(Contact)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for v := range m.Values(Contact) { // may be left early
				if v != test.want[0] {
					t.Errorf("first: got %q, want %q", v, test.want[0])
				}
				break
			}
		})
	}
}

func TestUnfold(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "a  b": "a  b", "a\r\n b": "a b", "a \r\n\t b\n c": "a b c",
	} {
		if got := Unfold(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
