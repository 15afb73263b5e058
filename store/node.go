package store

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The roles of a node.
const (
	Main      = "main"      // decides with the other mains, holds everything
	Lifeguard = "lifeguard" // stands at a site and goes on alone
	Witness   = "witness"   // only votes
)

// A Node is a member of the system. Nodes are not in the file of people: they
// come by joining, and what they say of themselves keeps them true.
type Node struct {
	Name        string
	Role        string         // Main, Lifeguard or Witness
	Site        string         // where its operator says that it stands; empty: see View.SiteOf
	Address     netip.AddrPort // where other nodes reach it
	Certificate string         // fingerprint of the key that its certificates are for
	Epoch       uint64         // which life of this name it is: 1 is the first

	Drained bool   // it is to lose its phones to other nodes: see Drain
	Next    string // fingerprint of the key that is to follow; empty: none
	Token   string // the hash of that with which it joined
}

// has reports whether key is one of n's.
func (n Node) has(key string) bool { return key != "" && (key == n.Certificate || key == n.Next) }

// Revoked is a key whose certificates count no more.
type Revoked struct {
	Certificate string    // fingerprint of the key
	Until       time.Time // when all of them have ended; zero: nobody knows
}

// RevokedFor is how long a key is remembered that counts no more: its last
// certificate has ended when half of that is over, and who hears that it is forgotten
// has been given a certificate since, so that he knows it whatever his clock says.
const RevokedFor = 3 * 366 * 24 * time.Hour

// A JoinToken lets one node join. The system keeps a hash of its secret.
type JoinToken struct {
	Hash    string
	Expires time.Time
	By      string // who made it
	Role    string // the only one that its bearer may have; empty: any
	Site    string // where alone its bearer may stand, if Role says something
}

// check reports why t does not let n in, which would replace the node that v has
// under its name.
func (t JoinToken) check(n Node, v *View) error {
	wrong := func(format string, args ...any) error {
		return &Error{Kind: Conflict, Field: "token", Message: fmt.Sprintf(format, args...) + "; make one at a main with `carillon token create`"}
	}
	if t.Role == "" {
		return nil
	}
	if n.Role != t.Role || v.SiteOf(n) != t.Site {
		return wrong("the token lets only a %s join, at %s", t.Role, t.Site)
	}
	if old, known := v.Node(n.Name); known && (old.Role != t.Role || v.SiteOf(old) != t.Site) {
		return wrong("the token does not let anybody replace %s, which is a %s at %s", old.Name, old.Role, v.SiteOf(old))
	}
	return nil
}

// Node returns the node of the given name.
func (v *View) Node(name string) (Node, bool) {
	for _, n := range v.config.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}

// Nodes returns all nodes by name.
func (v *View) Nodes() []Node { return slices.Clone(v.config.Nodes) }

// Bare returns what of the content a node may have that only votes: neither
// users nor tokens nor keys nor what networks are for.
func (v *View) Bare() Config {
	c := v.Config()
	for i := range c.Sites {
		c.Sites[i].DHCP = nil
		c.Sites[i].Profiles = nil
	}
	return Config{Domain: c.Domain, Sites: c.Sites, Nodes: c.Nodes, Revoked: c.Revoked, Closed: c.Closed}
}

// IsRevoked reports whether the key with the given fingerprint has belonged to a
// node that was replaced or removed, or has another one now.
func (v *View) IsRevoked(certificate string) bool {
	return slices.ContainsFunc(v.config.Revoked, func(r Revoked) bool { return r.Certificate == certificate })
}

// Lists reports whether a key is that of a node, or is to be.
func (v *View) Lists(name, certificate string) bool {
	n, _ := v.Node(name)
	return n.has(certificate)
}

// IsClosed reports whether a certificate of the authority does not let anybody in
// whom the registry does not list: a main was removed or replaced, and has its key.
func (v *View) IsClosed() bool { return v.config.Closed }

// Token returns the join token with the given hash, if one may still be used.
func (v *View) Token(hash string) (JoinToken, bool) {
	for _, t := range v.config.Tokens {
		if t.Hash == hash {
			return t, true
		}
	}
	return JoinToken{}, false
}

// SiteOf returns the site where n stands: where its operator says, else where
// its address belongs, else the first site there is.
func (v *View) SiteOf(n Node) string {
	if n.Site != "" {
		return n.Site
	}
	if site := v.siteOfAddress(n.Address.Addr()); site != "" {
		return site
	}
	for s := range v.Sites() {
		return s.Name
	}
	return ""
}

func (v *View) siteOfAddress(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return v.Network(a).Site
}
