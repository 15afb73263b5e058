package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"carillon/cluster"
	"carillon/cluster/link"
	"carillon/cluster/ring"
	"carillon/cluster/session"
	"carillon/node/admin"
	"carillon/node/dhcpserver"
	"carillon/store"
	"carillon/store/live"
)

// The questions that nodes ask each other.
const (
	askRegistrations = "registrations"
	askCalls         = "calls"
	askMembers       = "members"
	askToken         = "token"
	askRemove        = "remove"
)

// The states of a member.
const (
	alive   = "alive"
	suspect = "suspect"
	dead    = "dead"
)

// A system answers what one node does not know alone. It implements
// [admin.System] and [admin.Nodes], and answers other nodes' questions about this one.
type system struct {
	self      func() store.Node // this node as it is
	started   time.Time
	version   string
	config    *configuration
	peers     *peers
	rings     *ring.Rings
	bindings  *live.Bindings
	calls     *live.Calls
	dialogs   *live.Dialogs
	bans      *bans
	uses      *admin.Uses               // of tokens, here
	dhcp      func() *dhcpserver.Server // nil at a witness
	authority *link.Authority           // nil where this node is no main
	voters    *voters                   // likewise
	key       store.Key                 // that this node came with; in force while the View has none
	rotation  *rotation                 // of this node's certificate
}

// answers has the port hand over the questions of other nodes.
func (s *system) answers(port *link.Port) {
	port.HandleAsk(askRegistrations, func(_ context.Context, _ link.Peer, user []byte) ([]byte, error) {
		return json.Marshal(admin.RegistrationsOf(s.bindings, s.self().Name, string(user)))
	})
	port.HandleAsk(askCalls, func(context.Context, link.Peer, []byte) ([]byte, error) {
		return json.Marshal(admin.CallsOf(s.calls))
	})
	port.HandleAsk(askLift, s.bans.answerLift)
	port.HandleAsk(askLeases, s.answerLeases)
	port.HandleAsk(askUses, s.answerUses)
	port.HandleAsk(askMembers, func(context.Context, link.Peer, []byte) ([]byte, error) {
		return json.Marshal(s.ownMembers())
	})
	port.HandleAsk(askRemove, s.remove)
	if s.authority != nil {
		port.HandleAsk(askToken, s.answerToken)
	}
}

// Registrations implements [admin.System]. What this node has learned from an
// owner that is silent now is shown too.
func (s *system) Registrations(ctx context.Context, user string) ([]admin.Registration, []string) {
	own := admin.RegistrationsOf(s.bindings, s.self().Name, user)
	found, silent := askAll[admin.Registration](ctx, s, askRegistrations, []byte(user))
	found = append(found, own...)
	for _, node := range silent {
		found = append(found, admin.RegistrationsOf(s.bindings, node, user)...)
	}
	admin.SortRegistrations(found)
	return found, silent
}

// Calls implements [admin.System]. What this node has learned from one that is silent
// now is shown too.
func (s *system) Calls(ctx context.Context) ([]admin.Call, []string) {
	found, silent := askAll[admin.Call](ctx, s, askCalls, nil)
	found = append(found, admin.CallsOf(s.calls)...)
	for _, node := range silent {
		found = append(found, admin.CallsLearned(s.dialogs, node)...)
	}
	admin.SortCalls(found)
	return found, silent
}

// askAll asks all other nodes for their rows at once, and names those that do
// not answer. One whose link is down is not asked.
func askAll[T any](ctx context.Context, s *system, kind string, body []byte) (found []T, silent []string) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, n := range s.peers.others() {
		asking.Go(func() {
			rows, err := askRows[T](ctx, s.peers, n, kind, body)
			mu.Lock()
			defer mu.Unlock()
			if found = append(found, rows...); err != nil {
				silent = append(silent, n.Name)
			}
		})
	}
	asking.Wait()
	slices.Sort(silent)
	return found, silent
}

var errDown = errors.New("the link is down")

func askRows[T any](ctx context.Context, p *peers, n store.Node, kind string, body []byte) (rows []T, err error) {
	if up, known := p.isUp(n.Name); known && !up {
		return nil, errDown
	}
	answer, err := p.ask(ctx, n, kind, body)
	if err != nil {
		return nil, err
	}
	return rows, json.Unmarshal(answer, &rows)
}

// Members implements [admin.System]. A node that is no main sees only its own
// ring: of the others a main tells.
func (s *system) Members() []admin.Member {
	rows := s.ownMembers()
	if s.authority != nil {
		return rows
	}
	for _, main := range s.peers.mains() {
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		told, err := askRows[admin.Member](ctx, s.peers, main, askMembers, nil)
		cancel()
		if err == nil {
			return s.completed(rows, told)
		}
	}
	return rows
}

