package proxy

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/dialog"
	"carillon/sipcore/message"
	"carillon/sipcore/route"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// A patient is a proxy between a caller and one phone of bob, without network.
// What either gets is kept, one word each: a method or a status.
type patient struct {
	t             *testing.T
	proxy         *Proxy
	layer         *transaction.Layer
	caller, phone transport.Flow
	ways          map[string]Way // to the phone, and to whom else a test knows
	targets       []route.Target // whom a call rings
	number        route.Number   // that is called, where bob is not

	mu              sync.Mutex
	toCaller, rings []string
	invites         map[string]string // as each got it, by the letter he has
}

func newPatient(t *testing.T, wheel *transaction.Wheel) *patient {
	t.Helper()
	p := &patient{t: t, ways: make(map[string]Way), invites: make(map[string]string)}
	us := netip.MustParseAddrPort("127.0.0.1:5060")
	p.caller = transport.Memory(transport.TCP, us, netip.MustParseAddrPort("127.0.0.2:1000"), p.hear(&p.toCaller, ""))
	p.phone = transport.Memory(transport.TCP, us, netip.MustParseAddrPort("127.0.0.3:1000"), p.hear(&p.rings, ""))
	p.ways["bob"] = Way{Flow: p.phone, Kind: transport.TCP, Contact: "sip:bob@127.0.0.3:1000;transport=tcp"}
	logger := slog.New(slog.DiscardHandler)
	p.layer = transaction.New(transaction.Options{Wheel: wheel, Logger: logger}, p)
	p.proxy = New(Options{
		Node: "hardy", Ports: transport.Ports{SIP: 5060}, Transactions: p.layer, Wheel: wheel, Sealer: auth.NewSealer([32]byte{1}, "hardy"),
		Routing: route.Pipeline{p}, Phones: p, Calls: dialog.NewTracker("hardy", live.NewCalls(), live.NewDialogs("hardy", func() string { return "" }, nil), logger), Logger: logger,
	})
	return p
}

// hear keeps what somebody gets, whom a letter tells from others.
func (p *patient) hear(all *[]string, letter string) func([]byte, netip.AddrPort) error {
	return func(b []byte, _ netip.AddrPort) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		*all = append(*all, letter+word(b))
		if word(b) == "INVITE" {
			p.invites[letter] = string(b)
		}
		return nil
	}
}

// word is the method of a request and the status of a response.
func word(b []byte) string {
	words := strings.Fields(string(b))
	if strings.HasPrefix(words[0], "SIP/") {
		return words[1]
	}
	return words[0]
}

func (p *patient) Request(tx *transaction.Server) {
	view := store.NewView(store.Config{Domain: "tel.test"})
	c := &route.Call{View: view, Callee: store.User{Number: "bob"}}
	if p.number.Dial != "" {
		c.Number, c.Callee = p.number, store.User{}
	}
	p.proxy.Call(tx, c, Origin{Flow: tx.Flow()})
}

func (p *patient) Ack(transport.Flow, *message.Message)                   {}
func (p *patient) Broke(tx *transaction.Server)                           { p.proxy.Abort(tx) }
func (p *patient) Stray(transport.Flow, *message.Message)                 {}
func (p *patient) Cancel(tx *transaction.Server, cancel *message.Message) { p.proxy.Cancel(tx, cancel) }
func (p *patient) Refused(string, string)                                 {}
func (p *patient) SpeaksFor(transport.Flow, string) bool                  { return true }
func (p *patient) OtherFlow(string, string) (Way, bool)                   { return Way{}, false }
func (p *patient) Locate(user, _ string) (Way, bool) {
	way, ok := p.ways[user]
	return way, ok
}

func (p *patient) Route(c *route.Call) route.Verdict {
	if c.Outcome != route.None {
		return nil
	}
	if len(p.targets) > 0 {
		return route.Ring{Targets: slices.Clone(p.targets)}
	}
	return route.Ring{Targets: []route.Target{{User: "bob", Device: "desk", Q: 1}}}
}

