package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
)

// The wire types are the encoded forms of the plain values: CBOR arrays, so
// that a field is its place. A field is only ever added at the end, together
// with another encodingVersion; decodeShort reads what had fewer.

type wireReplace struct {
	_      struct{} `cbor:",toarray"`
	Who    string
	At     int64 // Unix milliseconds
	Exact  bool
	Realm  string
	Domain *string
	Sites  []wireSite // nil keeps the list
	Users  []wireUser
	Trunks []wireTrunk

	Origins []string
	DNS     *wireDNS // from version 6 on

	Emergency []string

	Presence *wirePresence

	Pickup *string
}

type wireConfig struct {
	_       struct{} `cbor:",toarray"`
	Domain  string
	Sites   []wireSite
	Users   []wireUser
	Trunks  []wireTrunk
	Nodes   []wireNode
	Tokens  []wireToken
	Revoked []wireRevoked
	Origins []string
	Keys    [][]byte
	DNS     *wireDNS // from version 6 on

	Emergency []string

	Closed  bool
	Ordered bool

	Presence *wirePresence

	APITokens []wireAPIToken

	Pickup string
}

type wireSite struct {
	_            struct{} `cbor:",toarray"`
	Name         string
	Networks     []string
	CallsTrusted bool
	Operator     string
	Homing       string
	Survivable   string

	Budget int // from version 4 on

	Address string // from version 6 on

	DHCP []wirePool

	Profiles []wireProfile

	Country string
	Outside string
}

type wireUser struct {
	_      struct{} `cbor:",toarray"`
	Number string
	Name   string
	Site   string
	MD5    []byte
	SHA256 []byte
	Direct []string

	Roams bool
	Lamps []string

	Calendar *wireCalendar

	Rules []wireRule
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireUser) UnmarshalCBOR(b []byte) error {
	type plain wireUser // without this method
	return decodeShort(b, (*plain)(w))
}

type wireTrunk struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Site    string
	Address string

	Transport string // from version 6 on
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireTrunk) UnmarshalCBOR(b []byte) error {
	type plain wireTrunk // without this method
	return decodeShort(b, (*plain)(w))
}

func toWireSite(s Site) wireSite {
	s = s.withDefaults()
	return wireSite{
		Name: s.Name, Networks: notNil(each(s.Networks, netip.Prefix.String)), CallsTrusted: s.CallsTrusted,
		Operator: s.Operator, Homing: s.Homing, Survivable: s.Survivable, Budget: s.Budget,
		Address: addressText(s.Address), DHCP: notNil(each(s.DHCP, toWirePool)), Profiles: notNil(each(s.Profiles, toWireProfile)),
		Country: s.Country, Outside: s.Outside,
	}
}

// addressText returns the text of p, empty for none.
func addressText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// UnmarshalCBOR reads what any version wrote.
func (w *wireSite) UnmarshalCBOR(b []byte) error {
	type plain wireSite // without this method
	return decodeShort(b, (*plain)(w))
}

func fromWireSites(all []wireSite) ([]Site, error) {
	if all == nil {
		return nil, nil
	}
	sites := make([]Site, len(all))
	for i, w := range all {
		var err error
		if sites[i], err = fromWireSite(w); err != nil {
			return nil, fmt.Errorf("site %s: %w", clip(w.Name), err)
		}
	}
	return sites, nil
}

func fromWireSite(w wireSite) (s Site, err error) {
	s = Site{
		Name: w.Name, CallsTrusted: w.CallsTrusted, Operator: w.Operator,
		Homing: w.Homing, Survivable: w.Survivable, Budget: w.Budget,
		Country: w.Country, Outside: w.Outside,
	}.withDefaults()
	for _, n := range w.Networks {
		p, e := netip.ParsePrefix(n)
		s.Networks, err = append(s.Networks, p), errors.Join(err, e)
	}
	for _, x := range w.Profiles {
		p, e := fromWireProfile(x)
		s.Profiles, err = append(s.Profiles, p), errors.Join(err, e)
	}
	if w.Address != "" {
		p, e := netip.ParsePrefix(w.Address)
		s.Address, err = p, errors.Join(err, e)
	}
	pools, e := fromWirePools(w.DHCP)
	s.DHCP, err = pools, errors.Join(err, e)
	return s, err
}

func toWireUser(u User) wireUser {
	w := wireUser{
		Number: u.Number, Name: u.Name, Site: u.Site, Direct: notNil(u.Direct), Roams: u.Roams, Lamps: notNil(u.Lamps),
		Calendar: toWireCalendar(u.Calendar), Rules: notNil(toWireRules(u.Rules)),
	}
	w.MD5, w.SHA256 = toWireDigests(u.Digests)
	return w
}

func fromWireUser(w wireUser) User {
	if len(w.Lamps) == 0 {
		w.Lamps = nil
	}
	return User{
		Number: w.Number, Name: w.Name, Site: w.Site, Direct: w.Direct, Digests: fromWireDigests(w.MD5, w.SHA256), Roams: w.Roams, Lamps: w.Lamps,
		Calendar: fromWireCalendar(w.Calendar), Rules: fromWireRules(w.Rules),
	}
}

// elsewhere is written for digests that are held elsewhere: too short for one, so
// that a version that does not know of this lets nobody in.
const elsewhere = "-"

func toWireDigests(d Digests) (md5, sha256 []byte) {
	if d.Elsewhere {
		return []byte(elsewhere), nil
	}
	return unhex(d.MD5), unhex(d.SHA256)
}

func fromWireDigests(md5, sha256 []byte) Digests {
	switch {
	case len(md5)+len(sha256) == 0:
		return Digests{}
	case string(md5) == elsewhere:
		return Digests{Elsewhere: true}
	}
	return Digests{MD5: hex.EncodeToString(md5), SHA256: hex.EncodeToString(sha256)}
}

// unhex returns nothing for what is not hex: such digests let nobody in.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

func toWireTrunk(t Trunk) wireTrunk {
	t = t.withDefaults()
	return wireTrunk{Name: t.Name, Site: t.Site, Address: t.Address, Transport: t.Transport}
}

func fromWireTrunk(w wireTrunk) Trunk {
	return Trunk{Name: w.Name, Site: w.Site, Address: w.Address, Transport: w.Transport}.withDefaults()
}
