package transport

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/test/tool"
)

// joined returns both ends of a connection between nodes.
func joined(t *testing.T, over string) (near, far net.Conn) {
	t.Helper()
	if over == "pipe" {
		near, far = net.Pipe()
		t.Cleanup(func() { _ = far.Close() })
		return near, far
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	far = dialTo(t, "tcp", ln.Addr().String())
	if near, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	if over == "tls" {
		near, far = secured(t, near, far)
	}
	return near, far
}

func secured(t *testing.T, near, far net.Conn) (server, client net.Conn) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}
	s := tls.Server(near, &tls.Config{Certificates: own, MinVersion: tls.VersionTLS13})
	c := tls.Client(far, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
	shaken := make(chan error, 1)
	go func() { shaken <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestAdopt(t *testing.T) {
	for _, over := range []string{"tls", "tcp", "pipe"} {
		t.Run(over, func(t *testing.T) {
			h := &record{answer: echo}
			l := listening(t, Options{HalfMessage: 50 * time.Millisecond}, h)
			near, far := joined(t, over)
			f, err := l.Adopt(near, "hardy")
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind() != Node || f.Node() != "hardy" || f.Kind().Via() != "TLS" || !f.Kind().Reliable() {
				t.Errorf("got a flow of kind %v (%s) of node %q", f.Kind(), f.Kind().Via(), f.Node())
			}
			time.Sleep(100 * time.Millisecond) // nobody hurries a node to its first word
			answers := bufio.NewReader(far)
			for _, id := range []string{"one", "two"} {
				write(t, far, request(id, 20_000))
				if text := head(t, answers); !strings.Contains(text, "Call-ID: "+id+"\r\n") || strings.Contains(text, "received") {
					t.Errorf("got %s", text)
				}
			}
			eventually(t, "both answers are counted", func() bool { return l.Counters().Node.Out == 2 })
			if c := l.Counters(); c.Node.In != 2 || c.Node.Out != 2 || c.TCP.In != 0 || c.Open != 1 {
				t.Errorf("got counters %+v", c)
			}
			if _, ok := l.conns.to(farEnd{kind: Node, at: f.Remote()}); ok {
				t.Error("the flow can be found by its address")
			}
			if found, ok := l.Find(f.ID()); !ok || found != f {
				t.Error("the flow cannot be found by its ID")
			}
			go func() { _, _ = answers.WriteTo(discard{}) }()
			f.Close()
			wantEnd(t, h, f)
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// head reads one message without a body.
func head(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(line)
		if line == "\r\n" {
			return b.String()
		}
	}
}

func wantEnd(t *testing.T, h *record, f Flow) {
	t.Helper()
	eventually(t, "Closed", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.closed[f] > 0
	})
	h.see(func() {
		if h.closed[f] != 1 {
			t.Errorf("Closed came %d times", h.closed[f])
		}
	})
	if err := f.Send([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send on a closed flow: got %v", err)
	}
}

func TestANodeThatDoesNotReadCostsItsFlowAlone(t *testing.T) {
	for _, over := range []string{"tls", "pipe"} {
		t.Run(over, func(t *testing.T) {
			h := &record{}
			l := listening(t, Options{QueueBytes: 8 << 20, Stall: 200 * time.Millisecond}, h)
			near, _ := joined(t, over)
			f, err := l.Adopt(near, "hardy")
			if err != nil {
				t.Fatal(err)
			}
			text, began := []byte(request("big", 60_000)), tool.Start(t)
			for i := 0; err == nil && i < 1000; i++ {
				err = f.Send(text)
			}
			if took := began.Took(); took > 2*time.Second || err == nil {
				t.Errorf("sending took %v and ended with %v", took, err)
			}
			wantEnd(t, h, f)
			if c := l.Counters(); c.Dropped.QueueFull+c.Dropped.Stalled != 1 {
				t.Errorf("got %+v", c.Dropped)
			}
		})
	}
}

func TestAbortDropsWhatIsQueued(t *testing.T) {
	h := &record{}
	l := listening(t, Options{Linger: patience}, h)
	near, far := joined(t, "tls")
	f, err := l.Adopt(near, "hardy")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := f.Send([]byte(request("late", 60_000))); err != nil {
			t.Fatal(err)
		}
	}
	began := tool.Start(t)
	f.Abort()
	wantEnd(t, h, f)
	wantClosed(t, far)
	if took := began.Took(); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAdoptNeedsARunningLayer(t *testing.T) {
	l, err := Open(Options{Addr: host()})
	if err != nil {
		t.Fatal(err)
	}
	near, _ := joined(t, "pipe")
	if _, err := l.Adopt(near, "hardy"); !errors.Is(err, ErrClosed) {
		t.Errorf("before Run: got %v", err)
	}
	if err := errors.Join(near.Close(), l.Close()); err != nil {
		t.Error(err)
	}
}

// A node's flow takes a place, but no stranger's, and needs none to be free.
func TestAdoptWhenThePlacesAreTaken(t *testing.T) {
	h := &record{answer: func(f Flow, m *message.Message) { echo(f, m) }}
	l := listening(t, Options{Addr: host(), MaxConns: 1, MaxConnsPerIP: 1}, h)
	phone := dialTo(t, "tcp", at(l))
	write(t, phone, request("phone", 0))
	h.count(t, 1)
	near, far := joined(t, "tls")
	if _, err := l.Adopt(near, "hardy"); err != nil {
		t.Fatal(err)
	}
	write(t, far, request("node", 0))
	h.count(t, 2)
}
