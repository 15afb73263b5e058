package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/store"
	"carillon/store/live"
)

// member is the membership of laurel, on a port that runs.
func member(t *testing.T, nodes ...store.Node) (m *membership, d *decisive, a *link.Authority) {
	t.Helper()
	config, d := agreed(t, nodes...)
	a, err := link.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, a, "laurel", link.Main)
	port.Handle(link.ProtocolSIP, func(_ context.Context, c net.Conn, _ link.Peer) { // says that it is there
		_, _ = c.Write([]byte{1})
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	})
	logger := slog.New(slog.DiscardHandler)
	sessions, err := session.New(session.Options{
		Node: "laurel", Role: RoleMain, Inc: 1, Port: port, Logger: logger, Peers: func() []session.Peer { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	rings, err := ring.New(ring.Options{
		Node: "laurel", Site: "hq", Role: RoleMain, Address: port.Address(), Port: port, Logger: logger, Seeds: func() []ring.Seed { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = port.Run(t.Context()) }() // ends when it is closed
	return newMembership(membership{
		self: func() store.Node { return written("laurel", RoleMain, "hq") }, config: config, port: port, sessions: sessions, rings: rings,
		bindings: live.NewBindings("laurel", nil), dialogs: noDialogs(), bans: live.NewBans("laurel", nil), presences: live.NewPresences("laurel", nil), mutes: newMutes(nowhere{}), outcasts: new(outcasts), events: config.events, log: logger,
	}), d, a
}

// TestNodesComeAndGo: what a change of the View means for who is open and known.
func TestNodesComeAndGo(t *testing.T) {
	another := written("mons", RoleLifeguard, "mons")
	another.Certificate, another.Epoch = "another certificate", 2
	elsewhere := written("mons", RoleLifeguard, "mons")
	elsewhere.Address = written("mons2", "", "").Address
	for _, tt := range []struct {
		name   string
		change store.Change
		says   string
		cut    bool // what is open to mons ends
		knows  bool // its phones are known
	}{
		{"one comes", store.SetNode{Node: written("stan", RoleMain, "hq")}, "stan joined as main at hq", false, true},
		{"it is somewhere else", store.SetNode{Node: elsewhere}, "mons is at 127.77.2.2:7946 now", false, true},
		{"it was replaced", store.Join{Token: "t", Node: another}, "mons was replaced by a new node of that name", true, true},
		{"it was removed", store.RemoveNode{Name: "mons"}, "mons was removed", true, false},
		{"another was removed", store.RemoveNode{Name: "namur"}, "namur was removed", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _, a := member(t, someNodes()...)
			propose(t, m.config, store.AddToken{Token: store.JoinToken{Hash: "t", Expires: time.Now().Add(time.Hour)}})
			mons := portOf(t, a, "mons", link.LifeGUARD)
			c, err := mons.Dial(t.Context(), "laurel", m.port.Address(), link.ProtocolSIP)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err = c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			x := live.Binding{User: "201", Device: "d", Contact: "sip:201@192.0.2.1", Transport: "udp", Flow: 1, Granted: time.Hour}
			if err = m.bindings.Learn("mons", x.Key(), x.AppendShared(nil)); err != nil {
				t.Fatal(err)
			}

			m.follow()
			before := len(happened(m.events))
			propose(t, m.config, tt.change)
			m.follow()
			m.follow() // it is told once

			if got := happened(m.events)[before:]; !slices.Contains(got, tt.says) || len(got) != 2 { // beside the revision
				t.Errorf("events: got %q, want %q", got, tt.says)
			}
			if _, known := m.bindings.Device("201", "d"); known != tt.knows {
				t.Errorf("its phones are known: got %v, want %v", known, tt.knows)
			}
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if tt.cut {
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			}
			_, err = c.Read(make([]byte, 1))
			if silence, ok := errors.AsType[net.Error](err); (ok && silence.Timeout()) == tt.cut {
				t.Errorf("its connection: got %v, want it cut: %v", err, tt.cut)
			}
		})
	}
}

// TestANodeSaysWhereItIs: what the View says of this node is made true, unless
// the View has another node of that name, or has removed this one.
func TestANodeSaysWhereItIs(t *testing.T) {
	old := written("laurel", RoleMain, "hq")
	old.Address = written("stan", "", "").Address
	another := written("laurel", RoleMain, "hq")
	another.Certificate = "another certificate"
	for _, tt := range []struct {
		name    string
		have    []store.Node
		removes string
		refuses error
		again   bool // it tries again later
		changes bool
		quiet   bool // nobody is asked
	}{
		{"true already", []store.Node{written("laurel", RoleMain, "hq")}, "", nil, false, false, true},
		{"it moved", []store.Node{old}, "", nil, false, true, false},
		{"not known yet", []store.Node{written("hardy", RoleMain, "hq")}, "", nil, false, true, false},
		{"no quorum", []store.Node{old}, "", errors.New("too few mains"), true, false, false},
		{"refused", []store.Node{old}, "", &store.Error{Kind: store.Conflict, Message: "no"}, false, false, false},
		{"it was replaced", []store.Node{another}, "", nil, false, false, true},
		{"it was removed", []store.Node{old, written("hardy", RoleMain, "hq")}, "laurel", nil, false, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, d, _ := member(t, tt.have...)
			if tt.removes != "" {
				propose(t, m.config, store.RemoveNode{Name: tt.removes})
			}
			before := m.config.View()
			d.refuses, d.asked = tt.refuses, 0
			again := m.announce(t.Context())
			if (again != nil) != tt.again {
				t.Errorf("it tries again: got %v, want %v", again != nil, tt.again)
			}
			if got := d.asked == 0; got != tt.quiet {
				t.Errorf("the mains were asked %d times, want it quiet: %v", d.asked, tt.quiet)
			}
			if got := m.config.View().Index() != before.Index(); got != tt.changes {
				t.Errorf("the View changes: got %v, want %v", got, tt.changes)
			}
			if n, _ := m.config.View().Node("laurel"); tt.changes && n != m.self() {
				t.Errorf("got %+v, want %+v", n, m.self())
			}
		})
	}
}

// silent is a main that does not answer.
type silent struct{ asked func() }

func (s silent) Propose(ctx context.Context, _ []byte) (uint64, error) {
	s.asked()
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestMembersAreFollowedMeanwhile: nodes did not hear that others came and went, nor of
// the configuration at all, while one could not say where it is.
func TestMembersAreFollowedMeanwhile(t *testing.T) {
	m, d, _ := member(t, append(someNodes(), written("stan", RoleMain, "hq"))...)
	self := written("laurel", RoleMain, "hq")
	self.Address = written("mons2", "", "").Address // it moved
	asked := make(chan struct{})
	m.self, m.config.proposer = func() store.Node { return self }, silent{sync.OnceFunc(func() { close(asked) })}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	<-asked
	b, err := store.EncodeChange(store.RemoveNode{Name: "stan"})
	if err == nil {
		_, err = d.Propose(t.Context(), b)
	}
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !slices.Contains(happened(m.events), "stan was removed"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not followed that stan was removed")
		}
	}
	stop()
	if err = <-ended; err != nil {
		t.Error(err)
	}
}

// TestMembersAreEvents: what the rings see is told once, without what is about to
// change and without what was so from the start.
func TestMembersAreEvents(t *testing.T) {
	events := admin.NewEvents("laurel")
	tell := tellMembers(events, "laurel")
	for _, states := range []string{
		"laurel alive, hardy alive, mons dead", "hardy suspect", "hardy alive", "hardy suspect, mons alive", "hardy dead", "mons left", "hardy alive",
	} {
		var all []cluster.Member
		for words := range strings.SplitSeq(states, ", ") {
			name, state, _ := strings.Cut(words, " ")
			all = append(all, cluster.Member{Name: name, State: state})
		}
		tell(all)
	}
	want := []string{"hardy is there", "mons is alive", "hardy is dead", "mons is left", "hardy is alive"}
	if got := happened(events); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
