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
	have, key, err := beginJoining(d, o, token)
	if err != nil {
		return have, err
	}
	request, err := key.Request(have.Name)
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

// beginJoining makes a new identity with the key that it asks to join with. The
// key is on disk before anybody is asked: a node that was let in and did not
// hear of it is recognised by it and its token, and let in again. With another
// token it is another node.
func beginJoining(d *directory, o Options, token link.Token) (identity, *link.Key, error) {
	old, _ := readIdentity(d) // there may be none
	have, err := newIdentity(o)
	if err == nil {
		err = d.removeDatabases()
	}
	if err != nil {
		return have, nil, err
	}
	key, err := link.LoadKey(old.Joining)
	if err != nil || old.Name != have.Name || old.JoiningBy != token.Hash() {
		if key, _, err = link.NewRequest(have.Name); err != nil {
			return have, nil, err
		}
	}
	have.Joining, have.JoiningBy = key.Marshal(), token.Hash()
	return have, key, have.save(d)
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
	if i.Role == RoleWitness {
		w.Key = i.Key // one of its own, for nothing: it serves no phones
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
	i.Founded, i.Joining, i.JoiningBy = time.Now().UTC(), nil, ""
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
