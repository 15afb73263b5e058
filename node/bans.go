package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store/live"
)

// banned is the channel in which nodes tell each other whom they keep out.
const banned = "ban"

// askLift asks another node to end its bans of an address.
const askLift = "lift"

// bans keeps the table of addresses that are kept out: it is its journal, which
// tells the other nodes, and tells the operator.
type bans struct {
	*live.Bans

	events *admin.Events
	others cluster.Namespace
	pardon func(netip.Addr) // by who counts failures

	mu           sync.Mutex
	minute       time.Time // in which so much was told
	told, untold int
}

// mostBanNews bounds what is told within a minute: who is attacked by thousands
// still wants to read what else happens.
const mostBanNews = 20

func newBans(node string, events *admin.Events) *bans {
	b := &bans{events: events, pardon: func(netip.Addr) {}}
	b.Bans = live.NewBans(node, b)
	b.OnChange(b.tell)
	return b
}

// Set implements [live.Journal].
func (b *bans) Set(key string, value []byte) { b.others.Set(key, value) }

// Delete implements [live.Journal].
func (b *bans) Delete(key string) { b.others.Delete(key) }

// tell tells the operator that a ban begins or is over.
func (b *bans) tell(x live.Ban, begins bool) {
	if !b.mayTell(time.Now()) {
		return
	}
	if begins {
		b.events.Add("ban", "%s is banned by %s for %s: %s", admin.AddressOf(x), x.Node, shortly(x.Until.Sub(x.Since)), x.Why)
	} else {
		b.events.Add("ban", "%s is no longer banned by %s", admin.AddressOf(x), x.Node)
	}
}

func (b *bans) mayTell(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.minute) >= time.Minute {
		if b.untold > 0 {
			b.events.Add("ban", "%d more bans began or ended: carillon bans lists them", b.untold)
		}
		b.minute, b.told, b.untold = now, 0, 0
	}
	if b.told == mostBanNews {
		b.untold++
		return false
	}
	b.told++
	return true
}

// shortly leaves out what is zero: 2m, not 2m0s.
func shortly(d time.Duration) string {
	s := d.Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-len("0s")]
		}
	}
	return s
}

// lift ends the bans of an address as far as this node can.
func (b *bans) lift(a netip.Addr) []admin.Ban {
	b.pardon(a)
	return admin.BansOf(b.Lift(a))
}

// answerLift answers another node that wants a ban lifted.
func (b *bans) answerLift(_ context.Context, _ link.Peer, address []byte) ([]byte, error) {
	a, err := netip.ParseAddr(string(address))
	if err != nil {
		return nil, err
	}
	return json.Marshal(b.lift(a))
}

// Bans implements [admin.Banning].
func (s *system) Bans() []admin.Ban { return admin.BansOf(s.bans.All()) }

// LiftBan implements [admin.Banning]. The node that has decided a ban has to be
// asked: what the others forget, it would tell them again.
func (s *system) LiftBan(ctx context.Context, a netip.Addr) ([]admin.Ban, []string) {
	lifted := s.bans.lift(a)
	found, silent := askAll[admin.Ban](ctx, s, askLift, []byte(a.String()))
	for _, x := range found { // most nodes forget the same
		if !slices.ContainsFunc(lifted, func(y admin.Ban) bool { return y.Address == x.Address && y.Node == x.Node }) {
			lifted = append(lifted, x)
		}
	}
	return lifted, silent
}
