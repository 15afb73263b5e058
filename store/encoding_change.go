package store

import "fmt"

// The tags of the encoded Changes.
const (
	tagReplace    = "replace"
	tagFound      = "found"
	tagAddToken   = "add-token"
	tagJoin       = "join"
	tagSetNode    = "set-node"
	tagRemoveNode = "remove-node"
	tagTakeOver   = "take-over"
	tagDrain      = "drain"
	tagAfter      = "after"

	tagAddAPIToken    = "add-api-token" //nolint:gosec // no credentials
	tagRemoveAPIToken = "remove-api-token"
)

// EncodeChange returns c as the log carries it.
func EncodeChange(c Change) ([]byte, error) {
	switch c := c.(type) {
	case Replace:
		return encode(tagReplace, toWireReplace(c))
	case Found:
		return encode(tagFound, wireFound{Replace: toWireReplace(c.Replace), Node: toWireNode(c.Node)})
	case AddToken:
		return encode(tagAddToken, wireAddToken{By: toWireAuthor(c.By), Token: toWireToken(c.Token)})
	case Join:
		return encode(tagJoin, toWireJoin(c))
	case SetNode:
		return encode(tagSetNode, wireSetNode{By: toWireAuthor(c.By), Node: toWireNode(c.Node)})
	case RemoveNode:
		return encode(tagRemoveNode, wireRemoveNode{By: toWireAuthor(c.By), Name: c.Name, Was: toWireKey(c.Was), Next: toWireKey(c.Next)})
	case TakeOver:
		return encode(tagTakeOver, wireTakeOver{By: toWireAuthor(c.By), Node: c.Node, Missing: notNil(c.Missing)})
	case Drain:
		return encode(tagDrain, wireDrain{By: toWireAuthor(c.By), Name: c.Name, Off: c.Off})
	case AddAPIToken:
		return encode(tagAddAPIToken, wireAddAPIToken{By: toWireAuthor(c.By), Token: toWireAPIToken(c.Token)})
	case RemoveAPIToken:
		return encode(tagRemoveAPIToken, wireRemoveAPIToken{By: toWireAuthor(c.By), Name: c.Name})
	case After:
		change, err := EncodeChange(c.Change)
		if err != nil {
			return nil, err
		}
		return EncodeAfter(c.Revision, change)
	default:
		return nil, fmt.Errorf("a change of type %T has no encoding", c)
	}
}

// DecodeChange reads what EncodeChange wrote.
func DecodeChange(b []byte) (Change, error) {
	e, err := open(b)
	var c Change
	if err == nil {
		c, err = decodeChange(e.Tag, e.Body)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a change: %w", err)
	}
	return c, nil
}

func decodeChange(tag string, body []byte) (Change, error) {
	switch tag {
	case tagReplace:
		return decodeAs(body, func(w wireReplace) (Change, error) { return fromWireReplace(w) })
	case tagFound:
		return decodeAs(body, func(w wireFound) (Change, error) {
			r, err := fromWireReplace(w.Replace)
			if err != nil {
				return nil, err
			}
			n, err := fromWireNode(w.Node)
			return Found{Replace: r, Node: n}, err
		})
	case tagAddToken:
		return decodeAs(body, func(w wireAddToken) (Change, error) {
			return AddToken{By: fromWireAuthor(w.By), Token: fromWireToken(w.Token)}, nil
		})
	case tagJoin:
		return decodeAs(body, func(w wireJoin) (Change, error) {
			return fromWireJoin(w)
		})
	case tagSetNode:
		return decodeAs(body, func(w wireSetNode) (Change, error) {
			n, err := fromWireNode(w.Node)
			return SetNode{By: fromWireAuthor(w.By), Node: n}, err
		})
	case tagRemoveNode:
		return decodeAs(body, func(w wireRemoveNode) (Change, error) {
			was, err := fromWireKey(w.Was)
			if err != nil {
				return nil, err
			}
			next, err := fromWireKey(w.Next)
			return RemoveNode{By: fromWireAuthor(w.By), Name: w.Name, Was: was, Next: next}, err
		})
	case tagTakeOver:
		return decodeAs(body, func(w wireTakeOver) (Change, error) {
			return TakeOver{By: fromWireAuthor(w.By), Node: w.Node, Missing: w.Missing}, nil
		})
	case tagDrain:
		return decodeAs(body, func(w wireDrain) (Change, error) {
			return Drain{By: fromWireAuthor(w.By), Name: w.Name, Off: w.Off}, nil
		})
	case tagAddAPIToken:
		return decodeAs(body, func(w wireAddAPIToken) (Change, error) {
			return AddAPIToken{By: fromWireAuthor(w.By), Token: fromWireAPIToken(w.Token)}, nil
		})
	case tagRemoveAPIToken:
		return decodeAs(body, func(w wireRemoveAPIToken) (Change, error) {
			return RemoveAPIToken{By: fromWireAuthor(w.By), Name: w.Name}, nil
		})
	case tagAfter:
		return decodeAs(body, fromWireAfter)
	default:
		return nil, fmt.Errorf("its type %q is unknown: it comes from a newer carillon", clip(tag))
	}
}

// decodeAs reads a body of the form W and makes a Change of it.
func decodeAs[W any](body []byte, of func(W) (Change, error)) (Change, error) {
	var w W
	if err := decode(body, &w); err != nil {
		return nil, err
	}
	return of(w)
}

func toWireReplace(c Replace) wireReplace {
	w := wireReplace{
		Who: c.By.Who, At: unixMilli(c.By.At), Exact: c.Exact, Realm: c.Realm, Domain: c.Domain,
		Sites: each(c.Sites, toWireSite), Users: each(c.Users, toWireUser), Trunks: each(c.Trunks, toWireTrunk),
		Origins: c.Origins, Emergency: c.Emergency, Pickup: c.Pickup,
	}
	if c.DNS != nil {
		w.DNS = toWireDNS(*c.DNS)
	}
	if c.Presence != nil {
		w.Presence = toWirePresence(*c.Presence)
	}
	return w
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireReplace) UnmarshalCBOR(b []byte) error {
	type plain wireReplace // without this method
	return decodeShort(b, (*plain)(w))
}

func fromWireReplace(w wireReplace) (Replace, error) {
	sites, err := fromWireSites(w.Sites)
	if err != nil {
		return Replace{}, err
	}
	r := Replace{
		By: Author{Who: w.Who, At: fromUnixMilli(w.At)}, Exact: w.Exact, Realm: w.Realm, Domain: w.Domain,
		Sites: sites, Users: each(w.Users, fromWireUser), Trunks: each(w.Trunks, fromWireTrunk),
		Origins: w.Origins, Emergency: w.Emergency, Pickup: w.Pickup,
	}
	if w.DNS != nil {
		r.DNS = new(fromWireDNS(w.DNS))
	}
	if w.Presence != nil {
		r.Presence = new(fromWirePresence(w.Presence))
	}
	return r, nil
}
