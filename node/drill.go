package node

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"carillon/cluster/link"
	"carillon/node/admin"
	"carillon/node/dnsserver"
	"carillon/sipcore"
	"carillon/store"
	"carillon/store/live"
)

// askDrill is how nodes speak of a drill; it passes while they are deaf to each
// other, so that a drill can be watched and ended.
const askDrill = "drill"

// drillBegins is how long the word has to get through to all before it begins.
const drillBegins = time.Second

// What one node tells another about a drill.
const (
	drillBegin  = "begin"
	drillStop   = "stop"
	drillReport = "report"
)

type drillOrder struct {
	What string        `json:"what"`
	Site string        `json:"site"` // empty in an order to stop: whichever it is
	For  time.Duration `json:"for,omitempty"`
	In   time.Duration `json:"in,omitempty"`
	Why  string        `json:"why,omitempty"`
}

// A drill rehearses the loss of a site's line: at the nodes of the site, which
// become deaf to all others, and at these, which become deaf to it and its phones.
// Each node ends it by its own clock. It implements [admin.Drills].
type drill struct {
	self     func() store.Node
	config   *configuration
	peers    *peers
	port     *link.Port
	sip      *sipcore.Server
	names    func() *dnsserver.Server // nil where DNS is off
	standing *standing
	bindings *live.Bindings
	calls    *live.Calls
	events   *admin.Events
	begun    chan *rehearsal // to Run

	mu   sync.Mutex
	now  *rehearsal      // that goes on, or nil
	told admin.DrillNode // of the last one
	site string          // of the last one that this node took part in
}

// A rehearsal is a drill at one node.
type rehearsal struct {
	drillOrder

	inside bool        // the node is of the site
	stop   chan string // why; has room for one
	cried  atomic.Bool // somebody has called for help
}

// rehearses makes the part that obeys.
func (n *Node) rehearses(port *link.Port, sip *sipcore.Server) *drill {
	d := &drill{
		self: n.self, config: n.config, peers: n.peers, port: port, sip: sip, standing: n.standing, bindings: n.bindings,
		calls: n.calls, events: n.events, begun: make(chan *rehearsal, 1), names: func() *dnsserver.Server { return n.names },
	}
	port.HandleThrough(askDrill, d.answer)
	n.run("drills", d.Run)
	return d
}

// answer takes the order of another node: of a main, or one of the site. Any may end
// a drill: somebody calls for help there.
func (d *drill) answer(_ context.Context, from link.Peer, body []byte) ([]byte, error) {
	var o drillOrder
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, err
	}
	asker, known := d.config.View().Node(from.Node)
	if o.What != drillStop && from.Role != link.Main && (!known || d.config.View().SiteOf(asker) != o.Site) {
		return nil, fmt.Errorf("%s is no main and not of %s: it rehearses nothing there", from.Node, o.Site)
	}
	told, err := d.obey(o)
	if err != nil {
		return nil, err
	}
	return json.Marshal(told)
}

// obey begins or ends a drill here, or tells of it.
func (d *drill) obey(o drillOrder) (admin.DrillNode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case o.What == drillStop && d.now != nil && (o.Site == "" || d.now.Site == o.Site):
		select {
		case d.now.stop <- o.Why:
		default: // it ends already
		}
	case o.What != drillBegin:
	case o.For <= 0 || o.For > admin.LongestDrill || o.In < 0 || o.In > drillBegins:
		return d.told, fmt.Errorf("a drill lasts at most %v", admin.LongestDrill)
	case d.now != nil:
		return d.told, fmt.Errorf("a drill of %s goes on at %s", d.now.Site, d.self().Name)
	default:
		d.now = &rehearsal{drillOrder: o, inside: d.config.View().SiteOf(d.self()) == o.Site, stop: make(chan string, 1)}
		d.told = admin.DrillNode{Node: d.self().Name, State: admin.DrillWaits, Elsewhere: !d.now.inside}
		d.site = o.Site
		d.begun <- d.now
	}
	return d.told, nil
}

// inside returns the nodes of a site that serve phones, and outside the others.
func (d *drill) inside(site string) (inside, outside []store.Node) {
	view := d.config.View()
	for _, n := range append(d.peers.others(), d.self()) {
		switch {
		case n.Role == store.Witness:
		case view.SiteOf(n) == site:
			inside = append(inside, n)
		default:
			outside = append(outside, n)
		}
	}
	return inside, outside
}

