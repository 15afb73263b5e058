package sites

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
	"time"

	"carillon/cluster/replica"
	"carillon/store/live"
)

// siteOf is where a user of this system is: the number begins with that of his site.
func siteOf(user string) string { return "site" + user[:min(3, len(user))] }

// callsOf prepares the table of calls of a node, which hears of those of its own site.
func (n *node) callsOf(s *system) {
	n.calls = live.NewDialogs(n.name, func() string { return "tel.beip.be" }, said{n, s})
	n.calls.Divide(siteOf)
	n.follows(n.site)
}

// follows has a node hear of the calls of some sites alone, as package node does.
func (n *node) follows(sites ...string) {
	for i := range sites {
		sites[i] = "dlg/" + sites[i]
	}
	n.sessions.Narrow("dlg", sites...)
}

func (n *node) learns(tb testing.TB, owner, site string, x replica.Change) {
	tb.Helper()
	if err := n.calls.Learn(owner, site+"/"+x.Key(), []byte(x.Value())); err != nil {
		tb.Error(err)
	}
}

// said is what a node says of its calls. It implements live.Journal.
type said struct {
	n *node
	s *system
}

func (x said) Set(key string, value []byte) {
	site, rest, _ := strings.Cut(key, "/")
	x.n.sessions.Namespace("dlg/"+site).Set(rest, value)
}

func (x said) Delete(key string) {
	site, rest, _ := strings.Cut(key, "/")
	x.n.sessions.Namespace("dlg/" + site).Delete(rest)
}

// became is what a side of a call is now.
type became struct {
	call, user string
	state      live.DialogState
}

// A talk is a call as phones make them.
type talk struct {
	at *node
	live.Call
}

// begins is the i-th call at a node. Who calls or is called is a user of a site if his
// number is longer than three digits.
func (n *node) begins(i int, from, to string) *talk {
	sum := sha256.Sum256(strconv.AppendInt(nil, int64(i), 10))
	random := hex.EncodeToString(sum[:])
	tag, other := random[32:42], "as"+random[42:50]
	c := live.Call{
		CallID: random[:32], CSeq: 1, From: from, To: to, State: live.Ringing, Node: n.name,
		Since: time.Now(), Key: string(binary.AppendUvarint(nil, uint64(i))), FromName: "Alice Martin", Session: 90 * time.Second, //nolint:gosec // not negative
	}
	c.ID = c.CallID + "\x00" + tag
	side := func(d live.DialogDirection, user, local, remote, name, number string, state live.DialogState) {
		if len(user) > 3 {
			c.Sides = append(c.Sides, &live.Side{Dialog: live.Dialog{
				User: user, Call: c.ID, Node: n.name, CallID: c.CallID, LocalTag: local, RemoteTag: remote, Direction: d, State: state,
				Remote: live.Identity{Display: name, URI: number}, Since: c.Since,
			}})
		}
	}
	side(live.Initiator, from, tag, other, "", to, live.Early)
	side(live.Recipient, to, other, tag, c.FromName, from, live.Early)
	t := &talk{n, c}
	t.tells()
	return t
}

func (t *talk) tells() {
	for _, s := range t.Sides {
		t.at.told.Store(became{s.Call, s.User, s.State}, time.Now())
	}
	t.at.calls.Tell(&t.Call)
}

func (t *talk) isAnswered() {
	t.State, t.Since = live.Up, time.Now()
	for _, s := range t.Sides {
		s.State, s.Since = live.Confirmed, t.Since
	}
	t.tells()
}

func (t *talk) isOver() { t.at.calls.TellOver(&t.Call) }
