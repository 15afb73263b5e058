// Package metrics gives a node's figures to Prometheus. Everything is read when
// somebody asks, from counters that exist anyway, so that nothing is paid while
// nobody does. Labels are few and bounded: methods, classes of responses,
// transports, reasons, names of nodes; no user, number or address is among them.
//
// What is counted is decided where it happens; here are only its names.
package metrics

import (
	"net/http"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"carillon/cluster/link"
	"carillon/cluster/session"
	"carillon/node/dnsserver"
	"carillon/sipcore"
)

// A Reading is what a node is and has done, at one moment.
type Reading struct {
	Version       string
	Mode          string         // cluster or survivable
	Config        uint64         // the index of the View in force
	Registrations int            // known here, also those of other nodes
	Calls         map[string]int // by state
	Dialogs       map[string]int // by state, those of other nodes too
	Lines         []session.Line
	Refused       link.Counters // at the cluster port
	SIP           sipcore.Counters
	DNS           dnsserver.Counters // zero where DNS is off
	DHCP          map[string]uint64  // messages by kind, and what became of others
	Leases        int                // addresses that devices have, also from other nodes of the site
}

// Asking is bounded, whoever may ask.
const (
	askersAtOnce = 4
	longestAsk   = 10 * time.Second
)

// Handler answers with the figures that read returns, and with those of the Go
// runtime and the process, in the formats that Prometheus asks for.
func Handler(read func() Reading) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collector{read},
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(
			collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/gc/heap/live:bytes$`)},
		)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: askersAtOnce, Timeout: longestAsk})
}

// A collector reads the node each time it is asked.
type collector struct{ read func() Reading }

// Describe implements [prometheus.Collector]: what there is depends on what has
// happened.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collector) Collect(to chan<- prometheus.Metric) {
	n := c.read()
	s := sink(to)
	s.node(&n)
	s.lines(n.Lines)
	s.messages(&n.SIP)
	s.transport(&n.SIP)
	s.transactions(&n.SIP)
}
