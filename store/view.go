package store

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"sync"
)

// A Config is the whole content of a View as people order it. It is a plain
// value: whoever has made one owns it, until NewView or a Change takes it.
type Config struct {
	Domain string // also the realm of the digests
	Sites  []Site
	Users  []User
	Trunks []Trunk

	Origins []string // of web pages whose telephones may connect; none: there is no WebSocket
	DNS     DNS

	Nodes   []Node      // by name
	Tokens  []JoinToken // in the order of their making
	Revoked []Revoked   // keys whose certificates no longer count, by fingerprint
	Keys    []Key       // of nonces and tokens; the last one is in force
	Ordered bool        // Changes say for which revision they are: see After
	Closed  bool        // a main has gone, with the authority's key, or Revoked forgets: who is in is told by Nodes alone

	Emergency []string // numbers of emergency services; none: 112 and 911
	Presence  Presence
	Pickup    string // what is dialled before the number of a desk that rings; empty: **

	APITokens []APIToken // in the order of their making
}

// A View is an immutable picture of the whole configuration. All methods are
// safe for concurrent use; what they return must not be modified.
type View struct {
	*content
	index uint64
}

// content is what Views of different indexes may share.
type content struct {
	config   Config
	users    map[string]int32 // by Number
	direct   map[string]int32 // by number in E.164
	sites    map[string]int32 // by Name
	networks networks
	trunks   trunks
	hash     func() string
}

// NewView returns a View of c with index 0. It does not validate: of two users
// with one number the first is found. It keeps c.
func NewView(c Config) *View {
	t := &content{
		config: c,
		users:  make(map[string]int32, len(c.Users)),
		direct: make(map[string]int32),
		sites:  make(map[string]int32, len(c.Sites)),
	}
	t.config.Sites = make([]Site, len(c.Sites))
	for i, s := range c.Sites {
		t.config.Sites[i] = s.withDefaults()
		putNew(t.sites, s.Name, i)
	}
	for i, u := range c.Users {
		putNew(t.users, u.Number, i)
		for _, d := range u.Direct {
			putNew(t.direct, d, i)
		}
	}
	t.config.Trunks = make([]Trunk, len(c.Trunks))
	for i, x := range c.Trunks {
		t.config.Trunks[i] = x.withDefaults()
	}
	if len(c.Emergency) == 0 {
		t.config.Emergency = defaultEmergency()
	}
	t.config.Presence = c.Presence.normal()
	t.config.Pickup = cmp.Or(c.Pickup, defaultPickup)
	t.trunks = newTrunks(&t.config)
	t.networks = newNetworks(t.config.Sites)
	t.hash = sync.OnceValue(func() string { return hash(t.config) })
	return &View{content: t}
}

func putNew(m map[string]int32, key string, i int) {
	if _, taken := m[key]; !taken {
		m[key] = int32(i) //nolint:gosec // a list is bounded far below 2^31
	}
}

// At returns the same View with another index.
func (v *View) At(index uint64) *View { return &View{content: v.content, index: index} }

// Index returns the place in the log of the Change that led to this View; 0 is
// a View that no Change has led to.
func (v *View) Index() uint64 { return v.index }

// Hash returns a short text that is the same on every node for the same
// content. The index is not content, nor are digests that not all nodes have: see
// Scope.
func (v *View) Hash() string { return v.hash() }

// Config returns the content. The lists are copies, the elements are not.
func (v *View) Config() Config {
	c := v.config
	c.Sites = slices.Clone(c.Sites)
	c.Users = slices.Clone(c.Users)
	c.Trunks = slices.Clone(c.Trunks)
	c.Origins = slices.Clone(c.Origins)
	c.DNS = c.DNS.clone()
	c.Nodes = slices.Clone(c.Nodes)
	c.Tokens = slices.Clone(c.Tokens)
	c.Revoked = slices.Clone(c.Revoked)
	c.Keys = slices.Clone(c.Keys)
	c.Emergency = slices.Clone(c.Emergency)
	c.Presence = c.Presence.clone()
	c.APITokens = slices.Clone(c.APITokens)
	return c
}

// Domain returns the SIP domain of the system, which is also the digest realm.
func (v *View) Domain() string { return v.config.Domain }

// IsLocal reports whether host is the domain of the system. A node's own
// addresses count too, but a View does not know them.
func (v *View) IsLocal(host string) bool {
	return v.config.Domain != "" && strings.EqualFold(strings.TrimSuffix(host, "."), v.config.Domain)
}

// User returns the user with the given number.
func (v *View) User(number string) (User, bool) { return at(v.config.Users, v.users, number) }

// UserByDirect returns the user whom the given number in E.164 reaches.
func (v *View) UserByDirect(number string) (User, bool) {
	return at(v.config.Users, v.direct, number)
}

// Site returns the site of the given name.
func (v *View) Site(name string) (Site, bool) { return at(v.config.Sites, v.sites, name) }

// Users returns all users in the order in which they are written.
func (v *View) Users() iter.Seq[User] { return slices.Values(v.config.Users) }

// Sites returns all sites in the order in which they are written.
func (v *View) Sites() iter.Seq[Site] { return slices.Values(v.config.Sites) }

// Trunks returns all trunks in the order in which they are written.
func (v *View) Trunks() iter.Seq[Trunk] { return slices.Values(v.config.Trunks) }

func at[T any](list []T, index map[string]int32, key string) (T, bool) {
	i, ok := index[key]
	if !ok {
		var none T
		return none, false
	}
	return list[i], true
}
