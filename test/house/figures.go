package house

import (
	"bytes"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"carillon/node/admin"
)

// Figures are what a node shows Prometheus, by name and labels as Prometheus
// writes them: `carillon_calls{state="up"}`. Of a histogram they have the count.
type Figures map[string]float64

// Figures asks the node for its figures.
func (n *Node) Figures() Figures {
	n.h.tb.Helper()
	ctx, cancel := n.h.context()
	defer cancel()
	text, err := admin.NewClient(n.data).Metrics(ctx)
	if err != nil {
		n.h.fatal("asking %s for its figures: %v", n.Name, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		n.h.fatal("reading the figures of %s: %v", n.Name, err)
	}
	all := Figures{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+`="`+l.GetValue()+`"`)
			}
			slices.Sort(labels)
			key := name
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			all[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}
