package scenario

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/test/house/wire"
)

// script is a System that is no Carillon: a server that asks every REGISTER for
// a password once and says 486 to every INVITE.
type script struct {
	listener net.Listener
	done     sync.WaitGroup
}

func newScript(t *testing.T) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener: l}
	s.done.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.done.Wait()
	})
	return s
}

func (s *script) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.done.Go(func() { serve(conn) })
	}
}

func serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		m, err := wire.Read(r)
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte(answer(m))); err != nil {
			return
		}
	}
}

func answer(m wire.Message) string {
	switch {
	case m.Method() == "ACK":
		return ""
	case m.Method() == "INVITE":
		return m.Reply(486, "Busy Here", "t1").String()
	case m.Has("Authorization"):
		r := m.Reply(200, "OK", "t2")
		r.Add("Contact", m.Get("Contact")+";expires=60")
		return r.String()
	}
	r := m.Reply(401, "Unauthorized", "t3")
	r.Add("WWW-Authenticate", `Digest realm="tel.test", nonce="`+m.Get("Call-ID")+`", qop="auth"`)
	return r.String()
}

func (s *script) SIP(string) (netip.AddrPort, error) {
	return netip.ParseAddrPort(s.listener.Addr().String())
}
func (*script) Domain() string                    { return "tel.test" }
func (*script) Password(string) string            { return "secret" }
func (*script) Registrations(string) (int, error) { return 1, nil }
func (*script) Calls(user string) ([]string, error) {
	if user == "nobody" {
		return nil, errors.New("no such user")
	}
	return nil, nil
}

const told = `# What the script says.
alice -> *      REGISTER
* -> alice      401 Unauthorized       WWW-Authenticate=Digest realm="tel.test", nonce="A", qop="auth"
alice -> *      REGISTER               Authorization=alice
* -> alice      200 OK                 Contact=<alice@alice;transport=tcp>;expires=60  Call-ID=A  Via=SIP/2.0/TCP alice;branch=A;rport

alice -> *      INVITE bob             sdp=offer
* -> alice      486 Busy Here          To=bob;tag=A  From=alice;tag=B  Contact=-
alice -> *      ACK
now alice       idle
`

func TestStoryThatComesTrue(t *testing.T) {
	s, err := Parse("told.seq", told)
	if err != nil {
		t.Fatal(err)
	}
	if s.String() != told {
		t.Errorf("parsing lost text: got\n%s", s)
	}
	if err := Run(s, newScript(t)); err != nil {
		t.Error(err)
	}
}

func TestStoryThatDoesNot(t *testing.T) {
	for _, test := range []struct{ name, old, changed, want string }{
		{"other status", "486 Busy Here", "480 Temporarily Unavailable", `told.seq:8: got "486 Busy Here", want "480 Temporarily Unavailable"`},
		{"other header", "expires=60", "expires=3600", `told.seq:5: got "Contact=<alice@alice;transport=tcp>;expires=60", want "Contact=<alice@alice;transport=tcp>;expires=3600"`},
		{"missing header", "Contact=-", "Reason", `told.seq:8: got "Reason=-", want "Reason"`},
		{"line too few", "* -> alice      486 Busy Here          To=bob;tag=A  From=alice;tag=B  Contact=-\n", "", `told.seq:9: alice got "486 Busy Here", which no line expects`},
		{"line without columns", "alice -> *      ACK", "alice ACK", `told.seq:9: want "have", "now", "#" or "from -> to", got "alice ACK"`},
		{"two phones", "alice -> *      ACK", "alice -> bob      ACK", `told.seq:9: want a phone at one end and * at the other, got "alice -> bob"`},
		{"unknown state", "idle", "happy", `told.seq:10: no state "happy": idle`},
		{"wrong state", "now alice       idle", "now alice       in a call", `told.seq:10: alice: got "idle", want "in a call"`},
		{"failing question", "now alice       idle", "now nobody       idle", `told.seq:10: asking for calls: no such user`},
		{"nothing to answer", "alice -> *      ACK", "alice -> *      180 Ringing", `told.seq:9: alice has no request to answer with "180 Ringing"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(told, test.old, test.changed, 1)
			s, err := Parse("told.seq", text)
			if err == nil {
				r := newRun(newScript(t), 500*time.Millisecond)
				r.grace = time.Second
				err = r.tell(s)
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestUpdateRewritesOnlyCarillonsLines(t *testing.T) {
	stale := strings.NewReplacer(
		"401 Unauthorized ", "403 Forbidden ", // changed
		"expires=60", "expires=5", // changed header
		"* -> alice      486 Busy Here          To=bob;tag=A  From=alice;tag=B  Contact=-\n", "* -> alice      486 Busy Here          To=bob;tag=A  From=alice;tag=B  Contact=-\n* -> alice      487 Gone\n", // too much
	).Replace(told)
	s, err := Parse("told.seq", stale)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newRun(newScript(t), 500*time.Millisecond).retell(s)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != told {
		t.Errorf("got\n%s\nwant\n%s", got, told)
	}
}

func TestUpdateAddsWhatCame(t *testing.T) {
	s, err := Parse("short.seq", "alice -> *      INVITE bob             sdp=offer\nalice -> *      ACK\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := newRun(newScript(t), 500*time.Millisecond).retell(s)
	if err != nil {
		t.Fatal(err)
	}
	want := "alice -> *      INVITE bob             sdp=offer\n* -> alice      486 Busy Here\nalice -> *      ACK\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
