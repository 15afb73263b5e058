package sipcore

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

// A handset is a telephone of a village. It does what is said to it, and what a
// telephone does by itself: it acknowledges, refreshes sessions, hangs up when nobody is
// there, and comes back when its connection is lost.
type handset struct {
	v      *village
	user   string // empty: a carrier's
	device string
	addr   netip.AddrPort
	rng    *rand.Rand

	mu     sync.Mutex
	node   string
	conn   net.Conn
	off    bool // it has no power
	cseq   int
	manner func(*rand.Rand) manner
	talks  []*talk
	waits  map[string]func(wire.Message) // for responses, by branch
	watch  *lookout
}

// A manner is how a handset takes one call.
type manner struct {
	rings, acts             time.Duration // until it says 180, and until it does what it does; rings < 0: it does not say 180
	answer                  int           // 0: none
	deafToCancel, deafToBye bool
	twice                   bool // 180 and 200 are said again
}

// phone connects and registers a handset.
func (v *village) phone(user, device, node string) *handset {
	v.mu.Lock()
	n := len(v.phones)
	h := &handset{
		v: v, user: user, device: device, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 2, 0, byte(1 + n)}), 50000),
		rng: rand.New(rand.NewPCG(v.rng.Uint64(), 1)), waits: make(map[string]func(wire.Message)), manner: anyhow,
	}
	if user == "" {
		h.addr = netip.MustParseAddrPort("127.9.9.9:5060")
	}
	v.phones = append(v.phones, h)
	v.mu.Unlock()
	h.connects(node)
	return h
}

// connects opens a connection to a node and registers there, if it lives.
func (h *handset) connects(node string) bool {
	h.v.mu.Lock()
	c := h.v.nodes[node]
	h.v.mu.Unlock()
	if c == nil {
		return false
	}
	far, near := h.v.cord(h.addr, netip.AddrPortFrom(c.addr, 5060), time.Duration(1+h.rng.IntN(9))*time.Millisecond, "", "")
	flow, err := c.transport.AdoptPhone(near)
	if err != nil {
		return false
	}
	h.mu.Lock()
	h.node, h.conn = node, far
	h.mu.Unlock()
	if h.user != "" {
		c.o.Bindings.Put(live.Binding{
			User: h.user, Device: h.device, Contact: h.contact(), Transport: "tcp", Flow: flow.ID(), Source: h.addr,
			Local: netip.AddrPortFrom(c.addr, 5060), Site: "hq", Q: 1, Granted: time.Hour, Expires: time.Now().Add(time.Hour), Since: time.Now(),
		})
	}
	h.v.wg.Go(func() { h.reads(far) })
	return true
}

func (h *handset) contact() string { return fmt.Sprintf("sip:%s@%s;transport=tcp", h.name(), h.addr) }

func (h *handset) name() string {
	if h.user == "" {
		return "+4420"
	}
	return h.user
}

// reads takes what comes until the connection ends. A handset that has lost it comes
// back, at its node if that lives.
func (h *handset) reads(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		m, err := wire.Read(in)
		if err != nil {
			break
		}
		h.mu.Lock()
		if !h.off {
			h.v.writes("%s/%s got %s  %s", h.name(), h.device, m.Start, m.Get("CSeq")+" "+m.Get("Call-ID"))
			h.takes(m, conn)
		}
		h.mu.Unlock()
	}
	_ = conn.Close()
	h.mu.Lock()
	lost := h.conn == conn && !h.off
	if lost {
		h.conn = nil
	}
	pause := time.Duration(500+h.rng.IntN(2000)) * time.Millisecond
	h.mu.Unlock()
	if lost && h.v.ctx.Err() == nil {
		time.AfterFunc(pause, h.comesBack)
	}
}

func (h *handset) comesBack() {
	h.mu.Lock()
	back, node, watch := !h.off && h.conn == nil && h.v.ctx.Err() == nil, h.node, h.watch
	h.mu.Unlock()
	if !back {
		return
	}
	for _, at := range append([]string{node}, nodeNames[:]...) {
		if h.connects(at) {
			break
		}
	}
	if watch != nil {
		watch.refreshes()
	}
}

// drops closes the connection; it comes back.
func (h *handset) drops() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.v.writes("%s/%s loses its connection", h.name(), h.device)
	h.doubtsLocked(40 * time.Second)
	if h.conn != nil {
		_ = h.conn.Close()
	}
}

