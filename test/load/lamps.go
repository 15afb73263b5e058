package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"carillon/test/house/wire"
)

// A bench is one round of the rig's presence/bench.py: what subscriptions and calls
// cost a server when each user has so many watchers.
type bench struct {
	server   string
	Watchers int        `json:"watchers"`
	Sub      float64    `json:"sub_us"`
	Size     float64    `json:"sub_kb"`
	Call     float64    `json:"call_us"`
	Calls    [3]float64 `json:"calls"` // successful, failed, retransmissions
	Watch    [3]float64 `json:"watch"`
	Notifies float64    `json:"notifies_per_sub"` // for each watcher and call, the first one included
}

// manyWatchers is how many watch each user where a NOTIFY is measured.
const manyWatchers = 20

// lamps compares SUBSCRIBE and NOTIFY with Kamailio's presence modules, interleaved, and
// how soon the last of twenty watchers knows that a phone rings.
func (r *rig) lamps(ctx context.Context, f flags) error {
	users := cmp.Or(f.n, 1000)
	if err := r.phonesRegister(ctx, users); err != nil {
		return err
	}
	var rounds []bench
	told := map[string][]time.Duration{}
	for range f.rounds {
		for server := range strings.SplitSeq(f.servers, ",") {
			for _, watchers := range []int{0, manyWatchers} {
				one, err := r.bench(ctx, server, users, watchers)
				if err != nil {
					return err
				}
				rounds = append(rounds, one)
			}
			waits, err := r.told(ctx, server)
			if err != nil {
				return fmt.Errorf("how soon %s tells: %w", server, err)
			}
			told[server] = append(told[server], waits...)
		}
	}
	fmt.Printf("`go run ./test/load lamps -rounds %d -n %d`, interleaved; median (least–most)\n\n", f.rounds, users)
	writeLamps(strings.Split(f.servers, ","), rounds, told)
	return nil
}

// writeLamps prints one line for each figure; the first server is the measure.
func writeLamps(servers []string, rounds []bench, told map[string][]time.Duration) {
	writeRow(os.Stdout, append([]string{"what"}, append(servers, "ratio")...))
	writeRow(os.Stdout, slices.Repeat([]string{"---"}, len(servers)+2))
	line := func(name string, of func(server string) figure) {
		row := []string{name}
		var all []figure
		for _, s := range servers {
			all = append(all, of(s))
			row = append(row, all[len(all)-1].String())
		}
		writeRow(os.Stdout, append(row, ratio(all[len(all)-1], all[0])))
	}
	line("SUBSCRIBE with its NOTIFY, µs CPU", func(s string) figure {
		return middle(rounds, s, manyWatchers, func(b bench) float64 { return b.Sub })
	})
	line("memory of a subscription, kB", func(s string) figure {
		return middle(rounds, s, manyWatchers, func(b bench) float64 { return b.Size })
	})
	line("call nobody watches, µs CPU", func(s string) figure { return middle(rounds, s, 0, func(b bench) float64 { return b.Call }) })
	line("call of 20 watchers, µs CPU", func(s string) figure {
		return middle(rounds, s, manyWatchers, func(b bench) float64 { return b.Call })
	})
	line("delivered NOTIFY at 20 watchers, µs CPU", func(s string) figure {
		quiet := middle(rounds, s, 0, func(b bench) float64 { return b.Call }).median
		return middle(rounds, s, manyWatchers, func(b bench) float64 { return (b.Call - quiet) / (manyWatchers * (b.Notifies - 1)) })
	})
	for _, p := range []int{50, 95, 99} {
		line(fmt.Sprintf("last of 20 told after the 180, p%d, ms", p), func(s string) figure {
			waits := slices.Sorted(slices.Values(told[s]))
			at := float64(waits[len(waits)*p/100].Microseconds()) / 1000
			return figure{median: at, least: at, most: at, counted: len(waits), rounds: len(waits)}
		})
	}
}

// middle is the figure of one server's rounds in which nothing failed.
func middle(rounds []bench, server string, watchers int, value func(bench) float64) figure {
	var f figure
	var values []float64
	for _, b := range rounds {
		if b.server != server || b.Watchers != watchers {
			continue
		}
		f.rounds++
		if b.Calls[1] == 0 && b.Watch[1] == 0 {
			values = append(values, value(b))
		}
	}
	if f.counted = len(values); f.counted > 0 {
		slices.Sort(values)
		f.least, f.median, f.most = values[0], values[len(values)/2], values[len(values)-1]
	}
	return f
}

// bench carries out one round.
func (r *rig) bench(ctx context.Context, server string, users, watchers int) (bench, error) {
	script := filepath.Join(filepath.Dir(r.script), "presence", "bench.py")
	python := exec.CommandContext(ctx, "python3", script, "--kind", "blf", "--runs", "1", "--users", fmt.Sprint(users), "--watchers", fmt.Sprint(watchers)) //nolint:gosec // our own
	python.Env = append(os.Environ(), "TMPDIR="+r.dir)
	if server == carillonServer {
		start, err := r.startScript("")
		if err != nil {
			return bench{}, err
		}
		python.Env = append(python.Env, "BLF_CMD=sh '"+start+"'", "BLF_IP="+r.address)
	}
	python.Stderr = os.Stderr
	python.Cancel = func() error { return python.Process.Signal(os.Interrupt) }
	python.WaitDelay = 20 * time.Second
	out, err := python.Output()
	if err != nil {
		return bench{}, fmt.Errorf("the rig, presence of %s: %w", server, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	fmt.Fprintln(os.Stderr, server, first)
	b := bench{server: server}
	if err := json.Unmarshal([]byte(first), &b); err != nil {
		return bench{}, fmt.Errorf("reading what the rig says: %w", err)
	}
	return b, nil
}

// carillonServer is our own name among the servers.
const carillonServer = "carillon"

// phonesRegister has the rig's phones in the founded data directory: they register for an
// hour from where they will answer, and come back from disk in each round.
func (r *rig) phonesRegister(ctx context.Context, users int) error {
	data := r.founded()
	server := exec.CommandContext(ctx, r.binary, "run", "--data", data, "--listen", r.address) //nolint:gosec // our own
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	err := r.answers(ctx, data, ended)
	if err == nil {
		err = r.register(ctx, users)
	}
	time.Sleep(2 * time.Second) // a changed binding is on disk within one
	_ = server.Process.Signal(os.Interrupt)
	return errors.Join(err, <-ended)
}

// answerer is where the rig's answerer listens.
const answerer = "127.0.0.50:5070"

func (r *rig) register(ctx context.Context, users int) error {
	at := netip.AddrPortFrom(netip.MustParseAddr(r.address), 5060)
	conn, err := wire.Dialer{Local: netip.MustParseAddr("127.0.0.50"), Port: 5070}.Dial("udp", at) //nolint:contextcheck // on loopback it does not wait
	if err != nil {
		return err
	}
	p := phonesOn(ctx, conn, at)
	defer p.close()
	for i := range users {
		user := fmt.Sprintf("u%05d", i)
		contact := fmt.Sprintf("<sip:%s@%s>;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%012d>\";reg-id=1", user, answerer, i)
		if _, err := p.register(ctx, user, contact, 3600); err != nil {
			return err
		}
	}
	return nil
}
