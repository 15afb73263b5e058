package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/sipcore/transport"
)

// TestStopWhileAPhoneRings: a node that ends takes back what rings.
func TestStopWhileAPhoneRings(t *testing.T) {
	t.Run("the phone says so", func(t *testing.T) {
		inTime(t, func(p *patient) {
			p.calls()
			p.says(180)
			p.proxy.StopRinging()
			p.check("at once", "INVITE CANCEL", "100 180")
			p.says(487)
			p.check("when the phone gives up", "INVITE CANCEL ACK", "100 180 503")
			p.proxy.Dismiss(false)
			p.check("at the end", "INVITE CANCEL ACK", "100 180 503")
			time.Sleep(40 * time.Second)
		})
	})
	t.Run("the phone is answered", func(t *testing.T) {
		inTime(t, func(p *patient) {
			p.calls()
			p.says(180)
			p.proxy.StopRinging()
			p.says(200)
			p.proxy.Dismiss(false)
			p.check("when both cross", "INVITE CANCEL", "100 180 200")
			time.Sleep(40 * time.Second)
		})
	})
	t.Run("the phone is silent", func(t *testing.T) {
		inTime(t, func(p *patient) {
			p.calls()
			p.says(180)
			p.proxy.StopRinging()
			p.proxy.Dismiss(false)
			p.check("when nobody waits any longer", "INVITE CANCEL", "100 180 503")
			if got := p.proxy.Ringing() + p.proxy.Pending(); got != 0 {
				t.Errorf("got %d requests under way, want none", got)
			}
			time.Sleep(time.Minute)
		})
	})
}

// TestWhatWaitsMayPanic: what panics in the background ends alone, and the log
// says where but nothing of a message.
func TestWhatWaitsMayPanic(t *testing.T) {
	var log bytes.Buffer
	p := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	p.inBackground(func(context.Context) { panic("From: <sip:alice@tel.test>") })
	p.dials.Wait()
	if got := log.String(); !strings.Contains(got, "panic=string") || !strings.Contains(got, "stop_test.go") || strings.Contains(got, "alice") {
		t.Errorf("logged %s", got)
	}
	if got := p.dialing.Load(); got != 0 {
		t.Errorf("got %d that wait, want none", got)
	}
}

// TestNoZoneLeaves: the zone of a link-local address is this machine's own.
func TestNoZoneLeaves(t *testing.T) {
	inTime(t, func(p *patient) {
		near, far := netip.MustParseAddrPort("[fe80::9%3]:5060"), netip.MustParseAddrPort("[fe80::7%3]:5060")
		flow := transport.Memory(transport.UDP, near, far, func([]byte, netip.AddrPort) error { return nil })
		if got, want := p.proxy.via(flow, "z9hG4bKx"), "SIP/2.0/UDP [fe80::9]:5060;branch=z9hG4bKx"; got != want {
			t.Errorf("got Via %s, want %s", got, want)
		}
		if got := p.proxy.side(flow, "alice", "desk", 1, false); !strings.HasSuffix(got, "@[fe80::9]:5060;lr>") {
			t.Errorf("got Record-Route %s, want one without a zone", got)
		}
	})
}
