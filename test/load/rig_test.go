package main

import (
	"testing"

	"carillon/test/house"
	"carillon/test/tool"
)

// TestRig keeps the comparison working: each trial, small, against Carillon
// alone. Kamailio is not needed for that, and installing Debian's package would
// start it on port 5060.
func TestRig(t *testing.T) {
	tool.Need(t, "sipp", "sip-tester")
	tool.Need(t, "python3", "python3")
	tool.Shared(t, "rig/run.py")
	r, err := newRig(t.Context(), house.Address(t).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	for _, one := range trials(flags{rounds: 1, servers: "carillon", rate: 200, n: 300}, []string{"reg", "call"}) {
		t.Run(one.name(), func(t *testing.T) {
			var rounds []round
			var printed string
			err := r.run(t.Context(), one, "", func(line string) {
				printed += line + "\n"
				if measured, ok := parseRound(line); ok {
					rounds = append(rounds, measured)
				}
			})
			if err != nil || len(rounds) != 1 || rounds[0].done != one.n || rounds[0].failed != 0 {
				t.Errorf("got error %v and\n%swant one round with %d operations and no failure", err, printed, one.n)
			}
		})
	}
}

// TestLampRig keeps the comparison of subscriptions working, and phones that start at once.
func TestLampRig(t *testing.T) {
	tool.Need(t, "sipp", "sip-tester")
	tool.Need(t, "python3", "python3")
	tool.Shared(t, "rig/presence/bench.py")
	r, err := newRig(t.Context(), house.Address(t).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	if err = r.phonesRegister(t.Context(), 30); err != nil {
		t.Fatal(err)
	}
	got, err := r.bench(t.Context(), carillonServer, 30, 2)
	if err != nil || got.Calls != [3]float64{30, 0, got.Calls[2]} || got.Watch[0] != 60 || got.Notifies < 3 {
		t.Errorf("got %+v and error %v, want 30 calls, and 60 watchers who are told of them", got, err)
	}
	if err = runBoot(t.Context(), []string{"-phones", "40", "-within", "1s", "-for", "2s", "-listen", house.Address(t).String()}); err != nil {
		t.Error(err)
	}
}
