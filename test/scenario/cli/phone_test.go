package cli

import (
	"crypto/md5"
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// register is the smallest phone there is: it registers once, answers a
// challenge with MD5, prints the last status line, or that there is no answer,
// and is gone.
func register(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 5 {
		ts.Fatalf("usage: register ADDRESS USER PASSWORD [tcp | tls AUTHORITY]")
	}
	transport := append(args, "udp")[3]
	answer := "no answer"
	if c, err := dialPhone(ts, args[0], transport, args[len(args)-1]); err == nil {
		defer func() { _ = c.Close() }()
		p := phone{Conn: c, user: args[1], password: args[2], server: args[0], transport: strings.ToUpper(transport)}
		answer = p.send(ts, "")
		if challenge := md5Challenge(answer); challenge != "" {
			answer = p.send(ts, p.authorization(challenge))
		}
	}
	status, _, _ := strings.Cut(answer, "\r\n")
	_, err := fmt.Fprintln(ts.Stdout(), status)
	ts.Check(err)
}

// dialPhone connects a phone to the node at an address. Over TLS it believes the
// authority in a file, and nobody else.
func dialPhone(ts *testscript.TestScript, address, transport, authority string) (net.Conn, error) {
	if transport != "tls" {
		return net.Dial(transport, net.JoinHostPort(address, "5060"))
	}
	return tls.Dial("tcp", net.JoinHostPort(address, "5061"), believing(ts, authority))
}

// message is one from a network whose phones need no password.
func message(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: message DURATION ADDRESS FROM TO")
	}
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	c, err := net.Dial("tcp", net.JoinHostPort(args[1], "5060"))
	ts.Check(err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "MESSAGE sip:%[4]s@%[2]s SIP/2.0\r\nVia: SIP/2.0/TCP %[5]s;branch=z9hG4bK%[6]d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%[3]s@%[2]s>;tag=a\r\nTo: <sip:%[4]s@%[2]s>\r\nCall-ID: %[6]d\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
		args[0], args[1], args[2], args[3], c.LocalAddr(), time.Now().UnixNano())
	ts.Check(err)
	ts.Check(c.SetReadDeadline(time.Now().Add(limit)))
	answer := make([]byte, 65536)
	n, err := c.Read(answer)
	ts.Check(err)
	status, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	_, err = fmt.Fprintln(ts.Stdout(), status)
	ts.Check(err)
}

type phone struct {
	net.Conn
	user, password, server, transport string
	cseq                              int
}

// send sends one REGISTER and returns the answer, in words if there is none.
func (p *phone) send(ts *testscript.TestScript, authorization string) string {
	p.cseq++
	here := p.LocalAddr()
	request := fmt.Sprintf("REGISTER sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/%[7]s %[3]s;branch=z9hG4bK-%[4]d-%[5]d;rport\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:%[2]s@%[1]s>;tag=a%[5]d\r\nTo: <sip:%[2]s@%[1]s>\r\n"+
		"Call-ID: call-%[3]s\r\nCSeq: %[4]d REGISTER\r\nContact: <sip:%[2]s@%[3]s>\r\nExpires: 60\r\n%[6]s"+
		"Content-Length: 0\r\n\r\n", p.server, p.user, here, p.cseq, time.Now().UnixNano(), authorization, p.transport)
	ts.Check(p.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, 65536)
	if _, err := p.Write([]byte(request)); err != nil {
		return "no answer: " + err.Error()
	}
	n, err := p.Read(answer)
	if err != nil {
		return "no answer: " + err.Error()
	}
	return string(answer[:n])
}

func md5Challenge(answer string) string {
	for line := range strings.SplitSeq(answer, "\r\n") {
		if strings.HasPrefix(line, "WWW-Authenticate:") && strings.Contains(line, "MD5") {
			return line
		}
	}
	return ""
}

// authorization answers a challenge as RFC 2617 section 3.2.2 says.
func (p *phone) authorization(challenge string) string {
	realm, nonce, uri := quoted(challenge, "realm"), quoted(challenge, "nonce"), "sip:"+p.server
	ha1 := digest(p.user, realm, p.password)
	response := digest(ha1, nonce, "00000001", "c0ffee", "auth", digest("REGISTER", uri))
	return fmt.Sprintf("Authorization: Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, "+
		"algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c0ffee\"\r\n", p.user, realm, nonce, uri, response)
}

func quoted(line, name string) string {
	found := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(line)
	if found == nil {
		return ""
	}
	return found[1]
}

func digest(parts ...string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":"))))
}
