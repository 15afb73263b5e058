package admin

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"carillon/store/live"
)

// A Lease is an address that DHCP has given to a device.
type Lease struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
	Host    string     `json:"host"` // what the device calls itself
	Node    string     `json:"node"` // which has given or renewed it
	State   string     `json:"state"`
	Expires time.Time  `json:"expires"`
}

// The states of a lease.
const (
	leaseActive   = "active"
	leaseExpired  = "expired"  // the device gets the address again if it comes back
	leaseDeclined = "declined" // somebody else is on the address: nobody gets it now
)

// LeasesOf returns those of the leases that a node speaks for, as rows.
func LeasesOf(all []live.Lease, node string) []Lease {
	found, now := []Lease{}, time.Now()
	for _, x := range all {
		row := Lease{Address: x.Address, MAC: x.MAC, Host: x.Host, Node: x.Node, Expires: x.Until.UTC().Truncate(time.Second)}
		switch {
		case x.Node != node, x.State != live.LeaseHeld && x.State != live.LeaseDeclined:
			continue
		case x.State == live.LeaseDeclined:
			row.State = leaseDeclined
		case now.Before(x.Until):
			row.State = leaseActive
		default:
			row.State = leaseExpired
		}
		found = append(found, row)
	}
	return found
}

// SortLeases puts rows in the order in which they are shown. Of an address that two
// nodes speak for, what lasts longer stays.
func SortLeases(rows []Lease) {
	slices.SortFunc(rows, func(a, b Lease) int {
		return cmp.Or(a.Address.Compare(b.Address), b.Expires.Compare(a.Expires), cmp.Compare(a.Node, b.Node))
	})
}

// leases lists what DHCP has given out.
func (s *Server) leases(w http.ResponseWriter, r *http.Request) {
	found, silent := s.o.System.Leases(r.Context())
	sayPartial(w, silent)
	s.answer(w, notNil(found))
}

// Leases returns what DHCP has given out in the whole system. When some nodes did not
// answer, the error is a [*Partial] and the rest is there.
func (c *Client) Leases(ctx context.Context) ([]Lease, error) {
	return get[[]Lease](ctx, c, "/v1/leases", nil)
}
