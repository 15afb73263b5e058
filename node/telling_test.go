package node

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/session"
	"carillon/store/live"
)

// Of a phone its own site is told all, the others that it is there, and a main
// both.
func TestConcerns(t *testing.T) {
	for _, tt := range []struct {
		site, channel string
		want          bool
	}{
		{"mons", "reg/mons", true},
		{"mons", "reg/namur", false},
		{"mons", "ptr/mons", false},
		{"mons", "ptr/namur", true},
		{"mons", "reg", true}, // of a node of the version before
		{"mons", "ban", true},
		{"mons", "later/namur", true},
	} {
		if got := concerns(tt.site, tt.channel); got != tt.want {
			t.Errorf("%s at %s: got %v, want %v", tt.channel, tt.site, got, tt.want)
		}
	}
}

// noPort is a port that leads nowhere.
type noPort struct{}

func (noPort) Handle(string, func(context.Context, net.Conn, link.Peer)) {}
func (noPort) HandlePacket(byte, func(string, netip.AddrPort, []byte))   {}
func (noPort) SendPacket(byte, string, netip.AddrPort, []byte) error     { return nil }
func (noPort) Talked(string) (said, heard time.Time)                     { return said, heard }
func (noPort) Dial(context.Context, string, netip.AddrPort, string) (net.Conn, error) {
	return nil, net.ErrClosed
}

// A phone stands in one place: when it comes from another one, it is told of there
// and no longer where it was.
func TestTellingFollowsPhones(t *testing.T) {
	s, err := session.New(session.Options{
		Node: "laurel", Role: RoleMain, Inc: 1, Port: noPort{}, Peers: func() []session.Peer { return nil }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	said := &telling{site: func() string { return "hq" }, open: s.Namespace, log: slog.New(slog.DiscardHandler), sites: map[string]told{}}
	b := live.NewBindings("laurel", said)
	x := live.Binding{User: "201", Device: "urn:uuid:1", Contact: "sip:201@10.61.0.9", Transport: "udp", Flow: 1}
	for _, tt := range []struct{ site, want string }{{"mons", "mons"}, {"", "hq"}, {"namur", "namur"}, {"namur", "namur"}} {
		x.Site = tt.site
		b.Put(x)
		var at []string
		for _, site := range []string{"hq", "mons", "namur"} {
			binding, pointer := s.Namespace("reg/"+site).Has(x.Key()), s.Namespace("ptr/"+site).Has(live.PointerKey(x.Key()))
			if binding != pointer {
				t.Errorf("%s is told of a binding: %v, of a pointer: %v", site, binding, pointer)
			}
			if binding {
				at = append(at, site)
			}
		}
		if want := []string{tt.want}; !slices.Equal(at, want) {
			t.Errorf("from %q: told of at %q, want %q", tt.site, at, want)
		}
	}
	if err = b.Update("201", func([]live.Binding) ([]live.Binding, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if s.Namespace("reg/namur").Has(x.Key()) || s.Namespace("ptr/namur").Has(live.PointerKey(x.Key())) {
		t.Error("others still know of a phone that is gone")
	}
}
