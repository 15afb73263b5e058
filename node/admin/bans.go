package admin

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"carillon/store"
	"carillon/store/live"
)

// Banning is what the API needs of whoever keeps strangers out. Its methods may
// be called at the same time.
type Banning interface {
	Bans() []Ban
	// LiftBan ends the bans of an address at every node and returns them, and
	// the names of the nodes that did not answer.
	LiftBan(ctx context.Context, a netip.Addr) (lifted []Ban, silent []string)
}

// A Ban keeps an address out of the whole system for some time.
type Ban struct {
	Address string    `json:"address"` // of a host, or the /64 of an IPv6 host
	Why     string    `json:"why"`
	Node    string    `json:"node"`  // which has decided it
	Times   int       `json:"times"` // how many bans in a row this is; each is longer
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

// BansOf returns bans as rows, in the order in which they are shown: those that
// began last come first.
func BansOf(bans []live.Ban) []Ban {
	rows := []Ban{}
	for _, x := range bans {
		rows = append(rows, Ban{
			Address: AddressOf(x), Why: x.Why, Node: x.Node, Times: x.Times,
			Since: x.Since.UTC().Truncate(time.Second), Until: x.Until.UTC().Truncate(time.Second),
		})
	}
	slices.SortFunc(rows, func(a, b Ban) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Node, b.Node))
	})
	return rows
}

// AddressOf returns whom a ban keeps out, as people write it.
func AddressOf(x live.Ban) string {
	if x.Address.IsSingleIP() {
		return x.Address.Addr().String()
	}
	return x.Address.String()
}

func (s *Server) bans(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, notNil(s.o.Banning.Bans()))
}

// liftBan ends the bans of ?address= at all nodes and answers with them.
func (s *Server) liftBan(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("address")
	a, ok := parseBanned(text)
	if !ok {
		s.refuse(w, r, invalid("address", printable(text)+" is not an address: `carillon bans` lists those that are banned"))
		return
	}
	lifted, silent := s.o.Banning.LiftBan(r.Context(), a)
	if len(lifted) == 0 && len(silent) == 0 {
		s.refuse(w, r, &Problem{Kind: string(store.NotFound), Message: text + " is not banned"})
		return
	}
	if len(lifted) > 0 {
		s.o.Events.Add("ban", "%s lifted the ban of %s", author(r), lifted[0].Address)
	}
	sayPartial(w, silent)
	s.answer(w, lifted)
}

// parseBanned reads an address, or what stands in the list of bans.
func parseBanned(text string) (netip.Addr, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Addr(), p.IsSingleIP() || p.Addr().Is6() && p.Bits() == 64
	}
	a, err := netip.ParseAddr(text)
	return a.WithZone(""), err == nil
}

// Bans returns who is kept out.
func (c *Client) Bans(ctx context.Context) ([]Ban, error) {
	return get[[]Ban](ctx, c, "/v1/bans", nil)
}

// LiftBan ends the bans of an address and returns them. When some nodes did not
// answer, the error is a [*Partial]: their bans stay.
func (c *Client) LiftBan(ctx context.Context, address string) ([]Ban, error) {
	return post[[]Ban](ctx, c, "/v1/bans/lift", url.Values{"address": {address}}, nil)
}
