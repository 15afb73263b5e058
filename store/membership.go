package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The Changes of membership. None of them is in the file of people, and going
// back to a former revision leaves nodes and tokens as they are.

// Found is the first Change of a system: its configuration and its first node.
type Found struct {
	Replace

	Node Node
}

// On implements [Change].
func (f Found) On(v *View) (*View, error) {
	next, err := f.Replace.On(v)
	if err != nil {
		return nil, err
	}
	return SetNode{By: f.By, Node: f.Node}.On(next)
}

// AddToken lets one more node join. Tokens that have expired by the author's
// clock are forgotten.
type AddToken struct {
	By    Author
	Token JoinToken
}

// On implements [Change].
func (a AddToken) On(v *View) (*View, error) {
	if a.Token.Hash == "" || a.Token.Expires.IsZero() {
		return nil, &Error{Kind: Invalid, Field: "token", Message: "a token needs a secret and an end"}
	}
	if (a.Token.Role == "") != (a.Token.Site == "") {
		return nil, &Error{Kind: Invalid, Field: "token", Message: "a token is for a role at a site, or for any"}
	}
	next := v.Config()
	next.Tokens = slices.DeleteFunc(next.Tokens, func(t JoinToken) bool {
		return t.Hash == a.Token.Hash || !t.Expires.After(a.By.At)
	})
	if len(next.Tokens) >= maxTokens {
		return nil, &Error{
			Kind: Conflict, Field: "token",
			Message: fmt.Sprintf("%d tokens wait to be used: let nodes join with those, or let them expire", maxTokens),
		}
	}
	next.Tokens = append(next.Tokens, a.Token)
	return NewView(next).At(v.index), nil
}

// maxTokens bounds how many tokens wait to be used.
const maxTokens = 100

// Join consumes a token and adds its bearer, who replaces the node that had the
// name before: that one's certificate is revoked, and its keys are replaced, as by
// RemoveNode. Whether it may be replaced, because it is not alive, is for the
// proposer to know. To join a second time with the same
// key, because the answer was lost, changes nothing.
type Join struct {
	By    Author
	Token string // the hash
	Node  Node   // its Epoch is counted here
	Was   Key    // in force, if the View has none
	Next  Key    // from now on, if somebody is replaced
}

// On implements [Change].
func (j Join) On(v *View) (*View, error) {
	if j.Again(v) {
		return v, nil
	}
	if err := j.check(v); err != nil {
		return nil, err
	}
	next := v.Config()
	next.Tokens = slices.DeleteFunc(next.Tokens, func(t JoinToken) bool { return t.Hash == j.Token })
	n := j.Node
	n.Epoch, n.Next, n.Token = 1, "", j.Token
	if old, ok := v.Node(n.Name); ok {
		n.Epoch = old.Epoch + 1
		next.revoke(j.By.At, n, old.Certificate, old.Next)
		next.Keys = withKey(next.Keys, j.Was, j.Next)
		next.leftBehind(v, old)
	}
	next.putNode(n)
	return NewView(next).At(v.index), nil
}

// Again reports whether it has happened already: its bearer was not told, and asks
// again with the same key and token.
func (j Join) Again(v *View) bool {
	have, known := v.Node(j.Node.Name)
	return known && have.Token == j.Token && have.Role == j.Node.Role && have.has(j.Node.Certificate)
}

func (j Join) check(v *View) error {
	t, known := v.Token(j.Token)
	switch {
	case !known:
		return &Error{
			Kind: NotFound, Field: "token",
			Message: "the token is not known here: it has been used already, or it is of another system; make one with `carillon token create`",
		}
	case !t.Expires.After(j.By.At):
		return &Error{
			Kind: Conflict, Field: "token",
			Message: "the token has expired: make another one with `carillon token create`",
		}
	}
	if err := t.check(j.Node, v); err != nil {
		return err
	}
	return j.Node.check(v)
}

// SetNode is what a node says about itself: where it stands and can be reached, and
// which key is to follow its own. When it has a certificate for that, it says that
// this is its key now: the former one is revoked.
type SetNode struct {
	By   Author
	Node Node
}

// On implements [Change].
func (s SetNode) On(v *View) (*View, error) {
	n := s.Node
	old, known := v.Node(n.Name)
	if known && old.Certificate != "" && !old.has(n.Certificate) {
		return nil, &Error{Kind: Conflict, Field: "node", Message: fmt.Sprintf("node %s is another one now: it was replaced", n.Name)}
	}
	if v.IsRevoked(n.Certificate) {
		return nil, &Error{Kind: Conflict, Field: "node", Message: fmt.Sprintf("node %s was removed", n.Name)}
	}
	if err := n.check(v); err != nil {
		return nil, err
	}
	n.Epoch, n.Drained, n.Token = max(old.Epoch, 1), old.Drained, old.Token
	if n.Next == "" && n.Certificate != old.Next {
		n.Next = old.Next // which a former life of its disk may not know
	}
	next := v.Config()
	next.revoke(s.By.At, n, old.Certificate, old.Next)
	next.putNode(n)
	return NewView(next).At(v.index), nil
}

// RemoveNode takes a node out of the system for good, revokes its certificate, and
// puts another key in force: what it can still seal counts no more. The proposer
// makes the key, at random, so that all mains have the same.
type RemoveNode struct {
	By   Author
	Name string
	Was  Key // that in force, if the View has none
	Next Key // from now on
}

