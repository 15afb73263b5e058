package sipcore_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/test/house/wire"
)

func sorted(list []string) []string { slices.Sort(list); return list }

// A phone says exactly what a test wants, over TCP.
type phone struct {
	t      testing.TB
	user   string
	device string
	regID  int // of this flow (RFC 5626); 0: it knows nothing of that
	at     *station
	over   string // "tcp", "udp", "tls", "ws" or "wss"
	conn   *wire.Conn
	cseq   int
	tag    string
	listen string // where its Contact leads, if that is not its connection
	plain  bool   // its Contact says nothing of a transport
	codecs int    // lines of its session descriptions
	path   string // a proxy that it registers through (RFC 3327)
}

// phone registers a phone of user at a node.
func (s *station) phone(user, device string) *phone {
	s.town.t.Helper()
	return s.phoneOver("tcp", user, device)
}

func (s *station) phoneOver(transport, user, device string) *phone {
	s.town.t.Helper()
	p := s.stranger(transport, user)
	p.device = device
	p.registers()
	return p
}

// stranger is a phone that does not register.
func (s *station) stranger(transport, user string) *phone {
	s.town.t.Helper()
	p := &phone{t: s.town.t, over: transport, user: user, tag: rand.Text()}
	p.connects(s)
	return p
}

// moves connects the phone to a node and registers there.
func (p *phone) moves(s *station) {
	p.t.Helper()
	p.connects(s)
	p.registers()
}

func (p *phone) connects(s *station) {
	p.t.Helper()
	conn, err := wire.Dial(p.over, netip.AddrPortFrom(s.addr, wire.Port(p.over)))
	for end := time.Now().Add(patience); err != nil && strings.HasPrefix(p.over, "ws") && time.Now().Before(end); { // the doors open with Run
		time.Sleep(2 * time.Millisecond)
		conn, err = wire.Dial(p.over, netip.AddrPortFrom(s.addr, wire.Port(p.over)))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	p.conn, p.at = conn, s
}

func (p *phone) registers() {
	p.t.Helper()
	p.registersAs("200")
}

// registersAs registers the phone, with its password, and wants that kind of answer.
func (p *phone) registersAs(want string) {
	p.t.Helper()
	m := p.request("REGISTER", "sip:"+domain, "<sip:"+p.user+"@"+domain+">", rand.Text())
	contact := fmt.Sprintf(`<%s>;+sip.instance="<urn:x:%s>"`, p.contact(), p.device)
	if p.regID != 0 {
		contact += fmt.Sprintf(";reg-id=%d", p.regID)
		m.Add("Supported", "outbound, path")
	}
	if p.path != "" {
		m.Add("Path", p.path)
	}
	m.Add("Contact", contact)
	m.Add("Expires", "600")
	p.send(m)
	p.proves(m, "Authorization", p.gets("401").Get("WWW-Authenticate"))
	p.gets(want)
}

// proves sends a request again with credentials.
func (p *phone) proves(m wire.Message, header, challenge string) {
	p.t.Helper()
	answer, err := wire.Credentials{User: p.user, Password: password}.Answer(challenge, m.Method(), m.URI())
	if err != nil {
		p.t.Fatal(err)
	}
	p.cseq++
	m.Set("CSeq", strconv.Itoa(p.cseq)+" "+m.Method())
	m.Set("Via", p.via())
	m.Add(header, answer)
	p.send(m)
}

func (p *phone) contact() string {
	at := p.listen
	if at == "" {
		at = p.sentBy()
	}
	if p.plain {
		return fmt.Sprintf("sip:%s@%s", p.user, at)
	}
	return fmt.Sprintf("sip:%s@%s;transport=%s", p.user, at, p.over)
}

func (p *phone) via() string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s", strings.ToUpper(p.over), p.sentBy(), rand.Text())
}

// sentBy is what the phone believes to be its address; a browser does not know
// any (RFC 7118 section 5).
func (p *phone) sentBy() string {
	if strings.HasPrefix(p.over, "ws") {
		return p.tag + ".invalid"
	}
	return p.conn.Local().String()
}

// request starts a request outside a dialog.
func (p *phone) request(method, uri, to, callID string) wire.Message {
	p.cseq++
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", p.via())
	m.Add("Max-Forwards", "70")
	m.Add("From", fmt.Sprintf("<sip:%s@%s>;tag=%s", p.user, domain, p.tag))
	m.Add("To", to)
	m.Add("Call-ID", callID)
	m.Add("CSeq", fmt.Sprintf("%d %s", p.cseq, method))
	return m
}

// ackOf is the ACK of a refusal.
func ackOf(invite, refusal wire.Message) wire.Message {
	m := invite.Clone()
	m.Start = strings.Replace(m.Start, "INVITE", "ACK", 1)
	m.Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "ACK", 1))
	m.Set("To", refusal.Get("To"))
	m.Drop("Content-Type")
	m.Body = ""
	return m
}

