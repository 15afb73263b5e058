package main

import "strconv"

// A trial is one comparison: what is done, over which transport, and how often.
type trial struct {
	what    string
	tcp     bool
	rate, n int
	rounds  int
	servers string
}

func kinds() []string { return []string{"reg", "call", "ring"} }

// trials returns what the command line asks for. Ringing calls are counted in
// memory, which does not depend on the transport: the rig knows them over UDP.
func trials(f flags, what []string) []trial {
	if len(what) == 0 {
		what = kinds()
	}
	var found []trial
	for _, w := range what {
		t := usual(w)
		t.rounds, t.servers = f.rounds, f.servers
		if f.rate != 0 {
			t.rate = f.rate
		}
		if f.n != 0 {
			t.n = f.n
		}
		if !f.tcp || f.udp {
			found = append(found, t)
		}
		if w != "ring" && (!f.udp || f.tcp) {
			t.tcp = true
			found = append(found, t)
		}
	}
	return found
}

// usual is enough load for a steady figure, and not so much that two cores that
// also carry the clients lose calls.
func usual(what string) trial {
	switch what {
	case "reg":
		return trial{what: what, rate: 1500, n: 10000}
	case "call":
		return trial{what: what, rate: 600, n: 5000}
	default:
		return trial{what: what, rate: 400, n: 2000}
	}
}

// name is how the rig calls the trial in what it prints.
func (t trial) name() string {
	if t.tcp {
		return t.what + "-tcp"
	}
	return t.what + "-udp"
}

// args is the rig's command line.
func (t trial) args() []string {
	args := []string{t.what, "--servers", t.servers, "--rate", strconv.Itoa(t.rate), "--n", strconv.Itoa(t.n), "--rounds", strconv.Itoa(t.rounds)}
	if t.tcp {
		args = append(args, "--tcp")
	}
	return args
}
