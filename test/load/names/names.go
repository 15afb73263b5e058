// Package names measures what an answer about a name costs: the CPU time of a
// Carillon node beside that of BIND 9 with the same zone and the same two views,
// asked by dnsperf in turns. It measures from outside, and decides nothing.
package names

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

const usage = `Ask a Carillon node and BIND 9 the same questions about the same zone, in turns, and print
the CPU time of each per answer, what was lost and what memory they have.

  go run ./test/load dns [flags]

Three nodes are started, so that the zone is that of the deck with two views, and BIND gets the
zone that they answer with. Needs dnsperf, bind9 and bind9-dnsutils of Debian's packages, and the
addresses 127.0.53.11, 127.0.53.12, 127.53.2.2 and 127.0.0.1:5354. Flags:
`

type flags struct {
	rounds int
	rate   int
	last   time.Duration
}

// Run is the command line's dns.
func Run(ctx context.Context, args []string) error {
	var f flags
	set := flag.NewFlagSet("load dns", flag.ContinueOnError)
	set.IntVar(&f.rounds, "rounds", 5, "of each server, in turns")
	set.IntVar(&f.rate, "rate", 10000, "questions a second, half of them from each view")
	set.DurationVar(&f.last, "for", 5*time.Second, "how long a round is")
	set.Usage = func() {
		_, _ = fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "carillon-names-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return f.compare(ctx, dir)
}

// compare starts both and asks them in turns.
func (f flags) compare(ctx context.Context, dir string) error {
	t, err := startTown(ctx, dir)
	defer t.stop()
	if err != nil {
		return err
	}
	named, err := startNamed(ctx, dir)
	defer named.stop()
	if err != nil {
		return err
	}
	ours := t.nodes[0]
	if err := sameAnswers(ctx, ours.addr, named.addr); err != nil {
		return err
	}
	if err := writeQuestions(dir); err != nil {
		return err
	}
	all := map[*process][]round{}
	for i := range f.rounds + 1 {
		for _, p := range []*process{named, ours} {
			r, err := f.round(ctx, dir, p)
			if err != nil {
				return err
			}
			if i > 0 { // the first warms up
				all[p] = append(all[p], r)
				fmt.Fprintf(os.Stderr, "round %d %-8s %s\n", i, p.name, r)
			}
		}
	}
	f.print(all[named], all[ours])
	return nil
}

// print prints the table.
func (f flags) print(bind, ours []round) {
	fmt.Printf("`go run ./test/load dns -rounds %d -rate %d -for %v`, %s, %d cores, interleaved; median (least–most)\n\n",
		f.rounds, f.rate, f.last, runtime.Version(), runtime.NumCPU())
	fmt.Printf("| | BIND 9 | carillon | ratio |\n|---|---|---|---|\n")
	cpu := func(r round) float64 { return r.cpu }
	memory := func(r round) float64 { return r.memory }
	b, o := spreadOf(bind, cpu), spreadOf(ours, cpu)
	fmt.Printf("| µs CPU an answer | %.1f | %.1f | %.2f |\n", b, o, o.median/b.median)
	b, o = spreadOf(bind, memory), spreadOf(ours, memory)
	fmt.Printf("| MB resident | %.1f | %.1f | %.2f |\n", b, o, o.median/b.median)
	lost := func(r round) float64 { return float64(r.lost) }
	fmt.Printf("| lost, at most in a round | %.0f | %.0f | |\n", spreadOf(bind, lost).most, spreadOf(ours, lost).most)
	fmt.Printf("\nCarillon's memory in its first round %.1f MB, in its last %.1f MB\n", ours[0].memory, ours[len(ours)-1].memory)
}

// A spread is what the rounds say together.
type spread struct{ median, least, most float64 }

func spreadOf(rounds []round, of func(round) float64) spread {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return spread{values[len(values)/2], values[0], values[len(values)-1]}
}

// Format prints the median and the spread.
func (s spread) Format(w fmt.State, verb rune) {
	digits, _ := w.Precision()
	if verb == 'f' {
		_, _ = fmt.Fprintf(w, "%.*f (%.*f–%.*f)", digits, s.median, digits, s.least, digits, s.most)
	}
}
