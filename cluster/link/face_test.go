package link

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestUse: a port that changes its identity keeps what is open, shows the new one
// from then on whoever dials, and its packets go on, for another key too.
func TestUse(t *testing.T) {
	s := newSystem(t)
	out := make(chan string, 16) // keys that hardy was shown
	mons := s.open("mons", LifeGUARD, nil)
	hardy := s.open("hardy", Main, func(o *Options) {
		o.Revoked = func(x Shown) bool { out <- x.Key; return false }
	})
	for _, p := range []*Port{mons, hardy} {
		p.Handle(ProtocolSIP, echo)
	}
	came := make(chan struct{}, 1)
	hardy.HandlePacket('x', func(string, netip.AddrPort, []byte) {
		select {
		case came <- struct{}{}:
		default:
		}
	})
	run(t, mons)
	run(t, hardy)
	shown := func(want Identity) {
		t.Helper()
		for _, way := range []struct {
			from, to *Port
		}{{mons, hardy}, {hardy, mons}} {
			for len(out) > 0 {
				<-out
			}
			c, err := way.from.Dial(t.Context(), way.to.Peer().Node, way.to.Address(), ProtocolSIP)
			if err != nil {
				t.Fatal(err)
			}
			echoes(t, c)
			_ = c.Close()
			if got := <-out; got != want.Fingerprint() {
				t.Errorf("%s was shown another key by %s", way.to.Peer().Node, way.from.Peer().Node)
			}
		}
	}
	delivers := func() {
		t.Helper()
		for len(came) > 0 {
			<-came
		}
		eventually(t, "a packet comes", func() bool {
			if err := mons.SendPacket('x', "hardy", hardy.Address(), []byte("hello")); err != nil {
				t.Fatal(err)
			}
			return len(came) > 0
		})
	}
	first := mons.identity()
	shown(first)
	delivers()
	c, err := mons.Dial(t.Context(), "hardy", hardy.Address(), ProtocolSIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	echoes(t, c)
	for name, next := range map[string]Identity{"the same key": s.renewed(first), "another key": s.identity("mons", LifeGUARD)} {
		if err = mons.Use(next); err != nil {
			t.Fatal(name, err)
		}
		shown(next)
		delivers()
		echoes(t, c)
		if !bytes.Equal(mons.identity().Certificate(), next.Certificate()) {
			t.Errorf("%s: it is not in use", name)
		}
	}
	other := newSystem(t)
	for name, wrong := range map[string]Identity{"nobody": {}, "another node": s.identity("namur", LifeGUARD), "another role": s.identity("mons", Main), "another system": other.identity("mons", LifeGUARD)} {
		if err = mons.Use(wrong); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// renewed is another certificate for the key of i.
func (s *system) renewed(i Identity) Identity {
	s.t.Helper()
	key := i.Key()
	request, err := key.Request(i.Peer().Node)
	if err != nil {
		s.t.Fatal(err)
	}
	certificate, err := s.authority.IssueAt(time.Now().Add(time.Hour), request, i.Peer().Node, i.Peer().Role)
	if err != nil {
		s.t.Fatal(err)
	}
	next, err := key.Identity(certificate, i.Authority())
	if err != nil {
		s.t.Fatal(err)
	}
	if next.Fingerprint() != i.Fingerprint() {
		s.t.Error("the same key has another fingerprint")
	}
	return next
}

func echoes(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte{'a'}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
