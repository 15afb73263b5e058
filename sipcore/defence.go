package sipcore

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"carillon/sipcore/auth"
	"carillon/sipcore/guard"
	"carillon/sipcore/transport"
	"carillon/store"
	"carillon/store/live"
)

// defence tells package guard what happens here and carries out what it says.
// It is the gate of the transport and the guard of the passwords. Whoever is in
// a network of the configuration has the whole of a site behind him: his address
// is never limited nor banned, only users there have to wait. A call for help passes
// all of it, so many and no more: see cry.go.
type defence struct {
	guard *guard.Guard
	bans  *live.Bans
	store *store.Store
	log   *slog.Logger
	count defenceCounts

	toldStrangers, toldLoad atomic.Int64 // when it was, in Unix seconds
}

var (
	_ transport.Gate = (*defence)(nil)
	_ auth.Guard     = (*defence)(nil)
)

type defenceCounts struct{ banned, tooFast, crowded, waits, bans, overload atomic.Uint64 }

// Refusals counts what was refused without looking at what it asks for, by
// reason.
type Refusals struct {
	Banned   uint64 // messages and connections of banned addresses
	TooFast  uint64 // messages of strangers who send too much
	Crowded  uint64 // messages of strangers of no network, who together send too much
	Waits    uint64 // passwords that were not looked at: too many before were wrong
	Bans     uint64 // bans that this node has decided
	Overload uint64 // new requests answered 503: the node was behind
}

// Refusals returns what was refused so far.
func (s *Server) Refusals() Refusals {
	c := &s.defence.count
	return Refusals{
		Banned: c.banned.Load(), TooFast: c.tooFast.Load(), Crowded: c.crowded.Load(),
		Waits: c.waits.Load(), Bans: c.bans.Load(), Overload: c.overload.Load(),
	}
}

// Pardon forgets what this node holds against an address.
func (s *Server) Pardon(a netip.Addr) { s.defence.guard.Pardon(a) }

func newDefence(o *Options) *defence {
	return &defence{
		guard: guard.New(), bans: o.Bans, store: o.Store, log: o.Logger.With("component", "defence"),
	}
}

// standing returns what a stranger's address is to us, and false for one that is
// no stranger's.
func (d *defence) standing(a netip.Addr) (as guard.Standing, stranger bool) {
	view := d.store.View()
	switch {
	case view.Network(a).Site != "" || view.IsCarrier(a):
		return 0, false
	case !view.HasNetworks():
		return guard.Open, true
	}
	return guard.Unknown, true
}

// Welcomes implements [transport.Gate].
func (d *defence) Welcomes(peer netip.Addr) bool {
	now := time.Now()
	if !d.isBanned(peer, now) || d.guard.HearsCry(peer, now) {
		return true
	}
	d.count.banned.Add(1)
	return false
}

// Admits implements [transport.Gate]. A stranger who asks over a connection,
// although no network of the configuration has him, is blamed for it until he has
// shown a password.
func (d *defence) Admits(f transport.Flow, raw []byte, now time.Time) bool {
	from := f.Remote().Addr()
	as, stranger := d.standing(from)
	if !stranger {
		return true
	}
	refused, friend := d.refusal(from, as, now)
	switch {
	case refused == nil && (friend || as != guard.Unknown || !f.Kind().Reliable()):
		return true
	case d.isCry(from, raw, now):
		return true
	case refused == nil:
		d.blame(from, "requests from a network that is not allowed", now)
		return true
	}
	refused.Add(1)
	if refused != &d.count.banned {
		d.tell(from, now)
	}
	return false
}

// refusal is the counter of what keeps a message of a stranger out; nil if nothing
// does.
func (d *defence) refusal(from netip.Addr, as guard.Standing, now time.Time) (count *atomic.Uint64, friend bool) {
	if d.bans.Covers(from, now) {
		return &d.count.banned, false
	}
	switch d.guard.Admit(from, as, now) {
	case guard.TooFast:
		return &d.count.tooFast, false
	case guard.Crowded:
		return &d.count.crowded, false
	case guard.Friend:
		return nil, true
	default:
		return nil, false
	}
}

// malformed notes what came on f and is no message.
func (d *defence) malformed(f transport.Flow) {
	from := f.Remote().Addr()
	if as, stranger := d.standing(from); stranger && as == guard.Open && f.Kind().Reliable() {
		d.blame(from, "messages that are none", time.Now())
	}
}

// Wait implements [auth.Guard]. No password of an address that is banned is looked
// at: who may call for help from there may not guess with it.
func (d *defence) Wait(user string, from netip.Addr, now time.Time) time.Duration {
	wait := d.guard.Wait(user, from, now)
	if d.isBanned(from, now) {
		wait = bannedWait
	}
	if wait > 0 {
		d.count.waits.Add(1)
	}
	return wait
}

// Wrong implements [auth.Guard].
func (d *defence) Wrong(user string, from netip.Addr, now time.Time) {
	d.guard.Wrong(user, from, now)
	if _, stranger := d.standing(from); stranger {
		d.blame(from, "wrong passwords", now)
	}
}

// Right implements [auth.Guard].
func (d *defence) Right(user string, from netip.Addr, now time.Time) {
	d.guard.Right(user, from, now)
	if _, stranger := d.standing(from); stranger { // where no networks are configured, or the user roams
		d.guard.Trust(from, now)
	}
}

// blame notes a failure of a stranger, and bans him when it was one too many.
func (d *defence) blame(from netip.Addr, why string, now time.Time) {
	if length, times := d.guard.Blame(from, now); length > 0 {
		d.count.bans.Add(1)
		d.bans.Put(from, length, times, why, now)
	}
}

// tell tells the operator, once a minute, that strangers send too much.
func (d *defence) tell(from netip.Addr, now time.Time) {
	if onceAMinute(&d.toldStrangers, now) {
		d.log.Warn("strangers send too much: it is dropped unread", "one_of_them", from.String(),
			"dropped_so_far", d.count.tooFast.Load()+d.count.crowded.Load())
	}
}

// mayTellLoad reports whether the operator may hear of overload again.
func (d *defence) mayTellLoad(now time.Time) bool { return onceAMinute(&d.toldLoad, now) }

func onceAMinute(told *atomic.Int64, now time.Time) bool {
	last := told.Load()
	return now.Unix()-last >= 60 && told.CompareAndSwap(last, now.Unix())
}

// spare lets an address go on for a while whose network is not allowed any more.
func (d *defence) spare(a netip.Addr) { d.guard.Trust(a, time.Now()) }
