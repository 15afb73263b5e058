package dhcpserver

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// settling is how long what another server says has to stand before it is built
// upon: what came with it is learned key by key.
const settling = 3 * time.Second

// statusKey is where a server says what it does itself, beside what it says of addresses.
const statusKey = "@"

// A status is what one node of a site says of its own part in DHCP.
type status struct {
	On    bool   `json:"on"`              // it answers
	Epoch uint64 `json:"epoch"`           // another one each time it begins to answer, or ends
	Known epochs `json:"known,omitempty"` // whom it counts among the servers, and in which epoch
	Gone  ends   `json:"gone,omitempty"`  // who was one, and until when (Unix seconds) its addresses wait

	DNS netip.Addr `json:"dns,omitzero"` // where it answers DNS; zero: it does not
}

type (
	epochs map[string]uint64
	ends   map[string]int64
)

// A share knows among whom the addresses of a site are divided, and whether this
// node may give out its part: when all others have said that they count it in.
// Only then do they keep away from its part, and only then does it know what they
// gave to whom. Without them it waits: who will not come back is to be removed.
type share struct {
	self    string
	own     status
	others  map[string]heard
	members []string // the nodes of the site that could be servers, by name
	longest time.Duration
}

type heard struct {
	status

	at time.Time
}

func newShare(self string) share {
	return share{self: self, own: status{Known: epochs{}, Gone: ends{}}, others: map[string]heard{}}
}

// turn notes whether this node answers from now on.
func (s *share) turn(on bool) (changed bool) {
	if s.own.On == on && s.own.Epoch != 0 {
		return false
	}
	s.own.On, s.own.Epoch = on, 1+rand.Uint64N(1<<62) //nolint:gosec // no secret
	return true
}

// follow takes over who the nodes of the site are.
func (s *share) follow(members []string, now time.Time) (changed bool) {
	s.members = members
	for node := range s.own.Known {
		if !slices.Contains(members, node) {
			s.own.Gone[node] = now.Add(s.longest).Unix()
			delete(s.own.Known, node)
			changed = true
		}
	}
	for node, end := range s.own.Gone {
		if now.Unix() > end || slices.Contains(members, node) {
			delete(s.own.Gone, node)
			changed = true
		}
	}
	return changed
}

// learn notes what another node says of itself. It reports whether that node begins
// anew: then it must be told all that it said before, if it is to be counted in.
func (s *share) learn(node string, x status, now time.Time) (anew bool) {
	if before, known := s.others[node]; known && before.Epoch == x.Epoch && before.Known[s.self] == x.Known[s.self] {
		now = before.at // nothing new for us
	}
	s.others[node] = heard{x, now}
	return slices.Contains(s.members, node) && s.own.Known[node] != x.Epoch
}

// sharing returns among whom the addresses are divided, as this node sees it.
func (s *share) sharing() []string {
	all := slices.Collect(maps.Keys(s.own.Gone))
	for _, m := range s.members {
		x, known := s.others[m]
		if m == s.self && s.own.On || m != s.self && (!known || x.On) {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// waitsFor returns the servers that have not said yet that they count this one in.
func (s *share) waitsFor(now time.Time) (nodes []string) {
	for _, m := range s.members {
		x, known := s.others[m]
		switch {
		case m == s.self, known && !x.On:
		case !known, x.Known[s.self] != s.own.Epoch, now.Sub(x.at) < settling:
			nodes = append(nodes, m)
		}
	}
	return nodes
}

// living returns those of the servers that are not known to be dead.
func (s *share) living(alive func(string) bool) []string {
	return slices.DeleteFunc(s.sharing(), func(n string) bool {
		_, gone := s.own.Gone[n]
		return gone || n != s.self && !alive(n)
	})
}

// longestStatus bounds what a node may say of itself.
const longestStatus = 4096

var errStatus = errors.New("malformed status of a DHCP server")

func parseStatus(value []byte) (x status, err error) {
	if len(value) > longestStatus || json.Unmarshal(value, &x) != nil || x.Epoch == 0 {
		return x, errStatus
	}
	return x, nil
}

func (x status) bytes() []byte {
	b, _ := json.Marshal(x) // numbers, names: it cannot fail
	return b
}

// members returns the nodes that may give out the addresses of a site: its own,
// without witnesses.
func members(v *store.View, site string) (names []string) {
	for _, n := range v.Nodes() {
		if n.Role != store.Witness && v.SiteOf(n) == site {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// free reports whether an address may go to a device that never had it: nobody has
// said anything of it, or all servers have given up what they knew.
func free(said []live.Lease, sharing []string) bool {
	var turn uint64
	for _, x := range said {
		turn = max(turn, x.Turn)
	}
	for _, x := range said {
		if x.Turn == turn && (x.State == live.LeaseHeld || x.State == live.LeaseDeclined) {
			return false
		}
	}
	return turn == 0 || !slices.ContainsFunc(sharing, func(node string) bool {
		return !slices.ContainsFunc(said, func(x live.Lease) bool { return x.Node == node && x.Turn == turn })
	})
}