// completed replaces in rows what this node's ring cannot know by what it was
// told.
func (s *system) completed(rows, told []admin.Member) []admin.Member {
	inRing := make(map[string]bool)
	for _, m := range s.rings.Members() {
		inRing[m.Name] = true
	}
	for i, row := range rows {
		if inRing[row.Name] || row.Name == s.self().Name {
			continue
		}
		for _, t := range told {
			if t.Name == row.Name {
				rows[i] = t
			}
		}
	}
	return rows
}

// ownMembers returns the nodes of the View as this node sees them.
func (s *system) ownMembers() []admin.Member {
	view, self := s.config.View(), s.self()
	seen := make(map[string]cluster.Member)
	for _, m := range s.rings.Members() {
		seen[m.Name] = m
	}
	nodes := append(s.peers.others(), self)
	var rows []admin.Member
	for _, n := range nodes {
		row := admin.Member{Name: n.Name, Site: view.SiteOf(n), Role: n.Role, Address: n.Address.String()}
		own, _ := view.Node(n.Name)
		row.Drained = own.Drained
		m, inRing := seen[n.Name]
		switch {
		case n.Name == self.Name:
			row.State, row.Since, row.Version = alive, s.started, s.version
		case inRing:
			row.State, row.Since, row.Version = m.State, m.Since, m.Version
			row.State, row.Since = soonerByLink(m, s.peers.links())
		default:
			row.State, row.Since = s.byLink(n.Name)
		}
		row.Since = row.Since.UTC().Truncate(time.Millisecond)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b admin.Member) int { return cmp.Compare(a.Name, b.Name) })
	return rows
}

// soonerByLink corrects what a ring says, which takes up to a minute, by the link:
// who is heard is alive, and who is not may be dead.
func soonerByLink(m cluster.Member, links []session.Link) (state string, since time.Time) {
	for _, l := range links {
		switch {
		case l.Node != m.Name:
		case l.State == session.Up && m.State != alive:
			return alive, l.Since
		case l.State == session.Down && m.State == alive:
			return suspect, l.Since
		}
	}
	return m.State, m.Since
}

// byLink judges a node that no ring has told of by the link to it.
func (s *system) byLink(node string) (state string, since time.Time) {
	for _, l := range s.peers.links() {
		switch {
		case l.Node != node:
		case l.State == session.Up:
			return alive, l.Since
		default:
			return dead, l.Since
		}
	}
	return suspect, s.started
}

// isAlive reports whether a node is there, or may be. Of a node that this one
// keeps a link to, the link says it at once; the rings take up to a minute.
func (s *system) isAlive(node string) bool {
	if node == s.self().Name {
		return true
	}
	if up, linked := s.peers.isUp(node); linked {
		return up
	}
	for _, m := range s.rings.Members() {
		if m.Name == node {
			return m.State == alive || m.State == suspect
		}
	}
	return false
}

// watches reports whether isAlive knows anything about a node: a LifeGUARD hears
// nothing of those of other sites.
func (s *system) watches(node string) bool {
	if _, linked := s.peers.isUp(node); linked {
		return true
	}
	return slices.ContainsFunc(s.rings.Members(), func(m cluster.Member) bool { return m.Name == node })
}

// Links implements [admin.System].
func (s *system) Links() []admin.LinkDetail {
	var rows []admin.LinkDetail
	for _, l := range s.peers.lines() {
		rows = append(rows, lineRow(&l, time.Now()))
	}
	return rows
}

func lineRow(l *session.Line, now time.Time) admin.LinkDetail {
	row := admin.LinkDetail{
		Link: linkRow(l.Link), Heard: l.Heard.UTC().Truncate(time.Millisecond),
		RoundTrip: milliseconds(l.RTT), Budget: l.Budget, Lag: l.Lag,
		Sent: total(l.Out), Received: total(l.In), Classes: map[string]admin.Both{},
	}
	if !l.Waiting.IsZero() {
		row.LagTime = milliseconds(now.Sub(l.Waiting))
	}
	for class, n := range l.Out {
		row.Classes[class] = admin.Both{Sent: n, Received: l.In[class]}
	}
	for class, n := range l.In {
		row.Classes[class] = admin.Both{Sent: l.Out[class], Received: n}
	}
	return row
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func linkRow(l session.Link) admin.Link {
	return admin.Link{Node: l.Node, State: string(l.State), Since: l.Since.UTC().Truncate(time.Millisecond)}
}

func total(byClass map[string]uint64) (sum uint64) {
	for _, n := range byClass {
		sum += n
	}
	return sum
}
