// Command load measures Carillon's server CPU and memory beside Kamailio's on
// this machine, with the comparison rig that stands beside the project, and
// prints the table that a claim about speed needs; it can also say where the
// server's time goes, and whether it stays as it is under load for a long time. It
// measures from outside and decides nothing: goals are in the design. Three
// measurements bring phones of their own: soak, a start with a million
// registrations, and calls beside black holes. Its tests keep the rig working, and
// send RFC 4475's messages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"carillon/test/load/names"
)

const usage = `Measure Carillon beside Kamailio, on loopback, and print a table in markdown.

  go run ./test/load [flags] [reg|call|ring ...]    compare; all three if none is named
  go run ./test/load lamps [-rounds N] [-n USERS]   subscriptions and NOTIFY beside Kamailio's presence modules
  go run ./test/load boot [flags]                   2,000 phones with 20 lamps each start, and ring; -h says more
  go run ./test/load profile [flags] reg|call       where the server's CPU time goes
  go run ./test/load soak [flags]                   many phones for a long time: does the node stay as it was?
  go run ./test/load million [-n N]                 a start with a million registrations on disk, beside traffic
  go run ./test/load holes [-rounds N]              calls to users with a phone in a black hole, and without, in turns
  go run ./test/load idle [flags]                   memory of connections that only stand; -h says more
  go run ./test/load dns [flags]                    CPU of an answer about a name, beside BIND 9; -h says more

reg is an authenticated REGISTER and call a proxied call, in CPU time; ring is the
memory of a ringing call. Needs sip-tester, kamailio and python3 of Debian's packages,
profile also linux-perf; and 127.0.0.10:5060, 127.0.0.1:6060 and 127.0.0.50:5070.
Five rounds of all take about a quarter of an hour. Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// flags is what the command line says.
type flags struct {
	rounds  int
	servers string
	listen  string
	rate, n int
	tcp     bool
	udp     bool
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		own := map[string]func(context.Context, []string) error{"idle": idle, "boot": runBoot, "dns": names.Run, "soak": soak}
		if f := own[args[0]]; f != nil {
			return f(ctx, args[1:])
		}
	}
	command := "compare"
	if len(args) > 0 && slices.Contains([]string{"profile", "million", "holes", "lamps"}, args[0]) {
		command, args = args[0], args[1:]
	}
	var f flags
	set := flag.NewFlagSet("load", flag.ContinueOnError)
	set.IntVar(&f.rounds, "rounds", 5, "of each server, in turns")
	set.StringVar(&f.servers, "servers", "kamfm,carillon", "the first is the measure: kamfm is Kamailio with its fast allocator")
	set.StringVar(&f.listen, "listen", "127.0.0.40", "address of Carillon's port 5060")
	set.IntVar(&f.rate, "rate", 0, "operations a second (default: 1500 reg, 600 call)")
	set.IntVar(&f.n, "n", 0, "operations a round (default: 10000 reg, 5000 call, 2000 ring)")
	set.BoolVar(&f.tcp, "tcp", false, "over TCP only")
	set.BoolVar(&f.udp, "udp", false, "over UDP only")
	set.Usage = func() {
		_, _ = fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return err
	}
	for _, what := range set.Args() {
		if !slices.Contains(kinds(), what) {
			return fmt.Errorf("%q is none of reg, call, ring: -h says more", what)
		}
	}
	r, err := newRig(ctx, f.listen)
	if err != nil {
		return err
	}
	defer r.close()
	switch command {
	case "profile":
		return r.profile(ctx, f, set.Args())
	case "lamps":
		return r.lamps(ctx, f)
	case "million":
		return r.million(ctx, f)
	case "holes":
		return r.holes(ctx, f)
	}
	return r.compare(ctx, f, set.Args())
}
