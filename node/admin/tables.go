package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"carillon/store/live"
)

// Status is what a node says about itself.
type Status struct {
	Name          string `json:"name"`
	Site          string `json:"site"`
	Role          string `json:"role"`
	Mode          string `json:"mode"` // cluster or survivable
	Links         []Link `json:"links"`
	Config        uint64 `json:"config"` // the index of the View in force
	ConfigHash    string `json:"config_hash"`
	Registrations int    `json:"registrations"`
	Calls         int    `json:"calls"`

	Refused Refused `json:"refused"`
	Drained bool    `json:"drained,omitempty"` // its phones go elsewhere
	Out     string  `json:"out,omitempty"`     // the node that has said that this one was removed or replaced

	CertificateEnds    time.Time `json:"certificate_ends"`              // of the one that the node shows other nodes
	CertificateOverdue bool      `json:"certificate_overdue,omitempty"` // it should have been renewed

	ServiceAddress *ServiceAddress `json:"service_address,omitempty"` // of the node's site, if it has one

	Subscriptions int `json:"subscriptions"` // of phones of this node, to lamps and the like
}

// A ServiceAddress is one that the nodes of a site share.
type ServiceAddress struct {
	Address string `json:"address"`           // with the length of its network
	Holder  string `json:"holder"`            // the node that has it, or the hardware address of a stranger; empty: none that is known
	Trouble string `json:"trouble,omitempty"` // why this node cannot hold it
}

// Refused is how often somebody was turned away at the cluster port since the
// node started.
type Refused struct {
	Strangers   uint64 `json:"strangers"`     // no certificate at all
	OtherSystem uint64 `json:"other_system"`  // a certificate of another system
	Removed     uint64 `json:"removed_nodes"` // a certificate of a node that was removed or replaced
	Unlisted    uint64 `json:"unlisted"`      // a certificate of this system, of nobody that the registry lists
	Joins       uint64 `json:"joins"`         // a token that was wrong, used or expired, or a node that cannot be had
	Protocols   uint64 `json:"protocols"`     // nothing that is spoken there
	Crowded     uint64 `json:"crowded"`       // too many at once
	Forged      uint64 `json:"forged_packets"`
	Replayed    uint64 `json:"replayed_packets"`
	Unwelcome   uint64 `json:"unwelcome"` // how often others turned this node away
}

// A Link is how a node stands with another one.
type Link struct {
	Node  string    `json:"node"`
	State string    `json:"state"` // up or down
	Since time.Time `json:"since"`
}

// A Registration is a phone that can be called.
type Registration struct {
	User      string    `json:"user"`
	Contact   string    `json:"contact"`
	Node      string    `json:"node"`
	Transport string    `json:"transport"`
	State     string    `json:"state"`            // up, or down: it must come back before it can be called
	Expires   time.Time `json:"expires,omitzero"` // left out when only its silent owner knows
}

// A Call is one that rings or is up.
type Call struct {
	ID     string    `json:"id"`
	CallID string    `json:"call_id"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	State  string    `json:"state"` // ringing or up
	Node   string    `json:"node"`
	Since  time.Time `json:"since"`
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.o.Status()) }

// registrations lists who is registered, or the phones of ?user=.
func (s *Server) registrations(w http.ResponseWriter, r *http.Request) {
	found, silent := s.o.System.Registrations(r.Context(), r.URL.Query().Get("user"))
	sayPartial(w, silent)
	s.answer(w, notNil(found))
}

// RegistrationsOf returns the bindings of node, or only those of user, as rows.
func RegistrationsOf(b *live.Bindings, node, user string) []Registration {
	bindings, now := b.All(), time.Now()
	found := []Registration{}
	for _, x := range bindings {
		if x.Node == node && (user == "" || x.User == user) {
			found = append(found, registrationOf(x, now))
		}
	}
	SortRegistrations(found)
	return found
}

// SortRegistrations puts rows in the order in which they are shown.
func SortRegistrations(rows []Registration) {
	slices.SortFunc(rows, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Node, b.Node))
	})
}

func registrationOf(b live.Binding, now time.Time) Registration {
	return Registration{
		User: b.User, Contact: b.Contact, Node: b.Node, Transport: b.Transport,
		State: b.State(now), Expires: b.Expires.UTC().Truncate(time.Second),
	}
}

// calls lists the calls that exist, the oldest first.
func (s *Server) calls(w http.ResponseWriter, r *http.Request) {
	found, silent := s.o.System.Calls(r.Context())
	sayPartial(w, silent)
	s.answer(w, notNil(found))
}

// CallsOf returns the calls of a table as rows.
func CallsOf(calls *live.Calls) []Call { return callRows(calls.All()) }

// CallsLearned returns the calls that another node has told of as rows.
func CallsLearned(d *live.Dialogs, node string) []Call { return callRows(d.CallsOf(node)) }

func callRows(calls []live.Call) []Call {
	found := []Call{}
	for _, c := range calls {
		found = append(found, Call{
			ID: strings.ReplaceAll(c.ID, "\x00", ";"), CallID: c.CallID, From: c.From, To: c.To,
			State: c.State, Node: c.Node, Since: c.Since.UTC().Truncate(time.Millisecond),
		})
	}
	SortCalls(found)
	return found
}

// SortCalls puts rows in the order in which they are shown.
func SortCalls(rows []Call) {
	slices.SortFunc(rows, func(a, b Call) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
}

// A User is a number that can be called.
type User struct {
	Number string `json:"number"`
	Name   string `json:"name"`
}

// users lists the numbers that the configuration knows.
func (s *Server) users(w http.ResponseWriter, _ *http.Request) {
	found := []User{}
	for u := range s.o.Config.View().Users() {
		found = append(found, User{u.Number, u.Name})
	}
	s.answer(w, found)
}
