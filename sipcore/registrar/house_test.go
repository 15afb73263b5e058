package registrar

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"carillon/sipcore/auth"
	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

const domain = "rig.test"

var (
	us    = netip.MustParseAddrPort("127.0.0.1:5060")
	desk  = netip.MustParseAddrPort("127.0.0.2:40000")
	alien = netip.MustParseAddrPort("192.0.2.66:5060")
)

// A house is a registrar with its tables and one flow from a phone, in memory.
type house struct {
	t         testing.TB
	view      *store.View
	bindings  *live.Bindings
	registrar *Registrar
	layer     *transaction.Layer
	flow      transport.Flow
	answers   []string
	sent      int // requests
	log       strings.Builder
}

func newHouse(tb testing.TB, k transport.Kind, from netip.AddrPort) *house {
	tb.Helper()
	h := &house{t: tb, bindings: live.NewBindings("laurel", nil), view: store.NewView(store.Config{
		Domain: domain,
		Sites:  []store.Site{{Name: "hq", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Users: []store.User{
			{Number: "201", Digests: store.MakeDigests("201", domain, "pw")},
			{Number: "202", Digests: store.MakeDigests("202", domain, "pw")},
		},
	})}
	sealer := auth.NewSealer([32]byte{1}, "laurel")
	h.registrar = New(Options{
		Bindings: h.bindings, Checker: auth.NewChecker(sealer, nil),
		Logger: slog.New(slog.NewTextHandler(&h.log, nil)),
	})
	h.layer = transaction.New(transaction.Options{Wheel: transaction.NewWheel()}, user{h})
	h.connect(k, from)
	return h
}

// connect gives the phone a new flow.
func (h *house) connect(k transport.Kind, from netip.AddrPort) {
	h.flow = transport.Memory(k, us, from, func(b []byte, _ netip.AddrPort) error {
		h.answers = append(h.answers, string(b))
		return nil
	})
}

// user is the transaction user.
type user struct{ h *house }

func (u user) Request(tx *transaction.Server)             { u.h.registrar.Register(tx, u.h.view) }
func (user) Ack(transport.Flow, *message.Message)         {}
func (user) Cancel(*transaction.Server, *message.Message) {}
func (user) Broke(*transaction.Server)                    {}
func (user) Stray(transport.Flow, *message.Message)       {}

// A register is a REGISTER to be sent.
type register struct {
	user, password, to, callID, uri, via, agent, algorithm string

	cseq  int
	lines []string // Contact, Expires, ...
}

func (r register) withDefaults() register {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&r.user, "201"},
		{&r.password, "pw"},
		{&r.to, "sip:" + r.user + "@" + domain},
		{&r.callID, "call@desk"},
		{&r.uri, "sip:" + domain},
		{&r.algorithm, "MD5"},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	if r.to == "sip:@"+domain {
		r.to = "sip:201@" + domain
	}
	return r
}

func (h *house) text(r register, authorization string) string {
	h.sent++
	var b strings.Builder
	fmt.Fprintf(&b, "REGISTER %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:40000;branch=z9hG4bK%d\r\n%s", r.uri, h.sent, r.via)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: <%s>;tag=f\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\n", r.to, r.to, r.callID, r.cseq)
	if r.agent != "" {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", r.agent)
	}
	for _, l := range r.lines {
		b.WriteString(l + "\r\n")
	}
	if authorization != "" {
		b.WriteString("Authorization: " + authorization + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.String()
}

// send has one request answered.
func (h *house) send(text string) *message.Message {
	h.t.Helper()
	m, err := message.ParseString(text)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		h.t.Fatalf("the test's own request: %v\n%s", err, text)
	}
	h.answers = nil
	h.layer.Receive(h.flow, m)
	if len(h.answers) != 1 {
		h.t.Fatalf("got %d answers %q, want one", len(h.answers), h.answers)
	}
	answer, err := message.ParseString(h.answers[0])
	if err != nil {
		h.t.Fatalf("the answer does not parse: %v\n%s", err, h.answers[0])
	}
	return answer
}

// register asks, answers the challenge with the next CSeq and returns the final
// response.
func (h *house) register(r register) *message.Message {
	h.t.Helper()
	r = r.withDefaults()
	challenge := h.send(h.text(r, ""))
	if challenge.Status() != 401 {
		return challenge
	}
	return h.send(h.text(r, r.answer(challenge)))
}

func (r register) answer(challenge *message.Message) string {
	nonce := ""
	for i := range challenge.Lines() {
		n, _, value := challenge.Line(i)
		if n == message.WWWAuthenticate && strings.Contains(value, "algorithm="+r.algorithm) {
			_, rest, _ := strings.Cut(value, `nonce="`)
			nonce, _, _ = strings.Cut(rest, `"`)
		}
	}
	hash := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	if r.algorithm == "SHA-256" {
		hash = func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	}
	const nc, cnonce = "00000001", "c"
	response := hash(hash(r.user+":"+domain+":"+r.password) + ":" + nonce + ":" + nc + ":" + cnonce + ":auth:" + hash("REGISTER:"+r.uri))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s, qop=auth, nc=%s, cnonce="%s"`,
		r.user, domain, nonce, r.uri, response, r.algorithm, nc, cnonce)
}

// contacts returns the Contact values of a response.
func contacts(m *message.Message) []string {
	var all []string
	for i := range m.Lines() {
		if n, _, value := m.Line(i); n == message.Contact {
			all = append(all, value)
		}
	}
	return all
}

// golden blanks what differs from run to run.
func golden(text string) string {
	text = regexp.MustCompile(`nonce="[^"]{36}"`).ReplaceAllString(text, `nonce="*"`)
	text = regexp.MustCompile(`(To: [^\r]*;tag=)[^\r]*`).ReplaceAllString(text, "$1*")
	return strings.ReplaceAll(text, "\r\n", "\n")
}
