package node

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/session"
	"carillon/store"
)

// TestForwarding: a node that is no main asks one main after the other, until one
// decides.
func TestForwarding(t *testing.T) {
	decided := func(b []byte) func(context.Context, link.Peer, []byte) ([]byte, error) {
		return func(context.Context, link.Peer, []byte) ([]byte, error) { return b, nil }
	}
	yes := decided([]byte(`{"index":7}`))
	no := decided(encodeRefusal(&store.Error{Kind: store.Conflict, Message: "no"}))
	cannot := decided(encodeRefusal(errors.New("too few mains")))
	for _, tt := range []struct {
		name          string
		hardy, laurel func(context.Context, link.Peer, []byte) ([]byte, error) // nil: does not answer
		index         uint64
		says          string
	}{
		{"the first", yes, nil, 7, ""},
		{"the second, the first is silent", nil, yes, 7, ""},
		{"the second, the first cannot decide", cannot, yes, 7, ""},
		{"refused: nobody else is asked", no, yes, 0, "no"},
		{"nobody can", cannot, cannot, 0, "no main takes it: too few mains"},
		{"nobody is there", nil, nil, 0, "no main takes it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := link.NewAuthority("test")
			if err != nil {
				t.Fatal(err)
			}
			own := portOf(t, a, "mons", link.LifeGUARD)
			var nodes []store.Node
			for name, answer := range map[string]func(context.Context, link.Peer, []byte) ([]byte, error){"hardy": tt.hardy, "laurel": tt.laurel} {
				p := portOf(t, a, name, link.Main)
				n := written(name, RoleMain, "hq")
				n.Address = p.Address()
				nodes = append(nodes, n)
				if answer == nil {
					_ = p.Close()
					continue
				}
				p.HandleAsk(askChange, answer)
				go func() { _ = p.Run(t.Context()) }() // ends when it is closed
			}
			peers := peersOf(t, written("mons", RoleLifeguard, "mons"), links{}, nodes...)
			peers.port = own
			index, err := forwarder{peers}.Propose(t.Context(), []byte("a change"))
			if index != tt.index || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %d, %v, want %d, %q", index, err, tt.index, tt.says)
			}
			if _, refused := errors.AsType[*store.Error](err); refused != (tt.says == "no") {
				t.Errorf("got %v: a refusal must be told from no decision", err)
			}
		})
	}
}

// TestDeciding: what a main answers is what the asker reads: done, refused with
// every reason, or not decided.
func TestDeciding(t *testing.T) {
	c, d := agreed(t, someNodes()...)
	for _, tt := range []struct {
		name    string
		change  store.Change
		refuses error
		kind    string
		says    string
	}{
		{"done", store.Replace{Users: []store.User{{Number: "201"}}}, nil, "", ""},
		{"refused", store.Replace{Sites: []store.Site{{Name: "hq"}, {Name: "hq"}}}, nil, "refused", ""},
		{"refused twice", store.Replace{Sites: []store.Site{{Name: "hq"}, {Name: "hq"}}, Users: []store.User{{Number: "a b"}}}, nil, "refused", ""},
		{"removes somebody", store.RemoveNode{Name: "namur"}, nil, "refused", "a main does that, not mons"},
		{"makes a token", store.AddToken{Token: store.JoinToken{Hash: "x", Expires: time.Now().Add(time.Hour)}}, nil, "refused", "a main does that, not mons"},
		{"takes over", store.TakeOver{Node: "laurel"}, nil, "refused", "a main does that, not mons"},
		{"forgets all passwords", store.Replace{Exact: true, Users: []store.User{{Number: "201"}}}, nil, "refused", "a main does that, not mons"},
		{"of itself", store.SetNode{Node: written("mons", RoleLifeguard, "mons")}, nil, "", ""},
		{"of another", store.SetNode{Node: written("laurel", RoleMain, "hq")}, nil, "refused", "mons is lifeguard, and speaks of no other"},
		{"in another role", store.SetNode{Node: written("mons", RoleMain, "mons")}, nil, "refused", "mons is lifeguard"},
		{"lets somebody in", store.Join{Token: "x", Node: written("stan", RoleMain, "hq")}, nil, "refused", "a main does that, not mons"},
		{"not decided", store.Replace{Users: []store.User{{Number: "202"}}}, errors.New("too few mains"), "undecided", "nothing is changed: too few mains"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command, err := store.EncodeChange(tt.change)
			if err != nil {
				t.Fatal(err)
			}
			d.refuses = tt.refuses
			answer, err := c.decide(t.Context(), link.Peer{Node: "mons", Role: link.LifeGUARD}, command)
			if err != nil {
				t.Fatal(err)
			}
			err = decodeRefusal(answer)
			_, one := errors.AsType[*store.Error](err)
			_, many := errors.AsType[store.Errors](err)
			switch got := (one || many); {
			case tt.kind == "" && !strings.Contains(string(answer), `"index":`):
				t.Errorf("got %s, want an index", answer)
			case tt.kind == "refused" && !got, tt.kind == "undecided" && got, tt.kind != "" && !strings.Contains(err.Error(), tt.says):
				t.Errorf("got %v, want it %s with %q", err, tt.kind, tt.says)
			}
		})
	}
}