// vanishes takes the power away: nothing is said, and nothing is heard. Its calls last
// as long as their sessions.
func (h *handset) vanishes() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.v.writes("%s/%s vanishes", h.name(), h.device)
	for _, x := range h.talks {
		switch x.state {
		case live.Trying, live.Early:
			x.affair.doubt(ringingEnds)
		default:
			x.affair.doubt(sessionEnds)
		}
	}
	h.off = true
	h.talks = nil
}

// doubtsLocked has nobody ask for a while what lamps the calls of h light.
func (h *handset) doubtsLocked(d time.Duration) {
	for _, x := range h.talks {
		if x.state != live.Terminated {
			x.affair.doubt(d)
		}
	}
}

// leaves ends a handset with its village.
func (h *handset) leaves() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.off = true
	if h.conn != nil {
		_ = h.conn.Close()
	}
}

// sends sends a message; one that cannot be sent is lost.
func (h *handset) sends(m wire.Message, conn net.Conn) {
	if h.off || conn == nil {
		return
	}
	h.v.writes("%s/%s sends %s  %s", h.name(), h.device, m.Start, m.Get("CSeq")+" "+m.Get("Call-ID"))
	_, _ = conn.Write([]byte(m.String()))
}

// request begins a request outside a dialog.
func (h *handset) request(method, uri, to, callID, tag string) wire.Message {
	h.cseq++
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", "SIP/2.0/TCP "+h.addr.String()+";branch=z9hG4bK"+h.text())
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+h.name()+"@"+villageDomain+">;tag="+tag)
	m.Add("To", to)
	m.Add("Call-ID", callID)
	m.Add("CSeq", strconv.Itoa(h.cseq)+" "+method)
	m.Add("Contact", "<"+h.contact()+">")
	return m
}

func (h *handset) text() string { return strconv.FormatUint(h.rng.Uint64(), 36) }

// asks sends a request and has then called with its answers.
func (h *handset) asks(m wire.Message, then func(wire.Message)) {
	h.waits[m.Method()+wire.Param(m.Get("Via"), "branch")] = then
	h.sends(m, h.conn)
}

// takes acts on a message.
func (h *handset) takes(m wire.Message, conn net.Conn) {
	if !m.Request() {
		if then := h.waits[m.Method()+wire.Param(m.Get("Via"), "branch")]; then != nil {
			then(m)
		}
		return
	}
	x := h.find(m)
	switch method := m.Method(); {
	case method == "NOTIFY" && h.watch != nil && m.Get("Event") == "dialog":
		h.watch.sees(m, conn)
	case method == "INVITE" && wire.Param(m.Get("To"), "tag") == "":
		h.isCalled(m, conn)
	case method == "CANCEL":
		h.isCanceled(x, m, conn)
	case method == "ACK":
		if x != nil {
			x.acked = true
		}
	case x == nil:
		h.sends(m.Reply(481, "No Such Call", ""), conn)
	case method == "BYE":
		x.isHungUp(m, conn)
	case method == "REFER":
		h.sends(m.Reply(202, "Accepted", ""), conn)
		h.follows(m.Get("Refer-To"))
	case method == "INVITE" || method == "UPDATE":
		x.isAskedAgain(m, conn)
	default:
		h.sends(m.Reply(200, "OK", ""), conn)
	}
}

// find returns the talk that a request belongs to.
func (h *handset) find(m wire.Message) *talk {
	tag, from := wire.Param(m.Get("To"), "tag"), wire.Param(m.Get("From"), "tag")
	for _, x := range slices.Backward(h.talks) {
		switch {
		case x.callID != m.Get("Call-ID"):
		case m.Method() == "CANCEL" && !x.calls && x.cseq == m.CSeq():
			return x
		case m.Method() != "CANCEL" && x.tag == tag && (!x.calls || wire.Param(x.remote, "tag") == from):
			return x
		}
	}
	return nil
}

// follows calls whom a Refer-To names.
func (h *handset) follows(refersTo string) {
	uri, replaces, _ := strings.Cut(wire.AddrURI(refersTo), "?Replaces=")
	number, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	h.callLocked(number, plan{replaces: strings.NewReplacer("%3B", ";", "%3D", "=").Replace(replaces), talks: 3 * time.Second, gives: 20 * time.Second})
}
