package presence

import (
	"context"
	"errors"
	"strconv"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transaction"
	"carillon/sipcore/transport"
)

// tryAgain is when a phone is told again that has refused, or is not reached.
const tryAgain = 10 * time.Second

// A notice is one NOTIFY on its way: what of its subscription it says.
type notice struct {
	s       *subscription
	flow    transport.Flow
	sight   Sight
	before  Sight
	target  string
	ending  string
	expires time.Duration
	number  uint32
	full    bool // of a list: all members
}

// tell sends a subscription what it does not know yet, if there is something and nothing
// is under way.
func (n *Notifier) tell(ctx context.Context, s *subscription) {
	n.mu.Lock()
	if s.gone || s.busy || !s.newsLocked() {
		n.mu.Unlock()
		return
	}
	s.busy = true
	flow, deaf := s.flow, s.deaf
	n.mu.Unlock()
	switch {
	case flow.IsOpen() && !deaf, n.finds(s, &flow):
		n.send(ctx, s, flow)
	case deaf:
		n.lose(s)
	default:
		n.reach(ctx, s)
	}
}

// newsLocked reports whether there is something to tell, and all of it is known.
func (s *subscription) newsLocked() bool {
	switch {
	case s.list != nil:
		return s.list.knownLocked() && (s.owed || s.ending != "" || s.list.newsLocked())
	case s.of.sight == nil:
		return false
	}
	return s.owed || s.ending != "" || s.told == nil || s.of.sight != s.told && !s.of.sight.Same(s.told)
}

// send sends a NOTIFY of what is now. s is busy.
func (n *Notifier) send(ctx context.Context, s *subscription, flow transport.Flow) {
	n.mu.Lock()
	if s.gone {
		n.mu.Unlock()
		return
	}
	s.number++
	x := notice{
		s: s, flow: flow, target: s.target, ending: s.ending, expires: time.Until(s.expires), number: s.number,
		full: s.owed || s.ending != "",
	}
	s.flow, s.owed, s.final = flow, false, s.ending != ""
	if s.list != nil {
		s.list.gatherLocked(x.full)
	} else {
		s.telling = s.of.sight
		x.sight, x.before = s.telling, s.told
	}
	n.mu.Unlock()
	branch := transaction.NewBranch()
	raw := n.appendNotify(n.o.Transactions.Room(), &x, branch)
	if len(raw) > mostDatagram && n.widen(ctx, s, &x) {
		n.o.Transactions.Free(raw)
		return
	}
	n.count.sent.Add(1)
	n.o.Transactions.Start(nil, flow, message.NOTIFY, branch, raw, s)
}

func (n *Notifier) appendNotify(b []byte, x *notice, branch string) []byte {
	b = append(append(append(b, "NOTIFY "...), x.target...), " SIP/2.0\r\nVia: SIP/2.0/"...)
	b = append(append(b, x.flow.Kind().Via()...), ' ')
	b = append(append(n.appendListener(b, x.flow), ";branch="...), branch...)
	b = append(append(b, "\r\nMax-Forwards: 70\r\n"...), x.s.head...)
	b = strconv.AppendUint(append(b, "CSeq: "...), uint64(x.number), 10)
	b = n.appendContact(append(b, " NOTIFY\r\nContact: "...), x.flow)
	if x.ending == "" {
		seconds := max((x.expires+time.Second-1)/time.Second, 1)
		b = strconv.AppendInt(append(b, "\r\nSubscription-State: active;expires="...), int64(seconds), 10)
	} else {
		b = append(append(b, "\r\nSubscription-State: terminated;reason="...), x.ending...)
	}
	if x.s.list != nil {
		return n.appendListed(b, x)
	}
	d := n.render(x.s.entity, x.sight, x.before)
	b = append(append(b, "\r\nContent-Type: "...), x.s.of.pkg.Type...)
	var version [10]byte
	v := version[:0]
	if d.versioned {
		v = strconv.AppendUint(v, uint64(x.number), 10)
	}
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(d.head)+len(v)+len(d.tail)), 10)
	b = append(append(b, "\r\n\r\n"...), d.head...)
	return append(append(b, v...), d.tail...)
}

// Response implements [transaction.ClientUser].
func (s *subscription) Response(_ *transaction.Client, m *message.Message) {
	if m.Status() < 200 {
		return
	}
	n := s.n
	n.mu.Lock()
	defer n.mu.Unlock()
	s.busy = false
	told, showed := s.notTellingLocked()
	switch {
	case m.Status() < 300:
		s.told, s.refused, s.deaf = told, false, false
		if s.list != nil {
			s.list.shownLocked(showed)
		}
		s.answeredLocked()
	case s.final || endsDialog(m):
		n.count.failed.Add(1)
		s.lostLocked()
	default:
		n.count.failed.Add(1)
		s.laterLocked(tryAgain)
	}
}

// answeredLocked goes on with what has changed meanwhile.
func (s *subscription) answeredLocked() {
	switch {
	case s.final:
		s.n.dropLocked(s)
	case s.newsLocked():
		s.n.dueLocked(s)
	}
}

// notTellingLocked returns what was under way, which it is no more.
func (s *subscription) notTellingLocked() (told Sight, showed []shown) {
	told, s.telling = s.telling, nil
	if s.list != nil {
		showed, s.list.showing = s.list.showing, nil
	}
	return told, showed
}

// lostLocked ends the subscription of a phone that does not want it, or is not there.
func (s *subscription) lostLocked() {
	s.n.count.ended.Add(1)
	s.n.dropLocked(s)
}

// lose is lostLocked for who holds no lock.
func (n *Notifier) lose(s *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.lostLocked()
}

// endsDialog reports whether a refusal means that nobody waits for NOTIFY any more (RFC
// 6665 section 4.2.2).
func endsDialog(m *message.Message) bool {
	switch m.Status() {
	case 404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604:
		return !m.Has(message.RetryAfter)
	}
	return false
}

// Failed implements [transaction.ClientUser]. A connection that closed says nothing of
// the phone: it is told by another. Who does not answer there either is gone.
func (s *subscription) Failed(_ *transaction.Client, err error) {
	n := s.n
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count.failed.Add(1)
	s.busy = false
	s.notTellingLocked()
	timeout := errors.Is(err, transaction.ErrTimeout)
	if timeout && s.deaf || s.final || s.gone {
		s.lostLocked()
		return
	}
	s.owed = true
	if timeout { // a connection may be dead without a word: is there another?
		s.deaf = true
		n.dueLocked(s)
		return
	}
	if s.flow.IsOpen() {
		s.laterLocked(tryAgain)
		return
	}
	n.dueLocked(s)
}
