package cli

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/rogpeppe/go-internal/testscript"

	"carillon/test/house/wire"
)

// busy is a phone that registers over TCP, rings when it is called, and is busy.
// It goes with the story.
func busy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: busy ADDRESS USER PASSWORD")
	}
	p := connect(ts, args[0], args[1])
	first, err := p.ask("REGISTER", args[1], "")
	ts.Check(err)
	proof, err := wire.Credentials{User: args[1], Password: args[2]}.Answer(first.Get("WWW-Authenticate"), "REGISTER", "sip:"+args[0])
	ts.Check(err)
	second, err := p.ask("REGISTER", args[1], proof)
	ts.Check(err)
	if second.Status() != 200 {
		ts.Fatalf("registering %s: %s", args[1], second.Start)
	}
	go func() {
		for m, e := p.Receive(patience); !errors.Is(e, wire.ErrSilence) && e == nil; m, e = p.Receive(10 * patience) {
			if m.Request() && m.Method() == "INVITE" {
				_ = p.Send(m.Reply(180, "Ringing", "b"))
				_ = p.Send(m.Reply(486, "Busy Here", "b"))
			}
		}
	}()
}

// call calls from a network whose phones need no password, and prints the last
// status.
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: call ADDRESS FROM TO")
	}
	p := connect(ts, args[0], args[1])
	last, err := p.ask("INVITE", args[2], "")
	ts.Check(err)
	_, err = fmt.Fprintln(ts.Stdout(), last.Start)
	ts.Check(err)
}

// A caller is a phone's connection to a node.
type caller struct {
	*wire.Conn

	node, user string
	cseq       int
}

func connect(ts *testscript.TestScript, node, user string) *caller {
	at, err := netip.ParseAddr(node)
	ts.Check(err)
	c, err := wire.Dial("tcp", netip.AddrPortFrom(at, 5060))
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	return &caller{Conn: c, node: node, user: user}
}

// ask sends a request and returns its final response, acknowledged.
func (p *caller) ask(method, to, proof string) (wire.Message, error) {
	p.cseq++
	uri := "sip:" + to + "@" + p.node
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	if method == "REGISTER" {
		m.Start = method + " sip:" + p.node + " SIP/2.0"
	}
	m.Add("Via", fmt.Sprintf("SIP/2.0/TCP %s;branch=z9hG4bK%s%d", p.Local(), method, p.cseq))
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+p.user+"@"+p.node+">;tag=a")
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", method+"-"+p.user+"-"+p.Local().String())
	m.Add("CSeq", fmt.Sprintf("%d %s", p.cseq, method))
	m.Add("Contact", fmt.Sprintf("<sip:%s@%s;transport=tcp>", p.user, p.Local()))
	if proof != "" {
		m.Add("Authorization", proof)
	}
	if err := p.Send(m); err != nil {
		return m, err
	}
	for {
		answer, err := p.Receive(patience)
		if err != nil || answer.Status() < 200 {
			if err != nil {
				return answer, err
			}
			continue
		}
		if method == "INVITE" {
			m.Start, m.Body = "ACK "+uri+" SIP/2.0", ""
			m.Set("To", answer.Get("To"))
			m.Set("CSeq", fmt.Sprintf("%d ACK", p.cseq))
			err = p.Send(m)
		}
		return answer, err
	}
}
