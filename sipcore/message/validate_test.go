package message

import (
	"errors"
	"strings"
	"testing"
)

const sound = "INVITE sip:bell@tower.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n" +
	"From: <sip:ada@carillon.example>;tag=1\r\nTo: <sip:bell@tower.example>\r\nCall-ID: 1@h\r\nCSeq: 1 INVITE\r\n" +
	"Contact: <sip:ada@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"

// TestValidate changes one thing of a sound request: a line is replaced, removed (new = "") or added (old = "").
func TestValidate(t *testing.T) {
	tests := []struct {
		name     string
		old, new string
		want     string // reason, "" for valid
	}{
		{"sound", "", "", ""},
		{"unknown scheme", "sip:bell@tower.example SIP", "ring:loudly SIP", ""},
		{"tel", "sip:bell@tower.example SIP", "tel:+1-212 SIP", ""},
		{"Request-URI without scheme", "sip:bell@tower.example SIP", "bell@tower.example SIP", "Bad Request-URI"},
		{"Request-URI in <>", "sip:bell@tower.example SIP", "<sip:bell@tower.example> SIP", "Bad Request-URI"},
		{"Request-URI with headers", "sip:bell@tower.example SIP", "sip:bell@tower.example?Route=%3Csip:x%3E SIP", "Bad Request-URI"},
		{"Request-URI with a bare IPv6 address", "sip:bell@tower.example SIP", "sip:2001:db8::10 SIP", "Bad Request-URI"},

		{"no Via", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n", "", "Missing Via"},
		{"no From", "From: <sip:ada@carillon.example>;tag=1\r\n", "", "Missing From"},
		{"no To", "To: <sip:bell@tower.example>\r\n", "", "Missing To"},
		{"no Call-ID", "Call-ID: 1@h\r\n", "", "Missing Call-ID"},
		{"no CSeq", "CSeq: 1 INVITE\r\n", "", "Missing CSeq"},
		{"no Max-Forwards, as RFC 2543", "Max-Forwards: 70\r\n", "", ""},

		{"two From", "", "f: <sip:x>;tag=2\r\n", "Multiple From"},
		{"two To", "", "t: <sip:x>\r\n", "Multiple To"},
		{"two Call-ID", "", "i: x\r\n", "Multiple Call-ID"},
		{"two CSeq", "", "CSeq: 1 INVITE\r\n", "Multiple CSeq"},
		{"two Max-Forwards", "", "Max-Forwards: 70\r\n", "Multiple Max-Forwards"},
		{"two Content-Length", "", "l: 0\r\n", "Multiple Content-Length"},
		{"two Expires", "", "Expires: 1\r\nExpires: 1\r\n", "Multiple Expires"},
		{"two Contact", "", "m: <sip:x>\r\n", ""},
		{"two User-Agent", "", "User-Agent: x\r\nUser-Agent: y\r\n", ""},

		{"no branch, as RFC 2543", ";branch=z9hG4bK1", "", ""},
		{"branch is the cookie alone", "z9hG4bK1", "z9hG4bK", ""},
		{"unknown transports", "", "Via: SIP/2.0/SCTP a, SIP/2.0/UNHEARD-OF b\r\n", ""},
		{"Via separators too many", ";branch=z9hG4bK1", ";;,;,,", "Bad Via"},
		{"Via of another version", "Via: SIP/2.0", "Via: SIP/7.0", "Bad Via"},
		{"Via empty in a list", "", "Via: SIP/2.0/UDP a,,SIP/2.0/UDP b\r\n", "Bad Via"},
		{"Via empty at the end", "", "Via: SIP/2.0/UDP a,\r\n", "Bad Via"},
		{"a lower Via", "", "Via: x\r\n", "Bad Via"},

		{"no tag, as RFC 2543", ";tag=1", "", ""},
		{"unknown schemes", "To: <sip:bell@tower.example>", "To: isbn:298", ""},
		{"display name not closed", "To: <", "To: \"Bell <", "Bad To"},
		{"display name with a comma", "To: <", "To: Bell, A <", "Bad To"},
		{"display name with escapes in quotes", "To: <", "To: \"%Z\\\"\\\x00\" <", ""},
		{"space within <>", "To: <sip:bell@tower.example>", "To: < sip:bell@tower.example >", ""},
		{"two values in From", ";tag=1", ";tag=1, <sip:x>", "Bad From"},
		{"From without URI", "From: <sip:ada@carillon.example>", "From: ada", "Bad From"},
		{"question mark without <>", "Contact: <sip:ada@192.0.2.1>", "Contact: sip:ada@192.0.2.1?Route=%3Csip:x%3E", "Bad Contact"},
		{"question mark within <>", "Contact: <sip:ada@192.0.2.1>", "Contact: <sip:ada@192.0.2.1?Route=%3Csip:x%3E>", ""},
		{"semicolons at the end of Contact", "ada@192.0.2.1>", "ada@192.0.2.1>;;;;", "Bad Contact"},
		{"parameter of Contact", "Contact: <sip:ada@192.0.2.1>", "Contact: sip:ada@192.0.2.1;unheard-of", ""},
		{"expires of Contact too large", "ada@192.0.2.1>", "ada@192.0.2.1>;expires=280297596632815", ""},
		{"Contact *", "Contact: <sip:ada@192.0.2.1>", "Contact: *", ""},
		{"Contact * and another", "Contact: <sip:ada@192.0.2.1>", "Contact: *, <sip:x>", "Bad Contact"},
		{"Route without <>", "", "Route: sip:x;lr\r\n", "Bad Route"},
		{"Route", "", "Route: <sip:x;lr>;a=b, <sip:y>\r\n", ""},
		{"Record-Route without URI", "", "Record-Route: <x>\r\n", "Bad Record-Route"},

		{"Call-ID of odd characters", "Call-ID: 1@h", "Call-ID: %!-.*_+'@`~)(><:\\/\"][?}{", ""},
		{"Call-ID empty", "Call-ID: 1@h", "Call-ID:", "Bad Call-ID"},
		{"Call-ID with a space", "Call-ID: 1@h", "Call-ID: 1 2", "Bad Call-ID"},
		{"CSeq 2^31-1", "CSeq: 1 ", "CSeq: 2147483647 ", ""},
		{"CSeq 2^31", "CSeq: 1 ", "CSeq: 2147483648 ", "Bad CSeq"},
		{"CSeq 2^65", "CSeq: 1 ", "CSeq: 36893488147419103232 ", "Bad CSeq"},
		{"CSeq of another method", "CSeq: 1 INVITE", "CSeq: 1 BYE", "Bad CSeq"},
		{"CSeq of another case", "CSeq: 1 INVITE", "CSeq: 1 invite", "Bad CSeq"},
		{"CSeq folded, with zeros", "CSeq: 1 INVITE", "CSeq: 0001\r\n  INVITE", ""},
		{"CSeq without number", "CSeq: 1 INVITE", "CSeq: INVITE", "Bad CSeq"},
		{"CSeq without space", "CSeq: 1 INVITE", "CSeq: 1INVITE", "Bad CSeq"},
		{"Max-Forwards 0", "Max-Forwards: 70", "Max-Forwards: 0", ""},
		{"Max-Forwards 255 with zeros", "Max-Forwards: 70", "Max-Forwards: 00255", ""},
		{"Max-Forwards 256", "Max-Forwards: 70", "Max-Forwards: 256", "Bad Max-Forwards"},
		{"Max-Forwards -1", "Max-Forwards: 70", "Max-Forwards: -1", "Bad Max-Forwards"},
		{"Expires 2^32-1", "", "Expires: 4294967295\r\n", ""},
		{"Expires 2^32", "", "Expires: 4294967296\r\n", "Bad Expires"},
		{"Expires of a hundred digits", "", "Expires: 1" + strings.Repeat("0", 99) + "\r\n", "Bad Expires"},
		{"Date not in GMT", "", "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n", ""},
		{"Authorization of an unknown scheme", "", "Authorization: Unheard-Of x=y\r\n", ""},
		{"escaped header name", "", "C%6Fntact: ;;;\r\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			raw := strings.Replace(sound, test.old, test.new, 1)
			if test.old == "" {
				raw = strings.Replace(sound, "\r\n\r\n", "\r\n"+test.new+"\r\n", 1)
			}
			err := mustParse(t, raw).Validate()
			var wrong *SyntaxError
			if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &wrong) || wrong.Status != 400 || wrong.Reason != test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestValidateResponse(t *testing.T) {
	raw := strings.Replace(sound, "INVITE sip:bell@tower.example SIP/2.0", "SIP/2.0 200 OK", 1)
	if err := mustParse(t, raw).Validate(); err != nil {
		t.Errorf("got %v", err)
	}
	raw = strings.Replace(raw, "CSeq: 1", "CSeq: 9292394834772304023312", 1)
	if err := mustParse(t, raw).Validate(); err == nil {
		t.Error("too large a CSeq: got nil, want an error")
	}
}