// StartDrill implements [admin.Drills]. All nodes of the site must have agreed
// before it begins; of the others those that can be reached take part.
func (d *drill) StartDrill(ctx context.Context, who, site string, lasts time.Duration) error {
	view := d.config.View()
	if _, known := view.Site(site); !known {
		return &store.Error{Kind: store.NotFound, Message: fmt.Sprintf("there is no site %q: `carillon sites` lists them", site)}
	}
	if self := d.self(); self.Role != store.Main && view.SiteOf(self) != site {
		return &store.Error{Kind: store.Conflict, Message: "ask for it at a main, or at a node of the site"}
	}
	inside, outside := d.inside(site)
	for _, n := range inside {
		if n.Role == store.Main {
			return &store.Error{Kind: store.Invalid, Message: fmt.Sprintf("%s stands at %s: only a site without mains goes on alone", n.Name, site)}
		}
	}
	if len(inside) == 0 {
		return &store.Error{Kind: store.Invalid, Message: site + " has no node: without its line it has nothing"}
	}
	o := drillOrder{What: drillBegin, Site: site, For: lasts, In: drillBegins}
	for i, n := range inside {
		if _, err := d.tell(ctx, n, o); err != nil {
			stop := drillOrder{What: drillStop, Site: site, Why: "not all nodes of the site take part"}
			d.each(inside[:i], func(n store.Node) { _, _ = d.tell(ctx, n, stop) })
			return &store.Error{Kind: store.Conflict, Message: fmt.Sprintf("%s does not take part, so there is no drill: %v", n.Name, err)}
		}
	}
	d.each(outside, func(n store.Node) { _, _ = d.tell(ctx, n, o) })
	return nil
}

// StopDrill implements [admin.Drills].
func (d *drill) StopDrill(ctx context.Context, who string) {
	d.mu.Lock()
	site := d.site
	d.mu.Unlock()
	d.tellAll(ctx, drillOrder{What: drillStop, Site: site, Why: who + " has ended it"})
}

// Drill implements [admin.Drills].
func (d *drill) Drill(ctx context.Context) (admin.Drill, error) {
	d.mu.Lock()
	site := d.site
	d.mu.Unlock()
	if site == "" {
		return admin.Drill{}, &store.Error{Kind: store.NotFound, Message: "no drill has been since this node started"}
	}
	told := admin.Drill{Site: site, Done: true, Nodes: []admin.DrillNode{}, Silent: []string{}}
	inside, outside := d.inside(site)
	var mu sync.Mutex
	ask := func(n store.Node) (one admin.DrillNode, err error) {
		one, err = d.tell(ctx, n, drillOrder{What: drillReport, Site: site})
		mu.Lock()
		return one, err
	}
	d.each(inside, func(n store.Node) {
		one, err := ask(n)
		defer mu.Unlock()
		if err != nil {
			told.Silent = append(told.Silent, n.Name)
			return
		}
		told.Done = told.Done && one.State == admin.DrillDone
		told.Nodes = append(told.Nodes, one)
	})
	d.each(outside, func(n store.Node) {
		one, err := ask(n)
		defer mu.Unlock()
		if err == nil && one.Elsewhere && one.HadCalls() {
			told.Nodes = append(told.Nodes, one)
		}
	})
	slices.SortStableFunc(told.Nodes, byPlace)
	told.Kept = told.Done && len(told.Silent) == 0
	for _, n := range told.Nodes {
		told.Kept = told.Kept && len(n.Broken()) == 0
	}
	return told, nil
}

// byPlace puts the nodes of the site first.
func byPlace(a, b admin.DrillNode) int {
	if a.Elsewhere != b.Elsewhere {
		if a.Elsewhere {
			return 1
		}
		return -1
	}
	return strings.Compare(a.Node, b.Node)
}

func (d *drill) tellAll(ctx context.Context, o drillOrder) {
	inside, outside := d.inside(o.Site)
	d.each(append(inside, outside...), func(n store.Node) { _, _ = d.tell(ctx, n, o) })
}

func (d *drill) each(nodes []store.Node, f func(store.Node)) {
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() { f(n) })
	}
	all.Wait()
}

// tell gives an order to a node, this one too.
func (d *drill) tell(ctx context.Context, n store.Node, o drillOrder) (told admin.DrillNode, err error) {
	if n.Name == d.self().Name {
		return d.obey(o)
	}
	body, err := json.Marshal(o)
	if err != nil {
		return told, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := d.port.AskThrough(ctx, n.Name, n.Address, askDrill, body)
	if err != nil {
		return told, err
	}
	return told, json.Unmarshal(answer, &told)
}
