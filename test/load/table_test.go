package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the rig prints, and the table that comes of it.
func TestTable(t *testing.T) {
	const printed = `reg-udp round 0 kamfm     ok=10000 failed=0 retransmitted=0 76 us/op 0.0 kB/call pss=12 MB
reg-udp round 0 carillon  ok=10000 failed=0 retransmitted=3 57 us/op 0.0 kB/call pss=40 MB
reg-udp round 1 kamfm     ok=10000 failed=0 retransmitted=0 106 us/op 0.0 kB/call pss=12 MB
reg-udp round 1 carillon  ok=9990 failed=10 retransmitted=3 20 us/op 0.0 kB/call pss=40 MB
reg-udp round 2 kamfm     ok=10000 failed=0 retransmitted=0 72 us/op 0.0 kB/call pss=12 MB
reg-udp round 2 carillon  ok=10000 failed=0 retransmitted=3 61 us/op 0.0 kB/call pss=40 MB
median kamfm     76.0 us/op = 1.00 x kamfm
ring-udp round 0 kamfm     ok=2000 failed=0 retransmitted=0 0 us/op 16.2 kB/call pss=44 MB
ring-udp round 0 carillon  ok=2000 failed=0 retransmitted=0 0 us/op 3.9 kB/call pss=48 MB
call-tcp round 0 kamfm     ok=5000 failed=1 retransmitted=0 220 us/op 0.0 kB/call pss=12 MB
call-tcp round 0 carillon  ok=5000 failed=0 retransmitted=0 200 us/op 0.0 kB/call pss=12 MB
`
	var rounds []round
	for line := range strings.Lines(printed) {
		if r, ok := parseRound(line); ok {
			rounds = append(rounds, r)
		}
	}
	var got strings.Builder
	writeTable(&got, []trial{{what: "reg"}, {what: "ring"}, {what: "call", tcp: true}}, []string{"kamfm", "carillon"}, rounds)
	const want = `| trial | unit | kamfm | carillon | ratio |
| --- | --- | --- | --- | --- |
| reg-udp | µs CPU | 76 (72–106) | 59 (57–61) | 0.78 |
| ring-udp | kB a ringing call | 16.2 (16.2–16.2) | 3.9 (3.9–3.9) | 0.24 |
| call-tcp | µs CPU | – | 200 (200–200) | – |

reg-udp, carillon: 1 of 3 rounds had failed calls and do not count

call-tcp, kamfm: 1 of 1 rounds had failed calls and do not count
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTrials(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags flags
		what  []string
		want  string
	}{
		{"all", flags{}, nil, "reg-udp reg-tcp call-udp call-tcp ring-udp"},
		{"TCP", flags{tcp: true}, []string{"reg", "call"}, "reg-tcp call-tcp"},
		{"UDP", flags{udp: true}, []string{"call"}, "call-udp"},
		{"both", flags{udp: true, tcp: true}, []string{"call"}, "call-udp call-tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, one := range trials(c.flags, c.what) {
				got = append(got, one.name())
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
