package transaction

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"

	"github.com/google/go-cmp/cmp"
)

var (
	us   = netip.MustParseAddrPort("127.0.0.1:5060")
	peer = netip.MustParseAddrPort("127.0.0.2:5060")
)

// A rig is a layer between a peer and a user that are both the test. Whatever
// the layer does is a line of its trace: what happened and when.
type rig struct {
	t     *bubble
	layer *Layer
	flow  transport.Flow
	start time.Time

	mu    sync.Mutex
	trace []string
	sent  []string // whole messages

	sendError error
	onRequest func(tx *Server)
	onCancel  func(tx *Server)
	onAnswer  func(c *Client, m *message.Message)
	tx        *Server // of the last request
}

// runRig runs a script on a flow of kind k and compares the trace. At the end
// nothing may be left.
func runRig(t *testing.T, k transport.Kind, script func(r *rig), want []string) {
	t.Helper()
	inBubble(t, func(t *bubble) {
		r := newRig(t, k)
		script(r)
		r.settle()
		if diff := cmp.Diff(want, r.trace); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
		r.trace = nil
		r.wait(70 * time.Second)
		r.empty()
	})
}

func newRig(t *bubble, k transport.Kind) *rig {
	t.Helper()
	r := &rig{t: t, start: time.Now()}
	r.flow = r.newFlow(k)
	r.layer = New(Options{Wheel: t.wheel}, r)
	return r
}

func (r *rig) newFlow(k transport.Kind) transport.Flow {
	return transport.Memory(k, us, peer, func(b []byte, to netip.AddrPort) error {
		if err := r.failing(); err != nil {
			return err
		}
		m, err := message.Parse(b)
		if err != nil {
			r.note("sent garbage: %v\n%s", err, b)
			return nil
		}
		r.mu.Lock()
		r.sent = append(r.sent, m.Raw())
		r.mu.Unlock()
		if to == peer {
			r.note("sent %s", title(m))
		} else {
			r.note("sent %s to %s", title(m), to)
		}
		return nil
	})
}

// failSends makes sending fail with err, or work again.
func (r *rig) failSends(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sendError = err
}

func (r *rig) failing() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sendError
}

// title is the method of a request, the status of a response with the method if
// that is a CANCEL.
func title(m *message.Message) string {
	switch {
	case m.IsRequest():
		return m.MethodName()
	case m.Method() == message.CANCEL:
		return fmt.Sprintf("%d CANCEL", m.Status())
	default:
		return fmt.Sprint(m.Status())
	}
}

func (r *rig) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace = append(r.trace, fmt.Sprintf("%v ", time.Since(r.start))+fmt.Sprintf(format, args...))
}

func (r *rig) settle() { synctest.Wait() }

func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// empty checks that no transaction and no timer is left.
func (r *rig) empty() {
	r.t.Helper()
	if n := r.layer.servers.len() + r.layer.clients.len(); n != 0 {
		r.t.Errorf("%d transactions left", n)
	}
	if n := r.t.wheel.Len(); n != 0 {
		r.t.Errorf("%d timers left", n)
	}
	c := r.layer.Counters()
	for _, p := range []Population{c.InviteServers, c.OtherServers, c.InviteClients, c.OtherClients} {
		if p.Live != 0 {
			r.t.Errorf("counters %+v, want none live", c)
		}
	}
}

// A shape is a message to be made.
type shape struct {
	method, branch, via, toTag, extra string
	status                            int // 0: a request
}

func (s shape) message(tb testing.TB) *message.Message {
	tb.Helper()
	m, err := message.ParseString(s.text())
	if err != nil {
		tb.Fatalf("the test's own message: %v\n%s", err, s.text())
	}
	return m
}

func (s shape) text() string {
	var b strings.Builder
	if s.status == 0 {
		fmt.Fprintf(&b, "%s sip:201@127.0.0.1 SIP/2.0\r\n", s.method)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d Whatever\r\n", s.status)
	}
	via := s.via
	if via == "" {
		via = "SIP/2.0/UDP 127.0.0.2:5060;branch=" + s.branch
	}
	fmt.Fprintf(&b, "Via: %s\r\nMax-Forwards: 70\r\nFrom: <sip:202@127.0.0.1>;tag=f1\r\nTo: <sip:201@127.0.0.1>", via)
	if s.toTag != "" {
		fmt.Fprintf(&b, ";tag=%s", s.toTag)
	}
	fmt.Fprintf(&b, "\r\nCall-ID: c1@127.0.0.2\r\nCSeq: 314 %s\r\n%sContact: <sip:202@127.0.0.2>\r\nContent-Length: 0\r\n\r\n", s.method, s.extra)
	return b.String()
}

const branch1 = "z9hG4bK-one"

// request gives the layer a request of branch1.
func (r *rig) request(method string) { r.receive(shape{method: method, branch: branch1}) }

func (r *rig) receive(s shape) { r.layer.Receive(r.flow, s.message(r.t)) }

// respond answers the last request.
func (r *rig) respond(status int) {
	r.tx.Lock()
	defer r.tx.Unlock()
	r.respondLocked(status)
}

func (r *rig) respondLocked(status int) {
	method := r.tx.Method().String()
	r.tx.Respond(status, []byte(shape{method: method, branch: branch1, status: status, toTag: "t1"}.text()))
}

// send starts a client transaction with branch1.
func (r *rig) send(method string) *Client {
	raw := shape{method: method, branch: branch1, extra: "Route: <sip:a@127.0.0.3;lr>\r\nRoute: <sip:b@127.0.0.4;lr>\r\n"}.text()
	return r.layer.Start(nil, r.flow, message.MethodOf(method), branch1, []byte(raw), r)
}

// answer gives the layer a response for branch1.
func (r *rig) answer(method string, status int) {
	r.receive(shape{method: method, branch: branch1, status: status, toTag: "t1"})
}

func (r *rig) Request(tx *Server) {
	r.tx = tx
	r.note("request %s", tx.Request().MethodName())
	if r.onRequest != nil {
		r.onRequest(tx)
	}
}

func (r *rig) Ack(transport.Flow, *message.Message) { r.note("ack") }

func (r *rig) Cancel(tx *Server, _ *message.Message) {
	r.note("cancel")
	if r.onCancel != nil {
		r.onCancel(tx)
	}
}

func (r *rig) Broke(*Server) { r.note("broke") }

func (r *rig) Stray(_ transport.Flow, m *message.Message) { r.note("stray %s", title(m)) }

func (r *rig) Response(c *Client, m *message.Message) {
	r.note("response %s", title(m))
	if r.onAnswer != nil {
		r.onAnswer(c, m)
	}
}

func (r *rig) Failed(_ *Client, err error) { r.note("failed: %v", err) }
