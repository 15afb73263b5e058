package metrics

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"carillon/sipcore/transaction"
)

// A sink takes figures.
type sink chan<- prometheus.Metric

// labels are names and values in turn.
type labels []string

func (l labels) names() (names, values []string) {
	for i := 0; i+1 < len(l); i += 2 {
		names, values = append(names, l[i]), append(values, l[i+1])
	}
	return names, values
}

func (s sink) add(kind prometheus.ValueType, name, help string, value float64, l ...string) {
	names, values := labels(l).names()
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc("carillon_"+name, help, names, nil), kind, value, values...)
}

func (s sink) gauge(name, help string, value float64, l ...string) {
	s.add(prometheus.GaugeValue, name, help, value, l...)
}

func (s sink) counter(name, help string, value uint64, l ...string) {
	s.add(prometheus.CounterValue, name, help, float64(value), l...)
}

// counters takes every count of a struct, its field's name as the value of one
// label. So a counter that somebody adds is seen here without a word.
func (s sink) counters(name, help, label string, of any) {
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Uint64 {
			s.counter(name, help, v.Field(i).Uint(), label, snake(v.Type().Field(i).Name))
		}
	}
}

// durations takes a histogram.
func (s sink) durations(name, help string, d transaction.Durations, l ...string) {
	buckets, sum := make(map[float64]uint64), uint64(0)
	for i, bound := range transaction.Bounds() {
		sum += d.Counts[i]
		buckets[bound.Seconds()] = sum
	}
	sum += d.Counts[len(d.Counts)-1]
	names, values := labels(l).names()
	desc := prometheus.NewDesc("carillon_"+name, help, names, nil)
	s <- prometheus.MustNewConstHistogram(desc, sum, d.Sum.Seconds(), buckets, values...)
}

// snake makes of UDPFull udp_full.
func snake(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		if i > 0 && unicode.IsUpper(c) && (unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