// TestUndecidedIsUnavailable: who asked is told that nothing has changed, and to
// come back, unless it was refused.
func TestUndecidedIsUnavailable(t *testing.T) {
	refusal := &store.Error{Kind: store.Invalid, Message: "no"}
	if err := explainPropose(refusal); !errors.Is(err, refusal) {
		t.Errorf("a refusal: got %v", err)
	}
	if err := explainPropose(errors.New("too few")); !isUnavailable(err) || err.Error() != "nothing is changed: too few" {
		t.Errorf("no decision: got %v", err)
	}
}

// TestTheFeed: what a main offers is what a LifeGUARD has in force then; an older
// one changes nothing.
func TestTheFeed(t *testing.T) {
	main, _ := agreed(t, someNodes()...)
	from := source{main.Config, slog.New(slog.DiscardHandler)}
	var _ session.Source = from
	old := from.Snapshot(RoleLifeguard)
	propose(t, main, store.RemoveNode{Name: "namur"})
	whole := from.Snapshot(RoleLifeguard)
	index := whole.Index
	if index != from.Index() || index <= old.Index {
		t.Errorf("got index %d, want %d, later than %d", index, from.Index(), old.Index)
	}
	guard, _ := agreed(t)
	to := sink{guard, "mons", RoleLifeguard}
	var _ session.Sink = to
	before := len(happened(guard.events))
	for _, b := range [][]byte{whole.Shared, old.Shared} {
		if err := to.Install(index, b); err != nil {
			t.Fatal(err)
		}
		if to.Index() != index || guard.View().Hash() != main.View().Hash() {
			t.Errorf("got revision %d, hash %s, want %d, %s", to.Index(), guard.View().Hash(), index, main.View().Hash())
		}
	}
	if got := happened(guard.events)[before:]; len(got) == 0 || !strings.Contains(got[0], "came from the mains") {
		t.Errorf("events: got %q", got)
	}
	if err := to.Install(index+1, []byte("nonsense")); err == nil {
		t.Error("nonsense was installed")
	}
}

// TestAChangeIsWaitedFor: who proposes hears of it when it is in force here.
func TestAChangeIsWaitedFor(t *testing.T) {
	c, _ := agreed(t, someNodes()...)
	next := c.View().Index() + 1
	done := make(chan error, 1)
	go func() { done <- c.waitFor(t.Context(), next) }()
	select {
	case err := <-done:
		t.Fatalf("got %v before it came", err)
	case <-time.After(20 * time.Millisecond):
	}
	propose(t, c, store.RemoveNode{Name: "namur"})
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := c.waitFor(t.Context(), next); err != nil {
		t.Errorf("when it is there: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.waitFor(ctx, next+1); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
}