// On implements [Change].
func (r RemoveNode) On(v *View) (*View, error) {
	old, known := v.Node(r.Name)
	if !known {
		return nil, &Error{Kind: NotFound, Field: "node", Message: fmt.Sprintf("there is no node %q: `carillon members` lists them", clip(r.Name))}
	}
	if old.Role == Main && v.mains() == 1 {
		return nil, &Error{Kind: Conflict, Field: "node", Message: fmt.Sprintf("%s is the only main: the system would end with it", r.Name)}
	}
	next := v.Config()
	next.Nodes = slices.DeleteFunc(next.Nodes, func(n Node) bool { return n.Name == r.Name })
	next.revoke(r.By.At, Node{}, old.Certificate, old.Next)
	next.Keys = withKey(next.Keys, r.Was, r.Next)
	next.leftBehind(v, old)
	return NewView(next).At(v.index), nil
}

// leftBehind undoes what a node that is gone may have prepared, as it may be in the
// wrong hands. A main has the authority's key, and may have made any token; a
// LifeGUARD may have had tokens made for its site. In a log of a former version it
// undoes nothing: every main is to read that as it was read when it was written.
func (c *Config) leftBehind(v *View, gone Node) {
	if !c.Ordered {
		return
	}
	if gone.Role == Main {
		c.Closed, c.Tokens = true, nil
		return
	}
	site := v.SiteOf(gone)
	c.Tokens = slices.DeleteFunc(c.Tokens, func(t JoinToken) bool { return t.Role == Lifeguard && t.Site == site })
}

// TakeOver says that a main decides alone from now on, because those that it
// names do not answer. It changes nothing that is configured: they come back
// with the certificates that they have.
type TakeOver struct {
	By      Author
	Node    string
	Missing []string
}

// On implements [Change].
func (t TakeOver) On(v *View) (*View, error) {
	if n, known := v.Node(t.Node); !known || n.Role != Main {
		return nil, &Error{Kind: Conflict, Field: "node", Message: fmt.Sprintf("%q is no main of this system", clip(t.Node))}
	}
	return NewView(v.Config()).At(v.index), nil
}

// line is what a plan and the history say of it.
func (t TakeOver) line() Line {
	return Line{Sign: "!", Text: t.Node + " took over: no answer from " + strings.Join(t.Missing, ", ")}
}

func (v *View) mains() int {
	n := 0
	for _, x := range v.config.Nodes {
		if x.Role == Main {
			n++
		}
	}
	return n
}

// putNode adds n or replaces the node of its name. c's list must be its own.
func (c *Config) putNode(n Node) {
	c.Nodes = slices.DeleteFunc(c.Nodes, func(x Node) bool { return x.Name == n.Name })
	c.Nodes = append(c.Nodes, n)
	slices.SortFunc(c.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
}

// mostRevoked is how many keys are remembered in any case, whatever the clock says.
const mostRevoked = 64

// revoke adds those of keys which n, that had them, has no more. Where there are
// many it forgets those whose certificates have ended by the author's clock, which
// may be wrong: so from then on the registry is closed, where being forgotten lets
// nobody in. c's list must be its own.
func (c *Config) revoke(at time.Time, n Node, keys ...string) {
	for _, key := range keys {
		is := func(r Revoked) bool { return r.Certificate == key }
		if key != "" && !n.has(key) && !slices.ContainsFunc(c.Revoked, is) {
			c.Revoked = append(c.Revoked, Revoked{Certificate: key, Until: at.Add(RevokedFor)})
		}
	}
	if have := len(c.Revoked); have > mostRevoked {
		c.Revoked = slices.DeleteFunc(c.Revoked, func(r Revoked) bool { return !r.Until.IsZero() && r.Until.Before(at) })
		c.Closed = c.Closed || c.Ordered && len(c.Revoked) < have
	}
	slices.SortFunc(c.Revoked, func(a, b Revoked) int { return cmp.Compare(a.Certificate, b.Certificate) })
}

// check reports what is wrong with a node that is to be in v.
func (n Node) check(v *View) error {
	invalid := func(field, format string, args ...any) error {
		return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !isLabel(n.Name):
		return invalid("name", "%q cannot be the name of a node", clip(n.Name))
	case n.Role != Main && n.Role != Lifeguard && n.Role != Witness:
		return invalid("role", "%q is not a role: use %s, %s or %s", clip(n.Role), Main, Lifeguard, Witness)
	case !n.Address.IsValid() || n.Address.Port() == 0:
		return invalid("address", "node %s has no address where others reach it", n.Name)
	}
	if v.IsRevoked(n.Certificate) || v.IsRevoked(n.Next) {
		return &Error{Kind: Conflict, Field: "certificate", Message: fmt.Sprintf("the key of %s counts no more: let it join with another one", n.Name)}
	}
	if _, ok := v.Site(n.Site); !ok && n.Site != "" {
		return invalid("site", "the configuration has no site %q%s", clip(n.Site), v.knownSites())
	}
	for _, x := range v.config.Nodes {
		if x.Name != n.Name && (x.has(n.Certificate) || x.has(n.Next)) {
			return &Error{Kind: Conflict, Field: "certificate", Message: "that is the key of node " + x.Name}
		}
		if x.Address == n.Address && x.Name != n.Name {
			return &Error{Kind: Conflict, Field: "address", Message: fmt.Sprintf("%s is the address of node %s", n.Address, x.Name)}
		}
	}
	return nil
}

// knownSites names the sites there are, for a refusal.
func (v *View) knownSites() string {
	var names []string
	for s := range v.Sites() {
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return ": it has none; add it with `carillon config apply`"
	}
	return ": it has " + strings.Join(names, ", ") + "; add it with `carillon config apply`"
}
