package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"carillon/node/admin"
	"carillon/store"
	"carillon/store/file"
)

// firstDomain is the domain, and so the digest realm, of a system that has not
// been given a configuration. Phones may register at an address instead.
const firstDomain = "carillon.internal"

// firstSite is where a node stands that has not been told.
const firstSite = "hq"

// A Credential is what a person types into a phone. It exists once, on its way
// to the operator; the node keeps digests.
type Credential struct{ Number, Password string }

// settle brings the configuration to where the operator wants it: it founds the
// system if that has not been done, and applies the file of --apply. Then it
// writes down who the node now is.
//
// The identity says that the founding is done only after the operator has been
// told the passwords: who is interrupted in between gets new ones.
func (n *Node) settle(ctx context.Context, d *directory) error {
	text, err := n.readApply()
	if err != nil {
		return err
	}
	switch {
	case n.identity.Founded.IsZero():
		err = n.found(ctx, text)
	case text != nil && n.decidesAlone():
		err = n.apply(ctx, text)
	case text != nil: // the others are needed, and nobody is heard before Run
		n.run("the file of --apply", func(ctx context.Context) error { n.applyLater(ctx, text); return nil })
	}
	if err != nil {
		return err
	}
	if view := n.config.View(); view.Index() > 0 {
		if err = checkSite(n.identity.Site, view); err != nil {
			return err
		}
	}
	return n.identity.save(d)
}

func (n *Node) readApply() ([]byte, error) {
	if n.o.Apply == "" {
		return nil, nil
	}
	return os.ReadFile(n.o.Apply)
}

// apply puts the operator's file in force.
func (n *Node) apply(ctx context.Context, text []byte) error {
	if err := n.quorum.Ready(ctx); err != nil {
		return err
	}
	_, err := admin.Apply(ctx, n.config, n.o.Apply, text, founder(n.o.Apply))
	return err
}

// decidesAlone reports whether this node is the only main.
func (n *Node) decidesAlone() bool { return n.quorum != nil && len(n.peers.mains()) == 0 }

// applyLater puts the operator's file in force as soon as enough mains are there,
// and waits for ctx.
func (n *Node) applyLater(ctx context.Context, text []byte) {
	const again = 2 * time.Second
	for ctx.Err() == nil {
		if n.config.View().Index() > 0 {
			_, err := admin.Apply(ctx, n.config, n.o.Apply, text, founder(n.o.Apply))
			if !isUnavailable(err) {
				if err != nil && ctx.Err() == nil {
					n.log.Error("putting the file of --apply in force", "error", err)
				}
				break
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	<-ctx.Done()
}

func isUnavailable(err error) bool {
	p, ok := errors.AsType[*admin.Problem](err)
	return ok && p.Kind == admin.Unavailable
}

// founder is who the history names for what happened at a start.
func founder(applied string) string {
	if applied == "" {
		return "carillon run"
	}
	return "carillon run --apply " + applied
}

// found proposes the first configuration and tells the operator.
func (n *Node) found(ctx context.Context, text []byte) error {
	first, users := firstConfig(n.identity.Site)
	if text != nil {
		var err error
		if first, err = fileConfig(n.o.Apply, text); err != nil {
			return err
		}
		users = nil
	}
	if err := checkSite(n.identity.Site, store.NewView(first)); err != nil {
		return err
	}
	by := store.Author{Who: founder(n.o.Apply), At: time.Now()}
	if err := n.config.Propose(ctx, store.Found{Replace: store.ReplaceAll(first, by), Node: n.self()}); err != nil {
		return fmt.Errorf("founding the system: %w", err)
	}
	if n.o.Founded != nil {
		told := Founding{Node: n.identity.Name, Listen: n.identity.Listen, Domain: first.Domain, Users: users}
		if err := n.o.Founded(told); err != nil {
			return fmt.Errorf("telling the first passwords: %w", err)
		}
	}
	n.identity.Founded = time.Now().UTC()
	return nil
}

// checkSite refuses a --site that no site of the configuration is called.
func checkSite(site string, view *store.View) error {
	if _, ok := view.Site(site); ok || site == "" {
		return nil
	}
	return fmt.Errorf("no site of the configuration is called %q: correct --site, or add the site with --apply", site)
}

// fileConfig returns the configuration that a file makes of nothing.
func fileConfig(name string, text []byte) (store.Config, error) {
	empty := store.NewView(store.Config{Domain: firstDomain})
	f, err := file.Parse(name, text, empty)
	if err != nil {
		return store.Config{}, err
	}
	view, err := f.Change().On(empty)
	if err != nil {
		return store.Config{}, err
	}
	return view.Config(), nil
}

// firstConfig is what a new system starts with: private networks may register,
// and two phones can call each other.
func firstConfig(site string) (store.Config, []Credential) {
	if site == "" {
		site = firstSite
	}
	users := []Credential{{"201", password()}, {"202", password()}}
	c := store.Config{
		Domain: firstDomain,
		Sites:  []store.Site{{Name: site, Networks: privateNetworks()}},
	}
	for i, u := range users {
		c.Users = append(c.Users, store.User{
			Number:  u.Number,
			Name:    fmt.Sprintf("Phone %d", i+1),
			Site:    site,
			Digests: store.MakeDigests(u.Number, firstDomain, u.Password),
		})
	}
	return c, users
}

// privateNetworks are the addresses that cannot come from the internet: RFC
// 1918, RFC 6598, RFC 4193, link-local and loopback.
func privateNetworks() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
		"fc00::/7", "fe80::/10", "::1/128",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}
