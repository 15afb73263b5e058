package dnsserver

import (
	"strconv"
	"sync"
	"time"

	"carillon/store"
)

// zoneLife is how long a zone is believed before it is asked again which nodes
// serve: one that drains or dies leaves it.
const zoneLife = 500 * time.Millisecond

// zones are what the sites are told, made when somebody asks.
type zones struct {
	mu    sync.Mutex
	made  *store.View // they are of
	serve string      // and of these nodes
	until time.Time
	of    map[string]*zone
}

// zone returns what a site is told, as it was half a second ago at most.
func (s *Server) zone(v *store.View, site string, now time.Time) *zone {
	s.zones.mu.Lock()
	defer s.zones.mu.Unlock()
	if v != s.zones.made || now.After(s.zones.until) {
		s.zones.renew(v, now, s.o.Serves)
	}
	z := s.zones.of[site]
	if z == nil {
		z = newZone(v, site, s.o.Serves)
		s.zones.of[site] = z
	}
	return z
}

// renew forgets the zones unless they are what they would be now.
func (z *zones) renew(v *store.View, now time.Time, serves func(string) bool) {
	nodes := v.Nodes()
	serve := make([]byte, 0, len(nodes))
	for _, n := range nodes {
		serve = strconv.AppendBool(serve, serves(n.Name))
	}
	if v != z.made || string(serve) != z.serve || z.of == nil {
		z.made, z.serve, z.of = v, string(serve), map[string]*zone{}
	}
	z.until = now.Add(zoneLife)
}
