package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"carillon/node/admin"
	"carillon/store/disk"
	"carillon/store/live"
)

// million starts a node that finds many registrations on its disk, with phones
// that register all the while, and prints how long the loading took, what a
// binding takes in memory, and the worst that a REGISTER had to wait.
func (r *rig) million(ctx context.Context, f flags) error {
	n := f.n
	if n == 0 {
		n = 1_000_000
	}
	empty, err := r.started(ctx, 0)
	if err != nil {
		return err
	}
	full, err := r.started(ctx, n)
	if err != nil {
		return err
	}
	fmt.Printf("| bindings | first REGISTER answered after | all loaded after | memory | a binding | REGISTER meanwhile: p50, p99, worst of n | afterwards |\n")
	fmt.Printf("| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, x := range []start{empty, full} {
		each := "–"
		if x.bindings > 0 {
			each = fmt.Sprintf("%d B", (x.rss-empty.rss)/x.bindings)
		}
		fmt.Printf("| %d | %v | %v | %d MB | %s | %s | %s |\n", x.bindings, x.answered.Round(time.Millisecond), x.loaded.Round(10*time.Millisecond),
			x.rss>>20, each, words(x.meanwhile), words(x.afterwards))
	}
	return nil
}

// A start is what was measured of one start.
type start struct {
	bindings              int
	answered, loaded      time.Duration
	rss                   int
	meanwhile, afterwards []time.Duration // that REGISTERs took
}

// started measures one start with n bindings on disk.
func (r *rig) started(ctx context.Context, n int) (x start, err error) {
	s, err := r.serve(ctx, func(dir string) error { return fill(dir, n) }) //nolint:contextcheck // it writes all or fails
	if err != nil {
		return x, err
	}
	defer func() {
		if ended := s.stop(); err == nil {
			err = ended
		}
	}()
	began := time.Now()
	x.bindings = n
	if err = s.answers(ctx); err != nil {
		return x, err
	}
	x.answered = time.Since(began)
	p, err := newPhones(ctx, "udp", s.at)
	if err != nil {
		return x, err
	}
	defer p.close()
	client := admin.NewClient(s.data)
	for x.loaded == 0 {
		if x.meanwhile, err = p.registers(ctx, x.meanwhile, 20); err != nil {
			return x, err
		}
		if status, asked := client.Status(ctx); asked == nil && status.Registrations > n {
			x.loaded = time.Since(began)
		}
	}
	x.rss = s.rss()
	x.afterwards, err = p.registers(ctx, nil, 200)
	return x, err
}

// fill writes n bindings of UDP phones to the disk of a node.
func fill(dir string, n int) error {
	fmt.Fprintf(os.Stderr, "writing %d bindings\n", n)
	kept, err := disk.OpenBindings(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	table := live.NewBindings("rig", nil)
	table.OnChange(kept.Changed)
	kept.Load(time.Hour, table)
	local := netip.MustParseAddrPort("127.0.0.40:5060")
	for i := range n {
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
		user := fmt.Sprintf("m%07d", i)
		table.Put(live.Binding{
			User: user, Device: fmt.Sprintf("urn:uuid:f81d4fae-7dec-11d0-a765-%012x", i), Contact: "sip:" + user + "@" + source.String(),
			Transport: "udp", Flow: uint64(i) + 1, Source: source, Local: local, Q: 1, UserAgent: "Yealink SIP-T46S 66.86.0.15",
			CallID: fmt.Sprintf("0_%010d@%s", i, source.Addr()), CSeq: 2, Granted: time.Hour, Expires: time.Now().Add(time.Hour),
		})
	}
	ended, end := context.WithCancel(context.Background())
	end()
	_ = kept.Run(ended, table.AppendRecord, table) // it says that it was ended, when all is written
	return kept.Close()
}

// registers adds how long n more authenticated REGISTERs took, 50 a second.
func (p *phones) registers(ctx context.Context, took []time.Duration, n int) ([]time.Duration, error) {
	tick := time.NewTicker(time.Second / 50)
	defer tick.Stop()
	for range n {
		<-tick.C
		one, err := p.register(ctx, "bob", p.contact("bob"), 60)
		if err != nil {
			return took, err
		}
		took = append(took, one)
	}
	return took, nil
}

// words says what a list of durations comes to.
func words(list []time.Duration) string {
	if len(list) == 0 {
		return "–"
	}
	slices.Sort(list)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("%.1f, %.1f, %.1f ms of %d", ms(percentile(list, 50)), ms(percentile(list, 99)), ms(list[len(list)-1]), len(list))
}

// percentile returns the value below which so many of a hundred lie; list is
// sorted.
func percentile(list []time.Duration, p int) time.Duration { return list[(len(list)-1)*p/100] }
