package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// profile runs one round of Carillon alone under perf, which sees the kernel's
// share too and needs nothing of the server, and prints where the samples fell.
func (r *rig) profile(ctx context.Context, f flags, what []string) error {
	if len(what) != 1 || what[0] == "ring" {
		return errors.New("profile takes one of reg and call: -h says more")
	}
	perf, err := exec.LookPath("perf")
	if err != nil {
		return errors.New("perf is not installed: apt-get install linux-perf")
	}
	f.rounds, f.servers, f.udp = 1, "carillon", !f.tcp
	samples := filepath.Join(r.dir, "perf.data")
	record := fmt.Sprintf("'%s' record -q -F 999 -g -o '%s' --", perf, samples)
	t := trials(f, what)[0]
	if err := r.run(ctx, t, record, func(line string) { fmt.Fprintln(os.Stderr, line) }); err != nil {
		return err
	}
	for _, view := range []struct {
		title string
		args  []string
	}{
		{"by program and kernel", []string{"--no-children", "--fields", "overhead,dso"}},
		{"by function, itself", []string{"--no-children", "--fields", "overhead,sym", "--percent-limit", "0.7"}},
		{"by function, with what it calls", []string{"--children", "--fields", "overhead_children,overhead,sym", "--percent-limit", "3"}},
	} {
		fmt.Printf("\n== %s, %s\n", t.name(), view.title)
		report := exec.CommandContext(ctx, perf, append([]string{"report", "-i", samples, "--stdio", "-q", "-g", "none", "-w", "0"}, view.args...)...) //nolint:gosec // our own
		report.Stdout = os.Stdout
		if err := report.Run(); err != nil {
			return fmt.Errorf("reading the profile: %w", err)
		}
	}
	return nil
}
