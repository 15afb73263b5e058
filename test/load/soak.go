package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"carillon/test/load/crowd"
)

const soakUsage = `Let many phones call each other for a long time, and see whether the node stays as it was.

  go run ./test/load soak [flags]

Phones register over each transport and call each other; calls are ended by either side,
given up while they ring, or busy; phones lose their connections and come back. Every ten
seconds a line says how the node is; at the end it is said whether goroutines, memory and
open files stayed flat after the warm-up. The exit code is 1 if they did not, or if a call
failed. Flags:
`

// soakFlags is what the command line says.
type soakFlags struct {
	lasts      time.Duration
	rate       float64
	phones     int
	transports string
	listen     string
	race       bool
}

func (f *soakFlags) parse(args []string) error {
	set := flag.NewFlagSet("soak", flag.ContinueOnError)
	set.DurationVar(&f.lasts, "for", 30*time.Minute, "how long phones call")
	set.Float64Var(&f.rate, "rate", 300, "calls a second")
	set.IntVar(&f.phones, "phones", 300, "how many phones there are")
	set.StringVar(&f.transports, "transports", "udp,tcp,tls", "of the phones in turn; tls is left out where the node has none")
	set.StringVar(&f.listen, "listen", "127.0.0.45", "address of the node")
	set.BoolVar(&f.race, "race", false, "run the node with the race detector: five minutes of it are enough")
	set.Usage = func() {
		_, _ = fmt.Fprint(set.Output(), soakUsage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	if f.phones < 2 || f.phones > 10_000 || f.rate <= 0 {
		return errors.New("at least two phones, at most 10000, and a rate")
	}
	return nil
}

// soak is the subcommand.
func soak(ctx context.Context, args []string) error {
	var f soakFlags
	if err := f.parse(args); err != nil {
		return err
	}
	at, err := netip.ParseAddr(f.listen)
	if err != nil {
		return err
	}
	n, err := startNode(ctx, at, f.phones, f.race)
	if err != nil {
		return err
	}
	report, err := f.watch(ctx, n)
	return errors.Join(err, n.stop(), report.print(os.Stdout))
}

// watch has the crowd call, and looks at the node meanwhile.
func (f *soakFlags) watch(ctx context.Context, n *soaked) (*report, error) {
	o := crowd.Options{
		Node: netip.AddrPortFrom(n.at, 5060), TLSNode: netip.AddrPortFrom(n.at, 5061),
		Domain: soakDomain, Password: soakPassword, Users: soakUsers(f.phones),
		Transports: f.speaks(ctx, n), Rate: f.rate,
		TLS: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // what it proves is tested elsewhere
	}
	phones := crowd.New(o)
	fmt.Printf("%d phones over %s, %g calls/s for %v, %s, %d cores, race detector %v\n",
		f.phones, strings.Join(o.Transports, ", "), f.rate, f.lasts, runtime.Version(), runtime.NumCPU(), f.race)
	calling, stop := context.WithTimeout(ctx, f.lasts)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- phones.Run(calling) }()
	r := &report{warmUp: warmUp(f.lasts), phones: phones}
	r.heading()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for began, seconds := time.Now(), 1; ; seconds++ {
		select {
		case err := <-done:
			return r, errors.Join(err, r.settle(ctx, n))
		case <-tick.C:
			s, err := n.look(ctx)
			if err != nil {
				return r, errors.Join(err, n.said())
			}
			r.add(time.Since(began), s, calling.Err() == nil, seconds%10 == 0)
		}
	}
}

// speaks returns the transports that the node has.
func (f *soakFlags) speaks(ctx context.Context, n *soaked) []string {
	all := strings.Split(f.transports, ",")
	if slices.Contains(all, "tls") && !n.hasTLS(ctx) {
		fmt.Println("the node has no TLS: it is left out")
		all = slices.DeleteFunc(all, func(t string) bool { return t == "tls" })
	}
	return all
}

// warmUp is how long figures may grow: transactions live for half a minute, and
// the collector takes some rounds to find its size.
func warmUp(lasts time.Duration) time.Duration {
	return min(max(lasts/5, 50*time.Second), 3*time.Minute)
}
