package house_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// A torture is one case of RFC 4475 in a message of our own. Lines end in LF
// here; {T}, {A} and {D} are the transport, the phone's address and the domain,
// and {N} is a text that only this case has. {via} and {rest} are good lines.
type torture struct {
	section, name string
	text          string
	want          int // the final response; 0: nothing is answered
	overTCP       int // the same over TCP, if it is another, or a negative status that the connection ends with
}

// waits says that TCP answers nothing, for it takes what follows for the rest.
const waits = -1

func tortures() []torture {
	return append(slices.Concat(validTortures(), invalidTortures()), applicationTortures()...)
}

// validTortures are legal, however they look (RFC 4475 section 3.1.1). Nobody
// is registered, so that a call that is understood ends in 480.
func validTortures() []torture {
	return []torture{
		{"3.1.1.1", "short and folded", `INVITE sip:bob@{D};unknown SIP/2.0
v:  SIP  / 2.0
  / {T}    {A} ; branch =
	z9hG4bK{N} ;rport
TO :
 sip:bob@{D}
f : "A \\\" lice"
   <sip:alice@{D}> ;
  tag    = t{N}
MAX-FORWARDS: 0070
i: {N}
cseq: 0009
  INVITE
NewField: newer
  one ;a="\";", ;
Contact:"C \"\""<sip:alice@{A}>
l: 0

`, 480, 0},
		{"3.1.1.2", "any token is a method", "!one_method.of-all*tokens+`~' sip:bob@{D}:5060;(not)=/a,b&c+d$e SIP/2.0\n{via}\n" +
			"Max-Forwards: 70\nFrom: token1~` token2'+_ token3*%!.- <sip:mundane@{D}>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0\";tag=_t~1\n" +
			"To: \"\x07 \" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:@{D}>\nCall-ID: i%Z_t!.{N}*\n" +
			"CSeq: 1 !one_method.of-all*tokens+`~'\nextensionHeader-!.%*+_`'~:\xef\xbb\xbf\nContent-Length: 0\n\n", 480, 0},
		{"3.1.1.3", "escapes in a user part", "INVITE sip:%62o%62@{D} SIP/2.0\n{via}\n{rest} INVITE\nContact: <sip:al%2525ice@{A}>\nContent-Length: 0\n\n", 480, 0},
		{"3.1.1.4", "escaped nulls", "REGISTER sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: sip:null-%00-null@{D};tag=1\nTo: sip:null-%00-null@{D}\n" +
			"Call-ID: {N}\nCSeq: 1 REGISTER\nContact: <sip:%00@{A}>, <sip:%00%00@{A}>\nContent-Length: 0\n\n", 401, 0},
		{"3.1.1.5", "a method is not unescaped", "RE%47ISTER sip:{D} SIP/2.0\n{via}\n{rest} RE%47ISTER\nContent-Length: 0\n\n", 405, 0},
		{"3.1.1.6", "no space behind a display name", "OPTIONS sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: \"alice\"<sip:alice@{D}>;tag=1\n" +
			"To: sip:bob@{D}\nCall-ID: {N}\nCSeq: 1 OPTIONS\nl: 0\n\n", 200, 0},
		{"3.1.1.7", "long values", "INVITE sip:bob@{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: sip:" + strings.Repeat("averylongname", 30) + "@{D};tag=" + strings.Repeat("9", 300) +
			"\nTo: \"" + strings.Repeat("very ", 100) + "long\" <sip:bob@{D}>\nCall-ID: {N}." + strings.Repeat("long", 60) + "\nCSeq: 1 INVITE\n" +
			"Unknown-" + strings.Repeat("Long-", 30) + "Name: " + strings.Repeat("long value; ", 60) + "\nVia: SIP/2.0/TCP " + strings.Repeat("sub.", 40) + "test;branch=z9hG4bK1\n" +
			"Contact: <sip:" + strings.Repeat("a", 200) + "@{A}>\nContent-Length: 0\n\n", 480, 0},
		{"3.1.1.9", "parameters in a user part, which are not the number", "OPTIONS sip:bob;par=u%40h@{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: sip:alice@{D};tag=1\n" +
			"To: sip:bob@{D}\nCall-ID: {N}\nCSeq: 1 OPTIONS\nl: 0\n\n", 480, 0},
		{"3.1.1.10", "transports that nobody knows", "OPTIONS sip:{D} SIP/2.0\n{via}\nVia: SIP/2.0/SCTP 192.0.2.1;branch=z9hG4bK2\nVia: SIP/2.0/TLS h.test;branch=z9hG4bK3\n" +
			"Via: SIP/2.0/UNKNOWN 192.0.2.9;branch=z9hG4bK4\n{rest} OPTIONS\nl: 0\n\n", 200, 0},
		{"3.1.1.11", "a body of many parts, some binary", "MESSAGE sip:bob@{D} SIP/2.0\n{via}\n{rest} MESSAGE\nContent-Type: multipart/mixed;boundary=7a9cbec02ceef655\n" +
			"Content-Length: 87\n\n--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\xff\r\n--7a9cbec02ceef655--", 480, 0},
		{"3.1.1.12", "a response with an odd reason", "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 0, 0},
		{"3.1.1.13", "a response without a reason", "SIP/2.0 100 \n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 0, 0},
	}
}

// invalidTortures are to be refused (RFC 4475 sections 3.1.2 and 3.2).
func invalidTortures() []torture {
	good := "INVITE sip:bob@{D} SIP/2.0\n{via}\n{rest} INVITE\n"
	return []torture{
		{"3.1.2.1", "empty parameters", "INVITE sip:bob@{D} SIP/2.0\nVia: SIP/2.0/{T} {A};;,;,,\n{rest} INVITE\nContact: \"\" <> ;,,\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.2", "Content-Length beyond the end", good + "Content-Length: 9999\n\nv=0\r\n", 400, waits},
		{"3.1.2.3", "negative Content-Length", good + "Content-Length: -999\n\nv=0\r\n", 400, -400},
		{"3.1.2.4", "numbers beyond their range", "REGISTER sip:{D} SIP/2.0\n{via}\nMax-Forwards: 300\nFrom: <sip:alice@{D}>;tag=1\nTo: <sip:alice@{D}>\nCall-ID: {N}\n" +
			"CSeq: 36893488147419103232 REGISTER\nExpires: 10000000000000000000\nContact: <sip:alice@{A}>;expires=280297596632815\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.5", "a response with such numbers", "SIP/2.0 503 Service Unavailable\n{via}\nFrom: <sip:alice@{D}>;tag=1\nTo: <sip:bob@{D}>;tag=2\nCall-ID: {N}\n" +
			"CSeq: 9292394834772304023312 OPTIONS\nRetry-After: 949302838503028349304023988\nWarning: 1812 overture \"In Progress\"\nContent-Length: 0\n\n", 0, 0},
		{"3.1.2.6", "a quote without end", "INVITE sip:bob@{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: <sip:alice@{D}>;tag=1\nTo: \"Mr. Bob <sip:bob@{D}>\nCall-ID: {N}\nCSeq: 1 INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.7", "brackets about the Request-URI", "INVITE <sip:bob@{D}> SIP/2.0\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.8", "a space in the Request-URI", "INVITE sip:bob@{D}; lr SIP/2.0\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.9", "spaces between its parts", "INVITE  sip:bob@{D}  SIP/2.0\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.10", "a space behind the start line", "OPTIONS sip:{D} SIP/2.0  \n{via}\n{rest} OPTIONS\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.11", "header fields in the Request-URI", "INVITE sip:bob@{D}?Route=%3Csip:h.test%3E SIP/2.0\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.12", "a Date that is not GMT, which nobody reads", good + "Date: Fri, 01 Jan 2010 16:00:00 EST\nContent-Length: 0\n\n", 480, 0},
		{"3.1.2.13", "a Contact with header fields and no brackets", "REGISTER sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: <sip:alice@{D}>;tag=1\nTo: <sip:alice@{D}>\nCall-ID: {N}\n" +
			"CSeq: 1 REGISTER\nContact: sip:alice@{A}?Route=%3Csip:h.test%3E\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.14", "spaces within brackets", "OPTIONS sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: <sip:alice@{D}>;tag=1\nTo: \"Bob\" < sip:bob@{D} >\nCall-ID: {N}\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n", 200, 0},
		{"3.1.2.15", "a name that needs quotes", "OPTIONS sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: Bell, Alexander <sip:alice@{D}>;tag=1\nTo: <sip:bob@{D}>\nCall-ID: {N}\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.16", "another version of SIP", "OPTIONS sip:{D} SIP/7.0\n{via}\n{rest} OPTIONS\nContent-Length: 0\n\n", 505, 0},
		{"3.1.2.17", "another method in CSeq", "OPTIONS sip:{D} SIP/2.0\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.18", "another method in CSeq, both unknown", "NEWMETHOD sip:bob@{D} SIP/2.0\n{via}\n{rest} OLDMETHOD\nContent-Length: 0\n\n", 400, 0},
		{"3.1.2.19", "a status beyond its range", "SIP/2.0 4294967301 better not break the receiver\n{via}\n{rest} INVITE\nContent-Length: 0\n\n", 0, 0},
		{"3.2.1", "a branch that is the cookie alone", "OPTIONS sip:{D} SIP/2.0\nVia: SIP/2.0/{T} {A};rport;branch=z9hG4bK\n{rest} OPTIONS\nContent-Length: 0\n\n", 200, 0},
	}
}

// applicationTortures are for the part of a server that acts (RFC 4475 sections
// 3.3 and 3.4).
func applicationTortures() []torture {
	good := "INVITE sip:bob@{D} SIP/2.0\n{via}\n{rest} INVITE\n"
	registering := "REGISTER sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: <sip:alice@{D}>;tag=1\nTo: <sip:alice@{D}>\nCall-ID: {N}\nCSeq: 1 REGISTER\n"
	return []torture{
		{"3.3.1", "what must be there is not", "INVITE sip:bob@{D} SIP/2.0\n{via}\nCSeq: 193942 INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.3.2", "a scheme that nobody knows", "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\n{via}\n{rest} OPTIONS\nContent-Length: 0\n\n", 416, 0},
		{"3.3.3", "a scheme that is not for calls", "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\n{via}\n{rest} OPTIONS\nContent-Length: 0\n\n", 416, 0},
		{"3.3.4", "such schemes in To and From", "REGISTER sip:{D} SIP/2.0\n{via}\nMax-Forwards: 70\nFrom: <http://www.test>;tag=1\nTo: isbn:2983792873\nCall-ID: {N}\nCSeq: 1 REGISTER\n" +
			"Contact: <name:John_Smith>\nContent-Length: 0\n\n", 401, 0},
		{"3.3.5", "extensions that nobody knows", good + "Require: nothingSupportsThis, nothingSupportsThisEither\nProxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis\nContent-Length: 0\n\n", 420, 0},
		{"3.3.6", "a body that only phones may refuse", good + "Content-Type: application/unknownformat\nContent-Length: 6\n\nopaque", 480, 0},
		{"3.3.7", "an unknown way to prove oneself", registering + "Authorization: NoOneKnowsThisScheme opaque-data=here\nContent-Length: 0\n\n", 401, 0},
		{"3.3.8", "values where one may be", "INVITE sip:bob@{D} SIP/2.0\n{via}\nMax-Forwards: 70\nMax-Forwards: 5\nFrom: <sip:alice@{D}>;tag=1\nFrom: sip:alice@{D};tag=2\nTo: <sip:bob@{D}>\nTo: sip:eve@{D}\n" +
			"Call-ID: {N}\nCall-ID: b{N}\nCSeq: 5 INVITE\nCSeq: 59 INVITE\nContent-Length: 0\n\n", 400, 0},
		{"3.3.9", "two lengths", "OPTIONS sip:{D} SIP/2.0\n{via}\n{rest} OPTIONS\nContent-Length: 13\nContent-Length: 5\n\nThere are no ", 400, -400},
		{"3.3.10", "a response that would go to everybody", "SIP/2.0 200 OK\n{via}\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\n{rest} INVITE\nContact: <sip:bob@{A}>\nContent-Length: 0\n\n", 0, 0},
		{"3.3.11", "the last hop", "INVITE sip:bob@{D} SIP/2.0\n{via}\nMax-Forwards: 0\nFrom: <sip:alice@{D}>;tag=1\nTo: <sip:bob@{D}>\nCall-ID: {N}\nCSeq: 1 INVITE\nContent-Length: 0\n\n", 483, 0},
		{"3.3.12", "an unknown parameter of Contact", registering + "{auth}\nContact: <sip:alice@{A};transport={T}>;unknownparam\nExpires: 60\nContent-Length: 0\n\n", 200, 0},
		{"3.3.13", "an unknown parameter of its URI", registering + "{auth}\nContact: <sip:alice@{A};transport={T};unknownparam>\nExpires: 60\nContent-Length: 0\n\n", 200, 0},
		{"3.3.14", "header fields in a Contact, which would go into every call", registering + "{auth}\nContact: <sip:alice@{A}?Route=%3Csip:h.test%3E>\nContent-Length: 0\n\n", 400, 0},
		{"3.3.15", "an offer that its sender does not accept back", good + "Accept: text/nobodyKnowsThis\nContent-Type: application/sdp\nContent-Length: 5\n\nv=0\r\n", 480, 0},
		{"3.4.1", "a call by RFC 2543", "INVITE sip:bob@{D} SIP/2.0\nVia: SIP/2.0/{T} {A}\nFrom: <sip:alice@{D}>\nTo: <sip:bob@{D}>\nCall-ID: {N}\nCSeq: 1 INVITE\nContent-Type: application/sdp\n\nv=0\r\n", 480, -411},
	}
}

// TestTorture sends each case and then asks whether the node is there: on the
// same connection, where it is answered behind the case, or on another when the
// case has cost the first.
func TestTorture(t *testing.T) {
	h := house.New(t)
	n := h.NodeWith("hardy", "calls: trusted")
	for _, transport := range transports {
		for _, test := range tortures() {
			t.Run(strings.Join([]string{transport, test.section, test.name}, " "), func(t *testing.T) {
				c := dial(t, transport, n.SIP())
				auth := ""
				if strings.Contains(test.text, "{auth}") {
					auth = answerTo(t, ask(t, c, register(c, "alice", 1, "")), "alice", house.Password)
				}
				if err := c.Write(test.on(c, auth)); err != nil {
					t.Fatal(err)
				}
				if !test.isAnswered(t, c) {
					c = dial(t, transport, n.SIP())
				}
				if got := ask(t, c, request(c, "OPTIONS", "sip:"+house.Domain, "alice", 1)); got.Status() != 200 {
					t.Errorf("afterwards: got %q, want 200", got.Start)
				}
			})
		}
	}
}

// isAnswered wants the status of the first final answer, or none before that to
// an OPTIONS, and reports whether the connection is good for more.
func (test torture) isAnswered(t *testing.T, c *wire.Conn) (goesOn bool) {
	t.Helper()
	want, ends := test.want, false
	if c.Transport == "tcp" && test.overTCP != 0 {
		want, ends = max(test.overTCP, -test.overTCP), test.overTCP < 0
	}
	if want == -waits {
		return false
	}
	if want == 0 {
		if err := c.Send(request(c, "OPTIONS", "sip:"+house.Domain, "alice", 77)); err != nil {
			t.Fatal(err)
		}
	}
	got := receive(t, c)
	for got.Status() < 200 {
		got = receive(t, c)
	}
	switch {
	case want == 0 && got.CSeq() != 77:
		t.Errorf("got %q, want no answer", got.Start)
	case want != 0 && got.Status() != want:
		t.Errorf("got %q, want %d", got.Start, want)
	case want == 420 && !strings.Contains(got.Get("Unsupported"), "noProxiesSupportThis"):
		t.Errorf("got Unsupported %q, want what is not supported", got.Get("Unsupported"))
	case ends && !c.WaitClosed(house.Patience):
		t.Error("the connection goes on, although nobody knows where the next message begins")
	}
	return !ends
}

// on returns the text as the phone at c sends it.
func (test torture) on(c *wire.Conn, auth string) string {
	name := rand.Text()
	transport := strings.ToUpper(c.Transport)
	rest := "Max-Forwards: 70\nFrom: <sip:alice@{D}>;tag=f{N}\nTo: <sip:bob@{D}>\nCall-ID: {N}\nCSeq: 1"
	head, body, _ := strings.Cut(test.text, "\n\n")
	head = strings.NewReplacer("{via}", "Via: SIP/2.0/{T} {A};branch=z9hG4bK{N};rport", "{rest}", rest, "{auth}", "Authorization: "+auth).Replace(head)
	head = strings.NewReplacer("{T}", transport, "{A}", c.Local().String(), "{D}", house.Domain, "{N}", name, "\n", "\r\n").Replace(head)
	return head + "\r\n\r\n" + body
}

// TestTwoRequestsInOneDatagram is RFC 4475 section 3.1.1.8: what stands behind
// the body is nothing over UDP and the next request over TCP.
func TestTwoRequestsInOneDatagram(t *testing.T) {
	h := house.New(t)
	n := h.NodeWith("hardy", "calls: trusted")
	for transport, want := range map[string]string{"udp": "1 77", "tcp": "1 2 77"} {
		c := dial(t, transport, n.SIP())
		text := ""
		for _, cseq := range []int{1, 2} {
			text += request(c, "OPTIONS", "sip:"+house.Domain, "alice", cseq).String()
		}
		if err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := c.Send(request(c, "OPTIONS", "sip:"+house.Domain, "alice", 77)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for m := (wire.Message{}); m.CSeq() != 77; {
			m = receive(t, c)
			got = append(got, fmt.Sprint(m.CSeq()))
		}
		if all := strings.Join(got, " "); all != want {
			t.Errorf("%s: got answers to %s, want %s", transport, all, want)
		}
	}
}
