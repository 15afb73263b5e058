package link

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// A face is what a port shows of the node: its identity, and what was made with it.
type face struct {
	identity Identity
	tickets  tls.ClientSessionCache // of those who have seen it
	serving  *tls.Config            // its own tickets end with it
}

const remembered = 1024 // tickets

// Use has the port show another identity of the same node from now on: one with a
// later certificate, or with another key. What is open stays open. Of another key
// the packets' secrets are agreed on anew, which takes a handshake with each node.
func (p *Port) Use(next Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.face.Load().identity
	switch {
	case next.certificate == nil || next.peer != now.peer:
		return fmt.Errorf("changing the identity of %s: it is another node's", now.peer.Node)
	case !next.authority.Equal(now.authority):
		return errors.New("changing the identity: it is of another system")
	}
	p.showLocked(next)
	if next.Fingerprint() != now.Fingerprint() {
		p.pairs.begin(next)
	}
	return nil
}

// show makes the face that the port has; again when all its handlers are there.
func (p *Port) show(i Identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.showLocked(i)
}

func (p *Port) showLocked(i Identity) {
	p.face.Store(&face{identity: i, tickets: tls.NewLRUClientSessionCache(remembered), serving: p.servingConfig(i)})
}

// identity is who the port says that it is.
func (p *Port) identity() Identity { return p.face.Load().identity }