// isChallenged proves who sent an INVITE.
func (p *phone) isChallenged(invite wire.Message) {
	p.t.Helper()
	challenge := p.gets("407")
	p.send(ackOf(invite, challenge))
	p.proves(invite, "Proxy-Authorization", challenge.Get("Proxy-Authenticate"))
}

// invites sends an INVITE to a user; over UDP that has to be proved.
func (p *phone) invites(user string) wire.Message {
	p.t.Helper()
	uri := "sip:" + user + "@" + domain
	m := p.request("INVITE", uri, "<"+uri+">", rand.Text())
	m.Add("Contact", "<"+p.contact()+">")
	m.Body = p.sdp()
	m.Add("Content-Type", "application/sdp")
	p.send(m)
	if p.over == "udp" {
		p.isChallenged(m)
	}
	return m
}

// sdp is a session description, long enough for a phone that has much to say.
func (p *phone) sdp() string {
	text := "v=0\r\n"
	for range p.codecs {
		text += "a=rtpmap:101 telephone-event/8000\r\n"
	}
	return text
}

func (p *phone) send(m wire.Message) {
	p.t.Helper()
	if err := p.conn.Send(m); err != nil {
		p.t.Fatal(err)
	}
}

// gets waits for a request of that method, or a response of that status; a 100
// on the way is skipped, anything else is wrong.
func (p *phone) gets(what string) wire.Message {
	p.t.Helper()
	for {
		m, err := p.conn.Receive(patience)
		if err != nil {
			p.t.Fatalf("%s waits for %s: %v", p.user, what, err)
		}
		switch got := kind(m); {
		case got == what:
			return m
		case got != "100":
			p.t.Fatalf("%s (%s) gets %s, want %s:\n%s", p.user, p.device, got, what, m)
		}
	}
}

func kind(m wire.Message) string {
	if m.Request() {
		return m.Method()
	}
	return strconv.Itoa(m.Status())
}

// hearsNothing checks that nothing comes for a while.
func (p *phone) hearsNothing(d time.Duration) {
	p.t.Helper()
	if m, err := p.conn.Receive(d); err == nil {
		p.t.Fatalf("%s gets %s", p.user, m)
	}
}

// replies answers a request and returns the answer.
func (p *phone) replies(to wire.Message, status int) wire.Message {
	p.t.Helper()
	m := to.Reply(status, "Because", p.tag)
	if to.Method() == "INVITE" && status < 300 {
		m.Add("Contact", "<"+p.contact()+">")
	}
	p.send(m)
	return m
}

// A side is what one phone knows of a call.
type side struct {
	*phone
	local, remote, target, callID string
	routes                        []string
}

// calling is the caller's side, by the answer it got.
func (p *phone) calling(answer wire.Message) *side {
	s := &side{
		phone: p, local: answer.Get("From"), remote: answer.Get("To"), callID: answer.Get("Call-ID"),
		target: wire.AddrURI(answer.Get("Contact")), routes: answer.All("Record-Route"),
	}
	slices.Reverse(s.routes)
	return s
}

// called is the callee's side, by the INVITE and the answer it gave.
func (p *phone) called(invite, answer wire.Message) *side {
	return &side{
		phone: p, local: answer.Get("To"), remote: answer.Get("From"), callID: answer.Get("Call-ID"),
		target: wire.AddrURI(invite.Get("Contact")), routes: invite.All("Record-Route"),
	}
}

// within sends a request inside the call.
func (s *side) within(method string) {
	s.t.Helper()
	s.send(s.inside(method))
}

// inside makes a request inside the call.
func (s *side) inside(method string) wire.Message {
	m := s.request(method, s.target, s.remote, s.callID)
	m.Set("From", s.local)
	m.Add("Contact", "<"+s.contact()+">")
	for _, r := range s.routes {
		m.Add("Route", r)
	}
	return m
}

// connect makes a call that is up.
func connect(caller, callee *phone) (from, to *side) {
	caller.t.Helper()
	caller.invites(callee.user)
	invite := callee.gets("INVITE")
	callee.replies(invite, 180)
	caller.gets("180")
	answer := callee.replies(invite, 200)
	from, to = caller.calling(caller.gets("200")), callee.called(invite, answer)
	from.within("ACK")
	callee.gets("ACK")
	return from, to
}

// hangsUp ends a call from one side.
func hangsUp(by, other *side) {
	by.t.Helper()
	by.within("BYE")
	other.replies(other.gets("BYE"), 200)
	by.gets("200")
}

// isClean checks what a phone may see of a request: no word that is meant for
// nodes.
func isClean(tb testing.TB, m wire.Message) {
	tb.Helper()
	sides := 2 // a node for each phone
	if wire.Param(m.Get("To"), "tag") != "" {
		sides = 0
	}
	if m.Has("Route") || m.Has("P-Asserted-Identity") || len(m.All("Record-Route")) != sides {
		tb.Errorf("the phone sees:\n%s", m)
	}
	if strings.Contains(m.String(), ";relay") {
		tb.Errorf("the phone sees a word for nodes:\n%s", m)
	}
}