// calls sends the caller's INVITE.
func (p *patient) calls() {
	p.t.Helper()
	p.receive(p.caller, inviteOfPatient)
}

const inviteOfPatient = "INVITE sip:bob@tel.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:1000;branch=z9hG4bKcaller\r\n" +
	"Max-Forwards: 70\r\nFrom: <sip:alice@tel.test>;tag=a\r\nTo: <sip:bob@tel.test>\r\nCall-ID: patient\r\nCSeq: 1 INVITE\r\n" +
	"Contact: <sip:alice@127.0.0.2:1000;transport=tcp>\r\nContent-Length: 0\r\n\r\n"

// says lets the phone answer the INVITE.
func (p *patient) says(status int) { p.t.Helper(); p.answer(p.phone, "", status) }

// saysAs lets the carrier answer whom a letter names.
func (p *patient) saysAs(letter string, status int) {
	p.t.Helper()
	p.answer(p.ways[route.Trunk(letter)].Flow, letter, status)
}

func (p *patient) answer(flow transport.Flow, letter string, status int) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	invite := p.invites[letter]
	p.mu.Unlock()
	_, lines, _ := strings.Cut(invite, "\r\n")
	text := "SIP/2.0 " + strconv.Itoa(status) + " Because\r\n" + strings.Replace(lines, "To: <sip:bob@tel.test>", "To: <sip:bob@tel.test>;tag=b", 1)
	p.receive(flow, text)
}

func (p *patient) receive(f transport.Flow, text string) {
	p.t.Helper()
	m, err := message.ParseString(text)
	if err != nil {
		p.t.Fatal(err)
	}
	p.layer.Receive(f, m)
	synctest.Wait()
}

func (p *patient) check(when, rings, toCaller string) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.rings, " "); got != rings {
		p.t.Errorf("%s the phone got %q, want %q", when, got, rings)
	}
	if got := strings.Join(p.toCaller, " "); got != toCaller {
		p.t.Errorf("%s the caller got %q, want %q", when, got, toCaller)
	}
}

// inTime runs a script with a patient whose time is the bubble's.
func inTime(t *testing.T, script func(*patient)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wheel := transaction.NewWheel()
		done := make(chan error, 1)
		go func() { done <- wheel.Run(ctx) }()
		p := newPatient(t, wheel)
		script(p)
		p.proxy.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestPhoneThatRingsForEverIsCancelled: timer C (RFC 3261 section 16.8) ends a
// branch that rings, and its caller is told even if the phone is deaf by then.
func TestPhoneThatRingsForEverIsCancelled(t *testing.T) {
	inTime(t, func(p *patient) {
		p.calls()
		p.says(180)
		time.Sleep(3 * time.Minute)
		p.check("within three minutes", "INVITE", "100 180")
		time.Sleep(20 * time.Second)
		p.check("after timer C", "INVITE CANCEL", "100 180")
		time.Sleep(time.Minute)
		p.check("when it stays silent", "INVITE CANCEL", "100 180 408")
		if got := p.proxy.Ringing(); got != 0 {
			p.t.Errorf("got %d INVITEs under way, want none", got)
		}
	})
}

// TestPhoneThatRingsAgainGetsMoreTime: each provisional response starts timer C
// anew (RFC 3261 section 16.7 step 2).
func TestPhoneThatRingsAgainGetsMoreTime(t *testing.T) {
	inTime(t, func(p *patient) {
		p.calls()
		p.says(180)
		time.Sleep(timerC - 10*time.Second)
		p.says(180)
		time.Sleep(timerC - time.Second)
		p.check("before the second timer C", "INVITE", "100 180 180")
		time.Sleep(2 * time.Second)
		p.check("after the second timer C", "INVITE CANCEL", "100 180 180")
		p.says(487)
		p.check("when the phone gives up", "INVITE CANCEL ACK", "100 180 180 487")
		time.Sleep(40 * time.Second)
	})
}
