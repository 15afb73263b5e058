package node

import (
	"sync"

	"carillon/cluster"
	"carillon/store"
)

// mute is the channel in which each main says of which nodes it hears nothing: a
// LifeGUARD, which has a line to the mains alone, cannot know. A key is the name of a
// node; nothing is said while nothing changes.
const mute = "mute"

// mutes are the nodes of which mains hear nothing.
type mutes struct {
	own cluster.Namespace // of this node, if it is a main

	mu   sync.RWMutex
	says map[string]map[string]bool // by main: of whom it hears nothing
}

func newMutes(own cluster.Namespace) *mutes {
	return &mutes{own: own, says: make(map[string]map[string]bool)}
}

// say tells LifeGUARDs whether this node, a main, hears another one.
func (m *mutes) say(node string, alive bool) {
	if alive {
		m.own.Delete(node)
	} else {
		m.own.Set(node, []byte{1})
	}
}

// learn takes in what a main says of a node.
func (m *mutes) learn(main, node string, silent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.says[main] == nil {
		m.says[main] = make(map[string]bool)
	}
	if silent {
		m.says[main][node] = true
	} else {
		delete(m.says[main], node)
	}
}

// isHeardBy reports whether one of some mains hears a node.
func (m *mutes) isHeardBy(mains []store.Node, node string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, main := range mains {
		if !m.says[main.Name][node] {
			return true
		}
	}
	return false
}

// forget drops what a node has said, and what is said of it: it will not come back.
func (m *mutes) forget(node string) {
	m.own.Delete(node)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.says, node)
}

// learnMute takes in what another node says of a third one. Mains alone may.
func (n *Node) learnMute(owner, node string, silent bool) {
	if says, known := n.peers.find(owner); !known || says.Role != store.Main {
		return
	}
	n.mutes.learn(owner, node, silent)
	n.standing.look()
}
