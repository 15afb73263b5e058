package lab

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"carillon/test/tool"
)

// namesInACut: phones of a branch are told the same of their servers, byte for byte
// and as fast, while the line swallows everything, in the moments after it was cut
// and mended as well.
func namesInACut(t *testing.T) {
	t.Helper()
	const rounds, each = 3, 500
	s := OpenSystem(t, twoMains(), numbered(struck, 2))
	r := s.resolver(struck, homes[struck])
	took := map[bool][]time.Duration{}
	for range rounds {
		for _, cut := range []bool{false, true} {
			mode := map[bool]string{false: "cluster", true: "survivable"}[cut]
			if cut {
				s.lines[struck].Cut()
			}
			r.until("the site is in mode "+mode, time.Minute, func() bool { return s.nodes[homes[struck]].status().Mode == mode })
			for n := range each {
				took[cut] = append(took[cut], r.asks(n))
			}
			if cut {
				s.lines[struck].Mend()
			}
		}
	}
	r.until("half a minute is over", time.Minute, func() bool { return time.Since(r.began) > 30*time.Second })
	median := func(cut bool) float64 {
		slices.Sort(took[cut])
		return float64(took[cut][len(took[cut])/2].Microseconds())
	}
	t.Logf("answers: %d, of %d questions in turn; median %v µs with the line up, %v µs with the line cut; worst %v and %v",
		r.count, len(r.questions), median(false), median(true), slices.Max(took[false]), slices.Max(took[true]))
	tool.Figure(t, "answers that are not those of before the line was cut", float64(r.others), 0, "")
	tool.Figure(t, "median time of an answer with the line cut, of that with the line up", median(true)/median(false), 1.2, "")
}

// A resolver asks a node for names from the place of a phone.
type resolver struct {
	t         testing.TB
	conn      net.Conn
	questions [][]byte
	answers   [][]byte // that were given at first
	began     time.Time

	count, others int
}

// asking is the time between two questions: a node answers a phone 200 times a second.
const asking = 10 * time.Millisecond

// The types of records that are asked for.
const (
	typeA, typeNS, typeSOA, typePTR, typeAAAA, typeSRV, typeNAPTR = 1, 2, 6, 12, 28, 33, 35
)

func (s *System) resolver(site, node string) *resolver {
	s.tb.Helper()
	r := &resolver{t: s.tb, began: time.Now()}
	at := s.nodes[node].Addr
	if err := s.hosts[site+"-phones"].from(func() (err error) {
		r.conn, err = net.Dial("udp4", netip.AddrPortFrom(at, 53).String())
		return err
	}); err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = r.conn.Close() })
	b := at.As4()
	reverse := fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", b[3], b[2], b[1], b[0])
	for _, q := range []struct {
		name string
		kind byte
	}{
		{Domain, typeNAPTR},
		{"_sip._tcp." + Domain, typeSRV},
		{"_sips._tcp." + Domain, typeSRV},
		{"_sip._udp." + Domain, typeSRV},
		{Domain, typeA},
		{Domain, typeAAAA},
		{Domain, typeSOA},
		{Domain, typeNS},
		{node + "." + Domain, typeA},
		{s.first + "." + Domain, typeA},
		{reverse, typePTR},
		{"nobody." + Domain, typeA},
	} {
		r.questions = append(r.questions, question(q.name, q.kind))
	}
	for n := range r.questions {
		r.answers = append(r.answers, slices.Clone(r.exchange(n)))
	}
	return r
}

// question is a packet that asks for records of a name (RFC 1035 section 4.1).
func question(name string, kind byte) []byte {
	b := []byte{0x4c, 0x01, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, kind, 0, 1)
}

func (r *resolver) exchange(n int) []byte {
	r.t.Helper()
	b := make([]byte, 1<<12) //nolint:mnd // more than any answer has
	_ = r.conn.SetDeadline(time.Now().Add(patience))
	_, err := r.conn.Write(r.questions[n])
	got := 0
	if err == nil {
		got, err = r.conn.Read(b)
	}
	if err != nil {
		r.t.Fatalf("question %d: %v", n, err)
	}
	return b[:got]
}

// asks asks one of the questions, and compares the answer with the first one.
func (r *resolver) asks(n int) (took time.Duration) {
	r.t.Helper()
	n %= len(r.questions)
	time.Sleep(asking)
	began := time.Now()
	got := r.exchange(n)
	took = time.Since(began)
	r.count++
	if !bytes.Equal(got, r.answers[n]) {
		if r.others++; r.others <= 3 {
			r.t.Errorf("%v after the beginning, question %d is answered\n%q, and not\n%q", time.Since(r.began).Round(time.Millisecond), n, got, r.answers[n])
		}
	}
	return took
}

// until goes on asking until a condition is true.
func (r *resolver) until(what string, within time.Duration, is func() bool) {
	r.t.Helper()
	n := 0
	eventually(r.t, what, within, func() bool {
		for range len(r.questions) {
			r.asks(n)
			n++
		}
		return is()
	})
}
