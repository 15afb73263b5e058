package presence

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

const domain = "tel.test"

var us = netip.MustParseAddrPort("127.0.0.1:5060")

// A rig is a notifier between a table of dialogs and phones in memory, which answer what
// a test says.
type rig struct {
	t       testing.TB
	view    *store.View
	dialogs *live.Dialogs
	n       *Notifier
	layer   *transaction.Layer
	log     bytes.Buffer
	stop    context.CancelFunc
	ended   sync.WaitGroup
	asked   int // SUBSCRIBEs
	begun   time.Time

	connect func(uri string) (transport.Flow, error)

	deaf atomic.Bool // the notifier is not told of changes

	finding sync.Mutex
	find    transport.Flow // that a phone has besides
}

func newRig(tb testing.TB, change func(*Options)) *rig {
	tb.Helper()
	r := &rig{t: tb, begun: time.Now(), view: store.NewView(store.Config{Domain: domain, Users: []store.User{{Number: "201"}, {Number: "202"}, {Number: "203"}}})}
	r.dialogs = live.NewDialogs("laurel", func() string { return domain }, nil)
	wheel := transaction.NewWheel()
	r.layer = transaction.New(transaction.Options{Wheel: wheel}, user{r})
	dialogs := Dialogs(r.dialogs.Of)
	o := Options{
		Packages:     []Package{dialogs, Messages(func(string) bool { return false })},
		Transactions: r.layer, Wheel: wheel, Ports: transport.Ports{SIP: 5060},
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
		Find: func(string, transport.Flow, string) (transport.Flow, bool) {
			r.finding.Lock()
			defer r.finding.Unlock()
			return r.find, !r.find.IsZero()
		},
		Connect: func(_ context.Context, uri string, _ transport.Kind) (transport.Flow, error) { return r.connect(uri) },
	}
	if change != nil {
		change(&o)
	}
	r.n = New(o)
	r.dialogs.Watch(func(user string) {
		if !r.deaf.Load() {
			r.n.Changed(dialogs.Name, user)
		}
	})
	ctx, cancel := context.WithCancel(tb.Context())
	r.stop = cancel
	r.ended.Go(func() { _ = wheel.Run(ctx) })
	r.ended.Go(func() { _ = r.n.Run(ctx) })
	return r
}

// finds gives the phone another flow.
func (r *rig) finds(f transport.Flow) {
	r.finding.Lock()
	defer r.finding.Unlock()
	r.find = f
}

func (r *rig) close() {
	r.stop()
	r.ended.Wait()
	if r.log.Len() > 0 {
		r.t.Errorf("the log: %s", r.log.String())
	}
}

// user is the rig as the transactions see it.
type user struct{ *rig }

func (u user) Request(tx *transaction.Server) {
	switch _, proven, ok := u.n.Of(tx.Request(), tx.Flow()); {
	case tx.Request().ToTag() == "":
		uri, _ := message.ParseURI(tx.Request().RequestURI())
		if uri.User == "lamps" {
			own, _ := u.view.User("202")
			u.n.SubscribeList(tx, u.view, "202", List{Configured: true, Entries: EntriesOf(own.Lamps, domain)})
			return
		}
		u.n.Subscribe(tx, u.view, "202", uri.User)
	case ok && proven:
		u.n.Resubscribe(tx, u.view)
	default:
		reply := tx.Request().Reply(481, "", "")
		tx.Answer(481, &reply)
	}
}

func (user) Ack(transport.Flow, *message.Message)         {}
func (user) Cancel(*transaction.Server, *message.Message) {}
func (user) Broke(*transaction.Server)                    {}
func (user) Stray(transport.Flow, *message.Message)       {}
func (r *rig) receive(f transport.Flow, text string)      { r.layer.Receive(f, r.parse(text)) }

func (r *rig) lamp(s live.DialogState) { r.dialogs.Put(ringing("201", s)) }

func (r *rig) dark() { r.dialogs.Delete(ringing("201", live.Early)) }

func ringing(user string, s live.DialogState) live.Dialog {
	return live.Dialog{User: user, Call: "c", CallID: "c", LocalTag: "l", Direction: live.Recipient, State: s, Remote: live.Identity{URI: "203"}}
}

func (r *rig) parse(text string) *message.Message {
	m, err := message.Parse([]byte(text))
	if err != nil {
		r.t.Errorf("%v in %q", err, text)
	}
	return m
}

