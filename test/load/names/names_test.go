package names

import (
	"fmt"
	"testing"
)

func TestSpread(t *testing.T) {
	of := spreadOf([]round{{cpu: 3}, {cpu: 1}, {cpu: 2}}, func(r round) float64 { return r.cpu })
	if got := fmt.Sprintf("%.1f", of); got != "2.0 (1.0–3.0)" {
		t.Errorf("got %s", got)
	}
}

// Two answers are the same whatever the order of their records, and differ by
// their status.
func TestInOrder(t *testing.T) {
	const a = ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\na.\t30\tIN\tA\t192.0.2.1\na. 30 IN A 192.0.2.2\n"
	for text, same := range map[string]bool{
		";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 2\n;a. IN A\na. 30 IN A 192.0.2.2\na. 30 IN A 192.0.2.1\n": true,
		";; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: 1\na.\t30\tIN\tA\t192.0.2.1\na. 30 IN A 192.0.2.2\n":      false,
		";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1\na. 30 IN A 192.0.2.1\n":                                 false,
	} {
		if (inOrder(text) == inOrder(a)) != same {
			t.Errorf("%q is %q, and %q is %q: want them the same: %v", text, inOrder(text), a, inOrder(a), same)
		}
	}
}
