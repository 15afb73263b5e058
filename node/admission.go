package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"carillon/cluster/link"
	"carillon/store"
)

// A welcome is what a main tells a node that it has let in, beside the
// certificate.
type welcome struct {
	_         struct{} `cbor:",toarray"`
	Epoch     uint64
	Key       []byte // seals tokens and nonces; nothing for a witness
	Authority []byte // for a main, else empty
	View      []byte // for disk.Config.Install, if the node is no main; what a witness needs of it
	Mains     []wirePlace
}

type wirePlace struct {
	_       struct{} `cbor:",toarray"`
	Node    string
	Address string
}

// admit lets a node in that shows a token, or says why not: it is what a main
// answers at its door.
func (n *Node) admit(ctx context.Context, token string, r link.Request) (link.Welcome, error) {
	if n.authority == nil {
		return link.Welcome{}, fmt.Errorf("%s is no main: join at a main", n.identity.Name)
	}
	certificate, err := n.authority.IssueAt(n.o.clock(), r.CSR, r.Node, r.Role)
	if err != nil {
		return link.Welcome{}, err
	}
	key, err := link.KeyFingerprint(r.CSR)
	if err != nil {
		return link.Welcome{}, err
	}
	bearer := store.Node{Name: r.Node, Role: string(r.Role), Site: r.Site, Address: r.Address, Certificate: key}
	if err = n.takeIn(ctx, token, r, bearer); err != nil {
		return link.Welcome{}, err
	}
	payload, err := n.welcome(r.Node)
	if err != nil {
		return link.Welcome{}, err
	}
	return link.Welcome{Certificate: certificate, Payload: payload}, nil
}

// takeIn makes bearer a node of the system. One that joined with the same token
// and key before is one already: it was not told, and asks again.
func (n *Node) takeIn(ctx context.Context, token string, r link.Request, bearer store.Node) error {
	join := store.Join{By: store.Author{Who: "node " + r.Node, At: time.Now()}, Token: token, Node: bearer, Was: n.system.key, Next: newKey()}
	if join.Again(n.config.View()) {
		return nil
	}
	if err := n.mayJoin(token, r); err != nil {
		return err
	}
	return laterUnlessRefused(n.config.Propose(ctx, join))
}

// laterUnlessRefused tells a system that cannot decide now from one that has
// decided.
func laterUnlessRefused(err error) error {
	if err == nil {
		return nil
	}
	_, one := errors.AsType[*store.Error](err)
	_, many := errors.AsType[store.Errors](err)
	if one || many {
		return err
	}
	return fmt.Errorf("%w: %w", link.ErrLater, err)
}

// mayJoin says what stands against r before anybody is asked to agree.
func (n *Node) mayJoin(token string, r link.Request) error {
	view := n.config.View()
	if _, known := view.Token(token); !known {
		return errors.New("the token is not known here: it has been used already, or it is of another system; " +
			"make one with `carillon token create`")
	}
	if err := checkName(r.Node); err != nil {
		return err
	}
	if r.Site == "" {
		return errors.New("a node that joins says where it stands: give it --site, one of " + siteNames(view))
	}
	if _, known := view.Node(r.Node); known && n.system.isAlive(r.Node) {
		return fmt.Errorf("a node called %s is alive: choose another --name, or stop that one first", r.Node)
	}
	return nil
}

func siteNames(v *store.View) string {
	names := ""
	for s := range v.Sites() {
		if names != "" {
			names += ", "
		}
		names += s.Name
	}
	return names
}

// welcome is for the node that has just become part of the View.
func (n *Node) welcome(name string) (payload []byte, err error) {
	view := n.config.View()
	bearer, known := view.Node(name)
	if !known {
		return nil, fmt.Errorf("%s has been removed again", name)
	}
	w := welcome{Epoch: bearer.Epoch, Key: n.identity.Key}
	if keys := view.Keys(); len(keys) > 0 {
		w.Key = keys[len(keys)-1][:]
	}
	switch bearer.Role {
	case store.Main:
		w.Authority = n.identity.Authority
	case store.Witness:
		w.Key = nil
		_, w.View, err = n.config.Bare()
	default:
		w.View, err = n.config.scoped(name)
	}
	if err != nil {
		return nil, err
	}
	for _, x := range view.Nodes() {
		if x.Role == store.Main && x.Name != name {
			w.Mains = append(w.Mains, wirePlace{Node: x.Name, Address: x.Address.String()})
		}
	}
	return cbor.Marshal(w)
}
