package session

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
)

var _ Port = (*link.Port)(nil)

func identity(t *testing.T, a *link.Authority, node string, role link.Role) link.Identity {
	t.Helper()
	key, request, err := link.NewRequest(node)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := a.Issue(request, node, role)
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.Identity(certificate, a.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Two nodes over the real link, on loopback.
func TestOverLink(t *testing.T) {
	authority, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	ports := map[string]*link.Port{}
	for node, role := range map[string]link.Role{"m1": roleMain, "mons": roleLifeguard} {
		p, err := link.Open(link.Options{Listen: netip.MustParseAddrPort("127.71.3.1:0"), Identity: identity(t, authority, node, role)})
		if err != nil {
			t.Fatal(err)
		}
		ports[node] = p
	}
	heard := make(chan string, 10)
	all := map[string]*Sessions{}
	for node, p := range ports {
		o := Options{Node: node, Role: string(p.Peer().Role), Inc: 1, Port: p, Carried: p.Carried, Logger: slog.New(slog.DiscardHandler)}
		o.Peers = func() []Peer {
			if node == "m1" {
				return []Peer{{Node: "mons", Relay: true, Address: ports["mons"].Address()}}
			}
			return []Peer{{Node: "m1", Address: ports["m1"].Address()}}
		}
		o.Learned = func(owner, channel string, x replica.Change) {
			heard <- owner + "/" + channel + "/" + x.Key() + "=" + x.Value()
		}
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		all[node] = s
	}
	for node, s := range all {
		s.Namespace("reg").Set("201", []byte(node))
		work.Go(func() { _ = ports[node].Run(ctx) })
		work.Go(func() { _ = s.Run(ctx) })
	}
	got := map[string]bool{}
	for range 2 {
		select {
		case x := <-heard:
			got[x] = true
		case <-time.After(20 * time.Second):
			t.Fatalf("only %v", got)
		}
	}
	if !got["m1/reg/201=m1"] || !got["mons/reg/201=mons"] {
		t.Errorf("got %v", got)
	}
	for start := time.Now(); all["m1"].Lines()[0].In[classHello] == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("no hello: %+v", all["m1"].Links()[0])
		}
	}
}
