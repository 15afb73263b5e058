package node

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"carillon/cluster/link"
)

// askListed asks a main whether the registry, as that one has it, lists what somebody
// shows.
const askListed = "listed"

const (
	vouchedFor   = time.Minute
	vouchedAgain = time.Second // comes the next question, and the last one is over
	mostVouched  = 8           // a system has two or three mains
)

// vouched are mains that the View of this one does not list, and that another main,
// which it does list, has vouched for. A main hears of changes from the one that leads
// alone: when that one has another key than when this one was there last, it would
// never hear of that. A thief who has an old key finds nobody who lists him.
type vouched struct {
	asking sync.WaitGroup

	mu     sync.Mutex
	have   map[link.Shown]time.Time // when somebody vouched
	asked  time.Time
	closed bool
}

// shownAlone is s without what does not matter for whether it is listed.
func shownAlone(s link.Shown) link.Shown {
	s.Ends = time.Time{}
	return s
}

func (v *vouched) has(s link.Shown) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Since(v.have[shownAlone(s)]) < vouchedFor
}

// ask asks the mains that are listed, and does not wait.
func (v *vouched) ask(n *Node, s link.Shown) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || time.Since(v.asked) < vouchedAgain {
		return
	}
	v.asked = time.Now()
	v.asking.Go(func() {
		if n.isVouchedFor(shownAlone(s)) {
			v.add(shownAlone(s))
		}
	})
}

func (v *vouched) add(s link.Shown) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.have == nil || len(v.have) >= mostVouched {
		v.have = make(map[link.Shown]time.Time)
	}
	v.have[s] = time.Now()
}

// close waits for what was asked.
func (v *vouched) close() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.asking.Wait()
	return nil
}

func (n *Node) isVouchedFor(s link.Shown) bool {
	ctx, cancel := context.WithTimeout(context.Background(), vouchedAgain)
	defer cancel()
	question, err := json.Marshal(s)
	if err != nil {
		return false
	}
	for _, m := range n.peers.mains() {
		if m.Name == s.Node {
			continue
		}
		if answer, err := n.peers.ask(ctx, m, askListed, question); err == nil && string(answer) == "true" {
			return true
		}
	}
	return false
}

var errVouching = errors.New("only a main vouches, to a main")

// vouches answers askListed.
func (n *Node) vouches(_ context.Context, from link.Peer, question []byte) ([]byte, error) {
	var s link.Shown
	if from.Role != link.Main || json.Unmarshal(question, &s) != nil {
		return nil, errVouching
	}
	v := n.config.View()
	answer, err := json.Marshal(s.Role == link.Main && !v.IsRevoked(s.Key) && lists(v, s))
	if err != nil {
		return nil, errVouching
	}
	return answer, nil
}
