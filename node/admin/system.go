package admin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"carillon/store"
)

// A System is what the API needs of the other nodes. All methods may be called
// at the same time. What only some nodes know is asked of them; the names of
// those that did not answer come with the answer.
type System interface {
	Members() []Member
	Links() []LinkDetail
	Registrations(ctx context.Context, user string) (found []Registration, silent []string)
	// Leases returns what DHCP has given out, likewise.
	Leases(ctx context.Context) (found []Lease, silent []string)
	Calls(ctx context.Context) (found []Call, silent []string)
}

// A Member is one node of the system.
type Member struct {
	Name    string    `json:"name"`
	Site    string    `json:"site"`
	Role    string    `json:"role"`
	Address string    `json:"address"` // of its cluster port
	State   string    `json:"state"`   // alive, suspect, dead or left
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Drained bool      `json:"drained,omitempty"` // its phones go elsewhere
}

// A LinkDetail is all that is known about a link.
type LinkDetail struct {
	Link

	Heard     time.Time       `json:"heard"`       // when anything came; zero: never
	RoundTrip float64         `json:"rtt_ms"`      // 0: not measured yet
	Budget    int             `json:"budget_kbit"` // a second, both ways together; 0: no bound
	Lag       int             `json:"lag"`         // changes that the other node does not have yet
	LagTime   float64         `json:"lag_ms"`      // for how long the oldest of them has waited
	Sent      uint64          `json:"sent"`        // bytes of IP since the node started
	Received  uint64          `json:"received"`
	Classes   map[string]Both `json:"classes"` // what they were for
}

// Both is bytes of IP each way.
type Both struct {
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
}

// A Site is a place and the nodes that stand there.
type Site struct {
	Name     string       `json:"name"`
	Networks []string     `json:"networks"`
	Nodes    []NodeAtSite `json:"nodes"`
	Users    int          `json:"users"` // of the configuration, not those registered
}

// A NodeAtSite is a node in the list of its site.
type NodeAtSite struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	State string `json:"state"`
}

// silentHeader names the nodes that an answer lacks.
const silentHeader = "Carillon-Silent"

func sayPartial(w http.ResponseWriter, silent []string) {
	if len(silent) > 0 {
		w.Header().Set(silentHeader, strings.Join(silent, ","))
	}
}

func (s *Server) members(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, notNil(s.o.System.Members()))
}

func (s *Server) links(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, notNil(s.o.System.Links()))
}

// sites lists the sites in the order of the configuration.
func (s *Server) sites(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.allSites()) }

func (s *Server) allSites() []Site {
	view := s.o.Config.View()
	at := make(map[string][]NodeAtSite)
	for _, m := range s.o.System.Members() {
		at[m.Site] = append(at[m.Site], NodeAtSite{m.Name, m.Role, m.State})
	}
	users := make(map[string]int)
	for u := range view.Users() {
		users[u.Site]++
	}
	found := []Site{}
	for x := range view.Sites() {
		found = append(found, siteRow(x, at[x.Name], users[x.Name]))
	}
	return found
}

func siteRow(x store.Site, nodes []NodeAtSite, users int) Site {
	row := Site{Name: x.Name, Networks: []string{}, Nodes: notNil(nodes), Users: users}
	for _, p := range x.Networks {
		row.Networks = append(row.Networks, p.String())
	}
	slices.SortFunc(row.Nodes, func(a, b NodeAtSite) int { return cmp.Compare(a.Name, b.Name) })
	return row
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
