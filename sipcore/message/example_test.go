package message_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"carillon/sipcore/message"
)

// call is a short INVITE.
const call = "INVITE sip:2042@carillon.example SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK77;rport\r\n" +
	"Max-Forwards: 70\r\n" +
	"Route: <sip:192.0.2.1;lr>\r\n" +
	"From: \"Ada\" <sip:1017@carillon.example>;tag=7b6f\r\n" +
	"To: <sip:2042@carillon.example>\r\n" +
	"Call-ID: 84712\r\n" +
	"CSeq: 2 INVITE\r\n" +
	"k: timer, 100rel\r\n" +
	"l: 0\r\n\r\n"

// show prints a message with its line ends as a terminal likes them.
func show(b []byte) { fmt.Print(strings.ReplaceAll(string(b), "\r\n", "\n")) }

func ExampleParse() {
	m, err := message.Parse([]byte(call))
	if err != nil {
		fmt.Println(err)
		return
	}
	via, _ := m.TopVia()
	fmt.Println(m.Method(), m.RequestURI(), "from tag", m.FromTag(), "by", via.Transport, via.Host, via.Port)
	// Output: INVITE sip:2042@carillon.example from tag 7b6f by UDP 192.0.2.17 5060
}

func ExampleMessage_Validate() {
	m, err := message.Parse([]byte(strings.Replace(call, "CSeq: 2 INVITE", "CSeq: 2 BYE", 1)))
	if err == nil {
		err = m.Validate()
	}
	var wrong *message.SyntaxError
	if m != nil && errors.As(err, &wrong) {
		fmt.Println("answer", wrong.Status, wrong.Reason)
	}
	// Output: answer 400 Bad CSeq
}

func ExampleFrame() {
	stream := []byte(call + call[:20])
	n, scanned, err := message.Frame(stream, 0)
	fmt.Println(n == len(call), scanned, err)
	n, _, err = message.Frame(stream[n:], scanned)
	fmt.Println(n, err)
	// Output:
	// true 0 <nil>
	// 0 <nil>
}

func ExampleMessage_Values() {
	m, _ := message.ParseString(call)
	for v := range m.Values(message.Supported) {
		fmt.Println(v)
	}
	// Output:
	// timer
	// 100rel
}

func ExampleMessage_Edit() {
	m, _ := message.ParseString(call)
	e := m.Edit()
	e.SetRequestURI("sip:2042@198.51.100.9")
	e.DropFirstValue(message.Route)
	e.SetFirst(message.MaxForwards, "69")
	e.Prepend(message.RecordRoute, "<sip:192.0.2.1;lr>")
	e.Prepend(message.Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK12")
	show(e.AppendTo(nil))
	// Output:
	// INVITE sip:2042@198.51.100.9 SIP/2.0
	// Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK12
	// Record-Route: <sip:192.0.2.1;lr>
	// Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK77;rport
	// Max-Forwards: 69
	// From: "Ada" <sip:1017@carillon.example>;tag=7b6f
	// To: <sip:2042@carillon.example>
	// Call-ID: 84712
	// CSeq: 2 INVITE
	// k: timer, 100rel
	// l: 0
}

func ExampleMessage_Reply() {
	m, _ := message.ParseString(call)
	m = m.Received(netip.MustParseAddrPort("203.0.113.5:40000"))
	r := m.Reply(486, "", "c0ffee")
	r.Add(message.RetryAfter, "30")
	show(r.AppendTo(nil))
	// Output:
	// SIP/2.0 486 Busy Here
	// Via: SIP/2.0/UDP 192.0.2.17:5060;branch=z9hG4bK77;rport=40000;received=203.0.113.5
	// From: "Ada" <sip:1017@carillon.example>;tag=7b6f
	// To: <sip:2042@carillon.example>;tag=c0ffee
	// Call-ID: 84712
	// CSeq: 2 INVITE
	// Retry-After: 30
	// Content-Length: 0
}

func ExampleParseURI() {
	u, _ := message.ParseURI("sip:%2B442079460000;ext=5@[2001:db8::1]:5062;transport=tcp")
	transport, _ := u.Param("Transport")
	addr, _ := message.HostAddr(u.Host)
	fmt.Println(u.UserUnescaped(), addr, u.Port, transport)
	// Output: +442079460000 2001:db8::1 5062 tcp
}

func ExampleURI_Equal() {
	a, _ := message.ParseURI("sip:%61da@CARILLON.example;lr")
	b, _ := message.ParseURI("sip:ada@carillon.example")
	c, _ := message.ParseURI("sip:ada@carillon.example:5060")
	fmt.Println(a.Equal(b), b.Equal(c))
	// Output: true false
}

func ExampleParseNameAddr() {
	a, _ := message.ParseNameAddr(`"Ada \"Countess\"" <sip:ada@h>;expires=60;+sip.instance="<urn:uuid:1>"`)
	instance, _ := a.Param("+sip.instance")
	fmt.Println(message.Unquote(a.Display), a.URI, instance)
	// Output: Ada "Countess" sip:ada@h <urn:uuid:1>
}

func ExampleParseVia() {
	v, err := message.ParseVia("SIP / 2.0 / TCP 192.0.2.1 : 5060 ; branch = z9hG4bK1")
	fmt.Println(v.Transport, v.Host, v.Port, v.Branch, err)
	// Output: TCP 192.0.2.1 5060 z9hG4bK1 <nil>
}

func ExampleParams() {
	for name, value := range message.Params(`;q=0.7;reg-id=1;+sip.instance="<urn:uuid:1>"`) {
		fmt.Println(name, value)
	}
	// Output:
	// q 0.7
	// reg-id 1
	// +sip.instance <urn:uuid:1>
}
