package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"

	"carillon/cluster/link"
	"carillon/store"
	"carillon/store/disk"
)

// How often a node asks to be let in while nobody answers, and says so.
const (
	joinEvery = 2 * time.Second
	sayEvery  = time.Minute
)

// A Refused says that the system does not let this node in. Asking again does
// not help.
type Refused struct{ Reason string }

// Error implements error.
func (r *Refused) Error() string { return "the system does not let this node join: " + r.Reason }

// A welcome is what a main tells a node that it has let in, beside the
// certificate.
type welcome struct {
	_         struct{} `cbor:",toarray"`
	Epoch     uint64
	Key       []byte // seals tokens and nonces
	Authority []byte // for a main, else empty
	View      []byte // for disk.Config.Install, if the node is no main
	Mains     []wirePlace
}

type wirePlace struct {
	_       struct{} `cbor:",toarray"`
	Node    string
	Address string
}

// joins reports whether this start is to make d a node of a system that exists.
func (o *Options) joins(d *directory) bool {
	if o.Join == "" && o.Token == "" {
		return false
	}
	have, err := readIdentity(d)
	return errors.Is(err, fs.ErrNotExist) || err == nil && have.Founded.IsZero()
}

// join asks to be let in until somebody answers, for ever, and settles in d.
func join(ctx context.Context, d *directory, o Options) (identity, error) {
	if o.Token == "" {
		return identity{}, errors.New("--join needs a --token: `carillon token create` makes one at a main")
	}
	token, err := link.ParseToken(o.Token)
	if err != nil {
		return identity{}, &Refused{err.Error()}
	}
	have, err := beginIdentity(d, o)
	if err != nil {
		return have, err
	}
	key, request, err := link.NewRequest(have.Name)
	if err != nil {
		return have, err
	}
	r := link.Request{
		Node: have.Name, Role: link.Role(have.Role), Site: have.Site, Address: ownAddress(have.Listen),
		Version: o.Version, CSR: request,
	}
	w, err := askForEver(ctx, o, token, r)
	if err != nil {
		return have, err
	}
	own, err := key.Identity(w.Certificate, w.Authority)
	if err != nil {
		return have, fmt.Errorf("joining: %w", err)
	}
	have.Certificate = own.Marshal()
	return have, have.settleIn(d, w.Payload)
}

// askForEver returns the answer of the first main that gives one.
func askForEver(ctx context.Context, o Options, token link.Token, r link.Request) (link.Welcome, error) {
	var said time.Time
	for {
		seeds, err := seedAddresses(ctx, o.Join)
		w := link.Welcome{}
		if err == nil || len(token.Addresses) > 0 {
			w, err = link.Join(ctx, seeds, token, r)
		}
		if err == nil {
			return w, nil
		}
		if refused, ok := errors.AsType[*link.Refused](err); ok {
			return w, &Refused{refused.Reason}
		}
		if time.Since(said) >= sayEvery {
			o.Logger.Warn("no main lets this node join yet: it asks on", "join", o.Join, "error", err)
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return w, ctx.Err()
		case <-time.After(joinEvery):
		}
	}
}

// settleIn keeps what the main has said. The identity comes last: with it the
// node has joined.
func (i *identity) settleIn(d *directory, payload []byte) error {
	var w welcome
	if err := cbor.Unmarshal(payload, &w); err != nil {
		return fmt.Errorf("joining: reading the welcome: %w", err)
	}
	if len(w.Key) != 32 || i.Role == RoleMain && len(w.Authority) == 0 {
		return errors.New("joining: the welcome is incomplete")
	}
	i.Key, i.Authority, i.Epoch = w.Key, w.Authority, w.Epoch
	for _, p := range w.Mains {
		at, err := netip.ParseAddrPort(p.Address)
		if err != nil {
			return fmt.Errorf("joining: reading the welcome: %w", err)
		}
		i.Mains = append(i.Mains, place{Node: p.Node, Address: at})
	}
	if len(w.View) > 0 {
		if err := installFirst(d.path, w.View); err != nil {
			return err
		}
	}
	i.Founded = time.Now().UTC()
	return i.save(d)
}

// installFirst gives a directory its first View.
func installFirst(dir string, view []byte) error {
	config, err := disk.OpenConfig(dir)
	if err != nil {
		return err
	}
	return errors.Join(config.Install(view), config.Close())
}

// admit lets a node in that shows a token, or says why not: it is what a main
// answers at its door.
func (n *Node) admit(ctx context.Context, token string, r link.Request) (link.Welcome, error) {
	if n.authority == nil {
		return link.Welcome{}, fmt.Errorf("%s is no main: join at a main", n.identity.Name)
	}
	if err := n.mayJoin(token, r); err != nil {
		return link.Welcome{}, err
	}
	certificate, err := n.authority.Issue(r.CSR, r.Node, r.Role)
	if err != nil {
		return link.Welcome{}, err
	}
	bearer := store.Node{
		Name: r.Node, Role: string(r.Role), Site: r.Site, Address: r.Address,
		Certificate: link.CertificateFingerprint(certificate),
	}
	by := store.Author{Who: "node " + r.Node, At: time.Now()}
	if err = n.config.Propose(ctx, store.Join{By: by, Token: token, Node: bearer}); err != nil {
		return link.Welcome{}, laterUnlessRefused(err)
	}
	payload, err := n.welcome(r.Node)
	if err != nil {
		return link.Welcome{}, err
	}
	return link.Welcome{Certificate: certificate, Payload: payload}, nil
}

// laterUnlessRefused tells a system that cannot decide now from one that has
// decided.
func laterUnlessRefused(err error) error {
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
	if r.Role == link.Witness {
		return errors.New("this version has no witness yet")
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
func (n *Node) welcome(name string) ([]byte, error) {
	view := n.config.View()
	bearer, known := view.Node(name)
	if !known {
		return nil, fmt.Errorf("%s has been removed again", name)
	}
	w := welcome{Epoch: bearer.Epoch, Key: n.identity.Key}
	if bearer.Role == store.Main {
		w.Authority = n.identity.Authority
	} else {
		var err error
		if _, w.View, err = n.config.Latest(); err != nil {
			return nil, err
		}
	}
	for _, x := range view.Nodes() {
		if x.Role == store.Main && x.Name != name {
			w.Mains = append(w.Mains, wirePlace{Node: x.Name, Address: x.Address.String()})
		}
	}
	return cbor.Marshal(w)
}

// foundAuthority gives a main that stands alone what makes it a system that
// others can join: nodes of earlier versions come without.
func (i *identity) foundAuthority() error {
	if len(i.Certificate) > 0 {
		return nil
	}
	a, err := link.NewAuthority(i.Name)
	if err != nil {
		return err
	}
	key, request, err := link.NewRequest(i.Name)
	if err != nil {
		return err
	}
	certificate, err := a.Issue(request, i.Name, link.Role(i.Role))
	if err != nil {
		return err
	}
	own, err := key.Identity(certificate, a.Certificate())
	if err != nil {
		return err
	}
	i.Authority, i.Certificate, i.Epoch = a.Marshal(), own.Marshal(), 1
	return nil
}
