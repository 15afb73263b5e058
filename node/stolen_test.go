package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/store"
)

// A thief has what is on the disk of a main: the key of the authority.
type thief struct {
	w         *town
	authority *link.Authority
}

func (w *town) robs(main string) thief {
	w.t.Helper()
	a, err := link.LoadAuthority(w.nodes[main].identity.Authority)
	if err != nil {
		w.t.Fatal(err)
	}
	return thief{w, a}
}

// poses opens a port that shows a certificate of the thief's making, for a key of
// a new making or for one that he has.
func (f thief) poses(node string, role link.Role, key *link.Key) *link.Port {
	f.w.t.Helper()
	var err error
	if key == nil {
		key, _, err = link.NewRequest(node)
	}
	var request, certificate []byte
	if err == nil {
		request, err = key.Request(node)
	}
	if err == nil {
		certificate, err = f.authority.Issue(request, node, role)
	}
	var own link.Identity
	if err == nil {
		own, err = key.Identity(certificate, f.authority.Certificate())
	}
	if err != nil {
		f.w.t.Fatal(err)
	}
	p, err := link.Open(link.Options{Listen: netip.AddrPortFrom(freeAddress(f.w.t), 0), Identity: own})
	if err != nil {
		f.w.t.Fatal(err)
	}
	p.Handle(link.ProtocolSIP, func(ctx context.Context, c net.Conn, _ link.Peer) { <-ctx.Done(); _ = c.Close() })
	ctx, cancel := context.WithCancel(f.w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	f.w.t.Cleanup(func() { cancel(); <-done })
	return p
}

// into returns a connection of a port to a node, or nil if it is turned away.
func (f thief) into(p *link.Port, node string) net.Conn {
	c, err := p.Dial(f.w.t.Context(), node, f.w.nodes[node].address, link.ProtocolSIP)
	if err != nil {
		return nil
	}
	f.w.t.Cleanup(func() { _ = c.Close() })
	if !isOpen(c) {
		return nil
	}
	return c
}

// TestAStolenAuthority: who has the key of the authority is anybody to all nodes
// until the main that he has it from is removed, and nobody from then on: with
// certificates that he makes, or has made before, for new keys or for one that he
// has stolen elsewhere, as who comes or as who is called, over what is open already,
// and with a token from before.
func TestAStolenAuthority(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.join("hardy", RoleMain, "laurel") // without a vote, for which it would wait
	w.open("mons", RoleLifeguard, "laurel")
	f := w.robs("hardy")
	ghost := f.poses("ghost", link.Main, nil)
	twin := f.poses("laurel", link.Main, nil)
	risen := f.poses("mons", link.Main, w.nodes["mons"].certificate.Load().Key())
	posing := map[string]*link.Port{"ghost": ghost, "another laurel": twin, "mons as a main": risen}
	open := map[string]net.Conn{}
	for who, p := range posing {
		for _, at := range []string{"laurel", "mons"} {
			if p.Peer().Node == at {
				continue
			}
			if open[who+" at "+at] = f.into(p, at); open[who+" at "+at] == nil {
				t.Fatalf("%s is turned away by %s before anything was removed: there is nothing to show", who, at)
			}
		}
	}
	token, err := w.nodes["hardy"].CreateToken(t.Context(), 30*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.removes("laurel", "hardy")
	for _, at := range []string{"laurel", "mons"} {
		w.eventually(at+" has heard of it", func() bool { return w.nodes[at].config.View().IsClosed() })
	}
	for who, c := range open {
		w.eventually(who+" is disconnected", func() bool { return !isOpen(c) })
	}
	for who, p := range posing {
		for _, at := range []string{"laurel", "mons"} {
			before := w.nodes[at].peers.port.Counters().Unlisted
			if p.Peer().Node == at {
				continue
			}
			if f.into(p, at) != nil {
				t.Errorf("%s is let in by %s", who, at)
			}
			w.eventually(at+" counts "+who, func() bool { return w.nodes[at].peers.port.Counters().Unlisted > before })
		}
	}
	_, err = w.nodes["mons"].peers.port.Dial(t.Context(), "laurel", twin.Address(), link.ProtocolSIP)
	if !errors.Is(err, link.ErrUnlisted) {
		t.Errorf("mons calls laurel and gets the thief: %v", err)
	}
	f.joinsNot(token.Token)
	if out := w.nodes["laurel"].status().Out + w.nodes["mons"].status().Out; out != "" {
		t.Errorf("%s says that a member is out", out)
	}
	w.open("namur", RoleLifeguard, "laurel") // who is let in by those that stay
	w.linked("namur", "laurel")
	if _, err = w.nodes["laurel"].RenewNode(t.Context(), "namur"); err != nil {
		t.Errorf("another key for namur: %v", err)
	}
}

// joinsNot has the thief join with a token that he made while he could.
func (f thief) joinsNot(text string) {
	f.w.t.Helper()
	token, err := link.ParseToken(text)
	if err != nil {
		f.w.t.Fatal(err)
	}
	_, request, err := link.NewRequest("eve")
	if err != nil {
		f.w.t.Fatal(err)
	}
	_, err = link.Join(f.w.t.Context(), []netip.AddrPort{f.w.nodes["laurel"].address}, token, link.Request{
		Node: "eve", Role: link.Main, Site: firstSite, Address: netip.MustParseAddrPort("127.77.99.1:7946"), CSR: request,
	})
	if err == nil || !strings.Contains(err.Error(), "the token is not known here") {
		f.w.t.Errorf("a token from before: got %v, want that it is not known", err)
	}
}

// TestTokensOfThoseThatAreGone: a main may have made any, a LifeGUARD those for its
// site alone.
func TestTokensOfThoseThatAreGone(t *testing.T) {
	t.Parallel()
	w := newTown(t, "laurel")
	w.open("mons", RoleLifeguard, "laurel")
	w.open("bergen", RoleLifeguard, "laurel")
	for _, at := range []string{"laurel", "mons"} {
		w.writable(at)
	}
	w.removes("laurel", "mons")
	tokens := w.nodes["laurel"].config.View().Config().Tokens
	if len(tokens) != 1 || tokens[0].Role == store.Lifeguard || w.nodes["laurel"].config.View().IsClosed() {
		t.Errorf("got %+v, closed %v; want the one that laurel made, and that nothing is closed", tokens, w.nodes["laurel"].config.View().IsClosed())
	}
}
