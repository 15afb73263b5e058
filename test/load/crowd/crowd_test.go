package crowd

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/house/wire"
)

func options(n *house.Node) Options {
	return Options{
		Node: n.SIP(), Domain: house.Domain, Password: house.Password, Users: house.Users(),
		Transports: []string{"udp", "tcp"}, Rate: 40,
	}
}

// Every call comes to what it should, and nothing is left of any.
func TestCallsComeToWhatTheyShould(t *testing.T) {
	h := house.New(t)
	n := h.Node("laurel")
	c := New(options(n))
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
	if failed, why := c.Failed(); failed != 0 {
		t.Errorf("%d failed: %v", failed, why)
	}
	started, ended := c.Started.Load(), c.Answered.Load()+c.Cancelled.Load()+c.Busy.Load()
	if started < 100 || ended != started || c.Answered.Load() == 0 || c.Cancelled.Load() == 0 || c.Busy.Load() == 0 {
		t.Errorf("%d calls: %d answered, %d given up, %d busy", started, c.Answered.Load(), c.Cancelled.Load(), c.Busy.Load())
	}
	if c.Registered.Load() < int64(len(house.Users())) || c.Reconnected.Load() == 0 {
		t.Errorf("%d registrations, %d came back", c.Registered.Load(), c.Reconnected.Load())
	}
	if n := len(c.SetUps()); n < 100 {
		t.Errorf("%d calls rang", n)
	}
}

// stub is a node over UDP that takes every registration and answers everything
// else with a status.
func stub(t *testing.T, status int) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			m, err := wire.Parse(string(buf[:n]))
			if err != nil || m.Method() == "ACK" {
				continue
			}
			answer := m.Reply(status, "So", "x")
			if m.Method() == "REGISTER" {
				answer = m.Reply(200, "OK", "x")
			}
			_, _ = conn.WriteToUDPAddrPort([]byte(answer.String()), from)
		}
	}()
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// A call that comes to something else has failed.
func TestFailuresAreCounted(t *testing.T) {
	c := New(Options{Node: stub(t, 404), Domain: "x", Users: []string{"1", "2"}, Transports: []string{"udp"}, Rate: 20})
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
	failed, why := c.Failed()
	if started := int(c.Started.Load()); failed != started || started < 5 {
		t.Errorf("%d of %d calls failed: %v", failed, started, why)
	}
	for reason := range why {
		if !strings.HasPrefix(reason, "udp to udp: plan ") || !strings.HasSuffix(reason, ", INVITE: 404 So") {
			t.Errorf("got reason %q", reason)
		}
	}
}

// So has a phone that is not let in.
func TestAWrongPasswordIsAnError(t *testing.T) {
	h := house.New(t)
	o := options(h.Node("laurel"))
	o.Password = "wrong"
	if err := New(o).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "REGISTER: 401") {
		t.Errorf("got %v", err)
	}
}

func TestAPlanTravels(t *testing.T) {
	for range 100 {
		p := somePlan()
		if got := readPlan(p.String()); got != p {
			t.Fatalf("got %v, want %v", got, p)
		}
	}
	if got := readPlan("nonsense"); got.ring != 0 {
		t.Errorf("got %v", got)
	}
}
