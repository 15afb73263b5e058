package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"carillon/test/house"
	"carillon/test/house/wire"
	"carillon/test/tool"
)

// slowest is how long a connection may stand that says nothing whole: 32 s, and
// some room for a machine that has other work.
const slowest = (32 + 8) * time.Second

// TestSlowConnections: 300 connections that come and say nothing, or a byte a
// second, over TCP by the rig's own program and as many over each other
// transport by ours, cost nobody a response and are closed within 32 s.
func TestSlowConnections(t *testing.T) {
	python := tool.Need(t, "python3", "python3")
	script := tool.Shared(t, "lab/slowtcp.py")
	n := Start(t, tool.Carillon(t), []string{"alice"})
	n.eventually("browsers may come", 5*time.Second, func() bool { return answered(n, "wss", 0) == nil })

	ctx, cancel := context.WithTimeout(t.Context(), slowest)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { slowOverTCP(t, python, script, n) })
	for _, over := range []string{"tls", "ws", "wss"} {
		for i := range 300 {
			wg.Go(func() { slow(ctx, t, n, over, i) })
		}
	}
	asked := 0
	for ctx.Err() == nil {
		for _, over := range []string{"udp", "tcp", "tls", "ws", "wss"} {
			if err := answered(n, over, asked); err != nil {
				t.Errorf("over %s, beside the slow ones: %v", over, err)
			}
			asked++
		}
		time.Sleep(500 * time.Millisecond)
	}
	wg.Wait()
	t.Logf("%d questions were answered", asked)
	n.eventually("nothing of them is left", 5*time.Second, func() bool { return n.Files() < 60 })
}

var slowReport = regexp.MustCompile(`(\w+) ping answered (\d+) of (\d+)|closed by the server: (\d+), still open: (\d+)`)

// slowOverTCP runs the rig's program.
func slowOverTCP(t *testing.T, python, script string, n *Node) {
	t.Helper()
	seconds := strconv.Itoa(int(slowest/time.Second) + 2) // it counts its own pace
	out, err := exec.CommandContext(t.Context(), python, script, n.Addr.String(), "5060", "300", seconds).CombinedOutput()
	t.Logf("%s", out)
	found := slowReport.FindAllStringSubmatch(string(out), -1)
	if err != nil || len(found) != 3 {
		t.Errorf("slowtcp.py: %v", err)
		return
	}
	for _, m := range found[:2] {
		if m[2] != m[3] || m[2] == "0" {
			t.Errorf("%s: %s of %s were answered", m[1], m[2], m[3])
		}
	}
	if closed, left := found[2][4], found[2][5]; closed != "300" || left != "0" {
		t.Errorf("%s slow connections were closed and %s are open", closed, left)
	}
}

// slow is one connection that never says anything whole; it must not outlive ctx.
func slow(ctx context.Context, t *testing.T, n *Node, over string, i int) {
	t.Helper()
	to := netip.AddrPortFrom(n.Addr, wire.Port(over))
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", to.String())
	if err != nil {
		t.Errorf("slow connection %d over %s: %v", i, over, err)
		return
	}
	defer func() { _ = c.Close() }()
	var stream io.ReadWriter = c
	var says string
	if kind := i % 5; kind < 2 {
		says = []string{"", "\x16\x03\x01\x02\x00" + strings.Repeat("\x01", 60)}[kind]
		if over == "ws" && kind == 1 {
			says = "GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 60)
		}
	} else if stream, err = shaken(ctx, c, over); err != nil {
		t.Errorf("slow connection %d over %s shakes hands: %v", i, over, err)
		return
	} else {
		says = slowWords(over, kind)
	}
	end, _ := ctx.Deadline()
	_ = c.SetDeadline(end)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, stream) // any end is an end
	}()
	drip(stream, says, closed)
	if ctx.Err() != nil {
		t.Errorf("slow connection %d over %s is still open", i, over)
	}
}

// drip writes a byte a second until the connection ends.
func drip(w io.Writer, text string, closed <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
		}
		if text != "" {
			_, _ = w.Write([]byte{text[0]}) // the reader notices the end
			text = text[1:]
		}
	}
}

// slowWords is what a flow says: nothing, the beginning of a message, or many
// frames that are no whole one.
func slowWords(over string, kind int) string {
	const text = "INVITE sip:x@tel.test SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKslow;rport\r\n"
	switch {
	case kind == 2:
		return ""
	case over == "tls":
		return text
	case kind == 3:
		frame, _ := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text))))
		return string(frame)
	default:
		begin, _ := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpText, false, []byte("I"))))
		more, _ := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpContinuation, false, nil)))
		return string(begin) + strings.Repeat(string(more), 20)
	}
}

// shaken does what comes before SIP.
func shaken(ctx context.Context, c net.Conn, over string) (io.ReadWriter, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if over != "ws" {
		secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if err := secured.HandshakeContext(ctx); err != nil || over == "tls" {
			return secured, err
		}
		c = secured
	}
	d := ws.Dialer{
		Protocols: []string{"sip"},
		NetDial:   func(context.Context, string, string) (net.Conn, error) { return c, nil },
	}
	_, _, _, err := d.Dial(ctx, "ws://node/")
	return c, err
}

// answered asks the node something over a fresh connection.
func answered(n *Node, over string, i int) error {
	c, err := wire.Dialer{Local: house.Address(n.tb)}.Dial(over, netip.AddrPortFrom(n.Addr, wire.Port(over)))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	m := wire.Message{Start: "OPTIONS sip:" + Domain + " SIP/2.0"}
	m.Add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bKask%d;rport", strings.ToUpper(over), c.Local(), i))
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:x@"+Domain+">;tag=1")
	m.Add("To", "<sip:"+Domain+">")
	m.Add("Call-ID", fmt.Sprintf("ask%d", i))
	m.Add("CSeq", "1 OPTIONS")
	if err = c.Send(m); err != nil {
		return err
	}
	answer, err := c.Receive(2 * time.Second)
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("got %s", answer.Start)
	}
	return err
}