// A phone is one flow and what came by it.
type phone struct {
	rig    *rig
	flow   transport.Flow
	answer int // what it says to NOTIFY; 0: nothing

	contact  string // where it can be called; "": at the other end of its flow
	knowsNot string // a Call-ID that it has forgotten

	mu   sync.Mutex
	came []*message.Message
	todo []*message.Message
}

func (r *rig) phone(k transport.Kind, at string) *phone {
	p := &phone{rig: r, answer: 200}
	p.flow = transport.Memory(k, us, netip.MustParseAddrPort(at), func(b []byte, _ netip.AddrPort) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		m := r.parse(string(b))
		p.came, p.todo = append(p.came, m), append(p.todo, m)
		return nil
	})
	return p
}

// subscribes sends a SUBSCRIBE for the lamp of 201.
func (p *phone) subscribes(more string) { p.asksFor("201", more) }

// asksFor sends a SUBSCRIBE for the lamp of a user.
func (p *phone) asksFor(user, more string) {
	p.rig.asked++
	p.rig.receive(p.flow, p.asking(user, more))
}

func (p *phone) callID(asked int) string { return fmt.Sprintf("call%d", asked) }

// asking returns the SUBSCRIBE that asksFor sends.
func (p *phone) asking(user, more string) string {
	contact := p.contact
	if contact == "" {
		contact = p.flow.Remote().String()
	}
	return fmt.Sprintf("SUBSCRIBE sip:%[6]s@%[1]s SIP/2.0\r\nVia: SIP/2.0/%[2]s %[3]s;branch=z9hG4bKs%[4]d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:202@%[1]s>;tag=f\r\nTo: <sip:%[6]s@%[1]s>\r\nCall-ID: %[8]s\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:202@%[7]s>\r\n"+
		"Event: dialog\r\n%[5]sContent-Length: 0\r\n\r\n",
		domain, p.flow.Kind().Via(), p.flow.Remote(), p.rig.asked, more, user, contact, p.callID(p.rig.asked))
}

// again sends a SUBSCRIBE in the dialog that a 200 began.
func (p *phone) again(ok *message.Message, cseq int, more string) {
	p.rig.asked++
	to, _ := ok.Header(message.To)
	p.rig.receive(p.flow, fmt.Sprintf("SUBSCRIBE sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKs%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:202@%s>;tag=f\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d SUBSCRIBE\r\nEvent: dialog\r\n%sContent-Length: 0\r\n\r\n",
		p.flow.Kind().Via(), p.flow.Remote(), p.rig.asked, domain, to, ok.CallID(), cseq, more))
}

// settles answers NOTIFYs until nothing comes any more.
func (p *phone) settles() {
	for {
		synctest.Wait()
		p.mu.Lock()
		todo := p.todo
		p.todo = nil
		p.mu.Unlock()
		if len(todo) == 0 {
			return
		}
		for _, m := range todo {
			if m.IsRequest() && p.answer != 0 {
				status := p.answer
				if m.CallID() == p.knowsNot {
					status = 481
				}
				reply := m.Reply(status, "", "")
				p.rig.layer.Receive(p.flow, p.rig.parse(string(reply.AppendTo(nil))))
			}
		}
	}
}

func (p *phone) got() []*message.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.came
}

// saw are the statuses and the NOTIFYs that came, in the order of coming, without
// repetitions: what a lamp shows, or why it ended.
func (p *phone) saw() string {
	var words []string
	last := ""
	for _, m := range p.got() {
		if !m.IsRequest() {
			words = append(words, fmt.Sprint(m.Status()))
			continue
		}
		number, _ := m.CSeq()
		name := fmt.Sprint(m.CallID(), number)
		if name == last {
			continue
		}
		last = name
		state, _ := m.Header(message.SubscriptionState)
		if _, why, ok := strings.Cut(state, "reason="); ok {
			words = append(words, why)
			continue
		}
		words = append(words, wordOf(m.Body()))
	}
	return strings.Join(words, " ")
}

// wordOf is what a lamp shows by a document.
func wordOf(body string) string {
	word := "dark"
	if _, rest, ok := strings.Cut(body, "<state>"); ok && !strings.Contains(body, `id="idle"`) {
		word, _, _ = strings.Cut(rest, "<")
	}
	return word
}
