package house_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"carillon/node"
	"carillon/test/house"
	"carillon/test/house/wire"
)

// moment is how long a test listens for what must not come.
const moment = 300 * time.Millisecond

// TestOwnPasswordDoesNotCallInAnothersName: over UDP a caller proves who he is
// by his password, which is good for his own number only.
func TestOwnPasswordDoesNotCallInAnothersName(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	bob := h.Phone("bob")
	c := registered(t, "udp", "alice", n)
	for _, from := range []string{"carol", "nobody"} {
		invite := request(c, "INVITE", "sip:bob@"+house.Domain, from, 1)
		challenge := ask(t, c, invite)
		acknowledge(t, c, invite, challenge)
		proved := request(c, "INVITE", "sip:bob@"+house.Domain, from, 2)
		proved.Add("Proxy-Authorization", answerTo(t, challenge, "alice", house.Password, "INVITE", proved.URI()))
		got := outcome(t, c, proved)
		if got.Status() != 403 {
			t.Errorf("alice's password, From %s: got %q, want 403", from, got.Start)
		}
		acknowledge(t, c, proved, got)
	}
	bob.IsQuiet()
}

// outcome sends an INVITE and returns its final response, or the last
// provisional one when the phone that rings keeps silent.
func outcome(t *testing.T, c *wire.Conn, invite wire.Message) wire.Message {
	t.Helper()
	if err := c.Send(invite); err != nil {
		t.Fatal(err)
	}
	for {
		m := receive(t, c)
		if m.Status() > 100 && m.Get("Call-ID") == invite.Get("Call-ID") {
			return m
		}
	}
}

// TestCallFromANetworkOfNoSite: who is in no network of the system is refused
// before he is asked for a password.
func TestCallFromANetworkOfNoSite(t *testing.T) {
	h := house.New(t) // for its check of goroutines
	inside, outside := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	at := onlyFor(t, inside)
	h.Eventually("the node answers", func() bool {
		c, err := wire.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	for _, transport := range transports {
		for from, want := range map[netip.Addr]int{inside: 407, outside: 403} {
			c, err := wire.DialFrom(from, transport, at)
			if err != nil {
				t.Fatal(err)
			}
			invite := request(c, "INVITE", "sip:bob@"+house.Domain, "alice", 1)
			got := ask(t, c, invite)
			if got.Status() != want {
				t.Errorf("%s from %s: got %q, want %d", transport, from, got.Start, want)
			}
			acknowledge(t, c, invite, got)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// onlyFor starts a node whose only site is one address.
func onlyFor(t *testing.T, network netip.Addr) netip.AddrPort {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "carillon.yaml")
	text := "domain: " + house.Domain + "\nsites:\n  - name: hq\n    networks: [" + network.String() + "/32]\n" +
		"users:\n  - {number: alice, site: hq, password: " + house.Password + "}\n" +
		"  - {number: bob, site: hq, password: " + house.Password + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	at := house.Address(t)
	n, err := node.New(ctx, node.Options{
		Data: filepath.Join(dir, "data"), Name: "hardy", Listen: at, Apply: config,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, n.Close()); err != nil {
			t.Error(err)
		}
	})
	return netip.AddrPortFrom(at, house.SIPPort)
}
