package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// Who has an earlier configuration gets what differs from that, where the main still
// knows what it was: one user of thousands who changes costs little then. It is made of
// what the far end may have then and now, so nobody learns more by it. Where what comes
// of it is not what it should be, the far end asks for all.

// frameAmend is frameFeed with an amendment. Since version 4.
const frameAmend = 19

const sumSize = 8

// sum stands for a text.
func sum(text []byte) []byte {
	all := sha256.Sum256(text)
	return all[:sumSize]
}

// An amendment is what makes of the configuration at an index another one.
type amendment struct {
	since               uint64
	sums                []byte // of what comes of the two
	sharedPart, ownPart []byte // patches, packed
}

// head is what comes before the packed patches.
func (a *amendment) head() []byte {
	head := append(binary.AppendUvarint(nil, a.since), a.sums...)
	return binary.AppendUvarint(head, uint64(len(a.sharedPart)))
}

func parseAmendment(data []byte) (a amendment, err error) {
	r := fields{data: data}
	a.since = r.number()
	if r.check(len(r.data) >= 2*sumSize); r.bad {
		return a, errFrame
	}
	a.sums, r.data = r.data[:2*sumSize], r.data[2*sumSize:]
	n := r.number()
	if r.check(n <= uint64(len(r.data))); r.bad {
		return a, errFrame
	}
	a.sharedPart, a.ownPart = r.data[:n], r.data[n:]
	return a, nil
}

// on returns what a makes of a configuration; false if that is another than the one
// it was made for.
func (a *amendment) on(shared, own []byte) (data []byte, ok bool) {
	for i, x := range []struct{ part, old []byte }{{a.sharedPart, shared}, {a.ownPart, own}} {
		patch, err := unpack(x.part)
		if err != nil {
			return nil, false
		}
		text, err := applyPatch(x.old, patch, maxFeed)
		if err != nil || !bytes.Equal(sum(text), a.sums[i*sumSize:(i+1)*sumSize]) {
			return nil, false
		}
		data = append(data, text...)
	}
	return data, true
}

// An edition is a Snapshot as it goes to all of a role.
type edition struct {
	Snapshot
	packed []byte // Shared
	sum    []byte // of that
	former map[uint64]former
}

// A former is a Snapshot that some have yet.
type former struct {
	Snapshot
	patch []byte // of Shared, packed
	known bool
}

// since returns what was at an index, and what makes e of it. It is called with the
// lock of the feed held.
func (e *edition) since(source Source, role string, index uint64) (f former, err error) {
	f, ok := e.former[index]
	if ok {
		return f, nil
	}
	if f.Snapshot, f.known = source.Past(role, index); f.known {
		f.patch, err = pack(makePatch(f.Shared, e.Shared))
	}
	e.former[index] = f
	return f, err
}

// amends returns a parcel that makes of f, which the node has, what it is to have now.
func (e *edition) amends(f *former, since uint64, node string, own []byte) (p parcel, err error) {
	a := amendment{since: since, sums: append(append([]byte(nil), e.sum...), sum(own)...), sharedPart: f.patch}
	var before []byte
	if f.Own != nil {
		before = f.Own(node)
	}
	if len(before)+len(own) > 0 {
		a.ownPart, err = pack(makePatch(before, own))
	}
	return parcel{index: e.Index, amends: true, shared: append(a.head(), a.sharedPart...), own: a.ownPart}, err
}

// amend makes of an amendment that has come the configuration that it is to become, or
// asks for all of that.
func (c *conn) amend(data []byte) ([]byte, bool) {
	a, err := parseAmendment(data)
	if err == nil && a.since == c.s.o.FeedTo.Index() {
		if shared, own, ok := c.s.o.FeedTo.Has(); ok {
			if data, ok = a.on(shared, own); ok {
				return data, true
			}
		}
	}
	c.s.log.Info("asking for the whole configuration: what changed is not of what is here", "node", c.peer.Node)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.wantsWhole = true
	c.wantLocked(c.wants)
	return nil, false
}
