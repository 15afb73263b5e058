package store

import (
	"fmt"
	"net/netip"
)

// The encoded forms of nodes and tokens, and of the Changes about them.

type wireNode struct {
	_           struct{} `cbor:",toarray"`
	Name        string
	Role        string
	Site        string
	Address     string
	Certificate string
	Epoch       uint64

	Drained bool
	Next    string
	Token   string
}

// UnmarshalCBOR reads what any version wrote: up to 5 no key was to follow.
func (w *wireNode) UnmarshalCBOR(b []byte) error {
	type plain wireNode // without this method
	return decodeShort(b, (*plain)(w))
}

type wireRevoked struct {
	_           struct{} `cbor:",toarray"`
	Certificate string
	Until       int64 // Unix milliseconds
}

// UnmarshalCBOR reads what any version wrote: up to 5 the fingerprint alone.
func (w *wireRevoked) UnmarshalCBOR(b []byte) error {
	const text = 3 // the major type
	if len(b) > 0 && b[0]>>5 == text {
		return decode(b, &w.Certificate)
	}
	type plain wireRevoked // without this method
	return decodeShort(b, (*plain)(w))
}

type wireToken struct {
	_       struct{} `cbor:",toarray"`
	Hash    string
	Expires int64 // Unix milliseconds
	By      string
	Role    string
	Site    string
}

// UnmarshalCBOR reads what any version wrote: up to 5 a token let everybody in.
func (w *wireToken) UnmarshalCBOR(b []byte) error {
	type plain wireToken // without this method
	return decodeShort(b, (*plain)(w))
}

type wireAuthor struct {
	_   struct{} `cbor:",toarray"`
	Who string
	At  int64 // Unix milliseconds
}

type wireFound struct {
	_       struct{} `cbor:",toarray"`
	Replace wireReplace
	Node    wireNode
}

type wireAddToken struct {
	_     struct{} `cbor:",toarray"`
	By    wireAuthor
	Token wireToken
}

type wireJoin struct {
	_     struct{} `cbor:",toarray"`
	By    wireAuthor
	Token string
	Node  wireNode
	Was   []byte
	Next  []byte
}

// UnmarshalCBOR reads what any version wrote: up to 4 the Change changed no keys.
func (w *wireJoin) UnmarshalCBOR(b []byte) error {
	type plain wireJoin // without this method
	return decodeShort(b, (*plain)(w))
}

type wireSetNode struct {
	_    struct{} `cbor:",toarray"`
	By   wireAuthor
	Node wireNode
}

type wireRemoveNode struct {
	_    struct{} `cbor:",toarray"`
	By   wireAuthor
	Name string
	Was  []byte
	Next []byte
}

// UnmarshalCBOR reads what any version wrote: up to 4 the Change changed no keys.
func (w *wireRemoveNode) UnmarshalCBOR(b []byte) error {
	type plain wireRemoveNode // without this method
	return decodeShort(b, (*plain)(w))
}

type wireTakeOver struct {
	_       struct{} `cbor:",toarray"`
	By      wireAuthor
	Node    string
	Missing []string
}

type wireDrain struct {
	_    struct{} `cbor:",toarray"`
	By   wireAuthor
	Name string
	Off  bool
}

func toWireAuthor(a Author) wireAuthor { return wireAuthor{Who: a.Who, At: unixMilli(a.At)} }

func fromWireAuthor(w wireAuthor) Author { return Author{Who: w.Who, At: fromUnixMilli(w.At)} }

func toWireNode(n Node) wireNode {
	address := ""
	if n.Address.IsValid() {
		address = n.Address.String()
	}
	return wireNode{
		Name: n.Name, Role: n.Role, Site: n.Site, Address: address,
		Certificate: n.Certificate, Epoch: n.Epoch, Drained: n.Drained, Next: n.Next, Token: n.Token,
	}
}

func fromWireNode(w wireNode) (Node, error) {
	n := Node{
		Name: w.Name, Role: w.Role, Site: w.Site, Certificate: w.Certificate, Epoch: w.Epoch,
		Drained: w.Drained, Next: w.Next, Token: w.Token,
	}
	if w.Address == "" {
		return n, nil
	}
	var err error
	if n.Address, err = netip.ParseAddrPort(w.Address); err != nil {
		return n, fmt.Errorf("node %s: %w", clip(w.Name), err)
	}
	return n, nil
}

func toWireRevoked(r Revoked) wireRevoked {
	return wireRevoked{Certificate: r.Certificate, Until: unixMilli(r.Until)}
}

func fromWireRevoked(w wireRevoked) Revoked {
	return Revoked{Certificate: w.Certificate, Until: fromUnixMilli(w.Until)}
}

func fromWireNodes(all []wireNode) ([]Node, error) {
	var nodes []Node
	for _, w := range all {
		n, err := fromWireNode(w)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func toWireJoin(j Join) wireJoin {
	return wireJoin{By: toWireAuthor(j.By), Token: j.Token, Node: toWireNode(j.Node), Was: toWireKey(j.Was), Next: toWireKey(j.Next)}
}

func fromWireJoin(w wireJoin) (Join, error) {
	n, err := fromWireNode(w.Node)
	if err != nil {
		return Join{}, err
	}
	was, err := fromWireKey(w.Was)
	if err != nil {
		return Join{}, err
	}
	next, err := fromWireKey(w.Next)
	return Join{By: fromWireAuthor(w.By), Token: w.Token, Node: n, Was: was, Next: next}, err
}

func toWireToken(t JoinToken) wireToken {
	return wireToken{Hash: t.Hash, Expires: unixMilli(t.Expires), By: t.By, Role: t.Role, Site: t.Site}
}

func fromWireToken(w wireToken) JoinToken {
	return JoinToken{Hash: w.Hash, Expires: fromUnixMilli(w.Expires), By: w.By, Role: w.Role, Site: w.Site}
}
