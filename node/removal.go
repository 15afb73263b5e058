package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/store"
)

// removing is how long it may take to remove a main: another one may have to
// take the lead first.
const removing = 20 * time.Second

// A removal asks a main to remove a node.
type removal struct {
	Who  string `json:"who"`
	Name string `json:"name"`
}

// A removed is its answer.
type removed struct {
	decision

	Again bool `json:"again,omitempty"` // nothing has happened: another main leads by now
}

// errMoved says that this main does not lead, or not any more.
var errMoved = errors.New("another main leads")

// RemoveNode implements [admin.Nodes]. A main does it, which makes the key that is
// in force from then on: a witness must not know it. A LifeGUARD is a Change like any
// other; who may have a vote is removed by the main that leads. Nobody removes himself: he
// would be turned away before he has heard that it is done.
func (s *system) RemoveNode(ctx context.Context, who, name string) (admin.Removed, error) {
	if name == s.self().Name {
		return admin.Removed{}, &store.Error{Kind: store.Conflict, Field: "node", Message: "ask for it on another node: " + name + " cannot remove itself"}
	}
	ctx, cancel := context.WithTimeout(ctx, removing)
	defer cancel()
	view := s.config.View()
	_, err := store.RemoveNode{Name: name}.On(view)
	n, _ := view.Node(name)
	switch {
	case err != nil:
	case s.voters == nil:
		err = s.askToRemove(ctx, removal{Who: who, Name: name})
	default:
		err = s.removeAny(ctx, s.removalOf(who, name))
	}
	if err != nil {
		return admin.Removed{}, err
	}
	r := admin.Removed{Name: name, Role: n.Role}
	for _, other := range s.config.View().Nodes() {
		if other.Role == store.Main && other.Name != name {
			r.Mains++
		}
	}
	return r, nil
}

// removalOf is the Change. Its key is for those that stay.
func (s *system) removalOf(who, name string) store.RemoveNode {
	return store.RemoveNode{By: store.Author{Who: who, At: time.Now()}, Name: name, Was: s.key, Next: newKey()}
}

func newKey() (k store.Key) {
	_, _ = rand.Read(k[:]) // never fails
	return k
}

// removeAny removes a node of any role, at a main.
func (s *system) removeAny(ctx context.Context, change store.RemoveNode) error {
	if n, _ := s.config.View().Node(change.Name); n.Role == store.Lifeguard {
		return s.config.Propose(ctx, change)
	}
	return s.removeMain(ctx, change)
}

// askToRemove asks one main after the other, but for the one to go.
func (s *system) askToRemove(ctx context.Context, r removal) error {
	err := errors.New("no main is known here")
	for _, main := range s.peers.mains() {
		if main.Name == r.Name {
			continue
		}
		var again bool
		if again, err = s.askOne(ctx, main.Name, r); err == nil && !again {
			return nil
		}
		if !isUnavailable(err) {
			return err
		}
	}
	return &admin.Problem{Kind: admin.Unavailable, Message: fmt.Sprintf("no main removes it: %v", err)}
}

// removeMain has the main that leads remove a main, and another one lead if it
// is the one to go.
func (s *system) removeMain(ctx context.Context, change store.RemoveNode) error {
	for {
		leader, err := s.voters.quorum.Settled(ctx)
		if err != nil {
			return explainPropose(err)
		}
		var again bool
		if leader == s.self().Name {
			err = s.removeHere(ctx, change)
			again = errors.Is(err, errMoved)
		} else {
			again, err = s.askOne(ctx, leader, removal{Who: change.By.Who, Name: change.Name})
		}
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// removeHere removes a main if this node leads, and stays.
func (s *system) removeHere(ctx context.Context, change store.RemoveNode) error {
	own := s.self().Name
	if leader, ok := s.voters.quorum.Leader(); !ok || leader != own {
		return errMoved
	}
	if change.Name == own {
		if _, err := change.On(s.config.View()); err != nil {
			return err
		}
		return errors.Join(errMoved, s.voters.quorum.StepAside(ctx))
	}
	return s.voters.dismiss(ctx, change)
}

// askOne asks one main. It reports whether that one has only become another
// than the leader.
func (s *system) askOne(ctx context.Context, main string, r removal) (again bool, err error) {
	n, _ := s.peers.find(main)
	body, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	answer, err := s.peers.port.Ask(ctx, n.Name, n.Address, askRemove, body)
	if err != nil {
		return false, &admin.Problem{Kind: admin.Unavailable, Message: fmt.Sprintf("it is not known whether %s is removed: %v", r.Name, err)}
	}
	var d removed
	if err = json.Unmarshal(answer, &d); err != nil || d.Again {
		return d.Again, err
	}
	if d.Index > 0 {
		return false, s.config.waitFor(ctx, d.Index)
	}
	if err = decodeRefusal(answer); len(d.Errors) == 0 {
		err = &admin.Problem{Kind: admin.Unavailable, Message: err.Error()}
	}
	return false, err
}

// mayRemove reports whether a node may have another one removed: of those that are
// no main a LifeGUARD alone, and what it could let in, too.
func (s *system) mayRemove(from link.Peer, name string) bool {
	view := s.config.View()
	asker, known := view.Node(from.Node)
	gone, there := view.Node(name)
	switch {
	case from.Role == link.Main, !there: // which is said
		return true
	case from.Role != link.LifeGUARD:
		return false
	}
	return known && gone.Role == store.Lifeguard && view.SiteOf(gone) == view.SiteOf(asker)
}

// remove answers another node that asks for a removal. A main has found out who
// leads and asks that one; for others it is found out here.
func (s *system) remove(ctx context.Context, from link.Peer, body []byte) ([]byte, error) {
	var r removal
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	var err error
	change := s.removalOf(r.Who+" at "+from.Node, r.Name)
	switch {
	case s.voters == nil:
		err = errors.New("this node is no main")
	case !s.mayRemove(from, r.Name):
		err = &store.Error{
			Kind: store.Conflict, Field: "node",
			Message: fmt.Sprintf("ask for it at a main: %s is a %s, which may be in the wrong hands, and removes none but a LifeGUARD of its own site", from.Node, from.Role),
		}
	case from.Role == link.Main:
		err = s.removeHere(ctx, change)
	default:
		err = s.removeAny(ctx, change)
	}
	switch {
	case err == nil:
		return json.Marshal(removed{decision: decision{Index: s.config.View().Index()}})
	case errors.Is(err, errMoved):
		return json.Marshal(removed{Again: true})
	default:
		return encodeRefusal(err), nil
	}
}
