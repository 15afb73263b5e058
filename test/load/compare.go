package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// compare carries the trials out one after the other and prints the table. What
// was measured before a trial fails is printed all the same.
func (r *rig) compare(ctx context.Context, f flags, what []string) error {
	all := trials(f, what)
	var rounds []round
	var err error
	for _, t := range all {
		err = r.run(ctx, t, "", func(line string) {
			fmt.Fprintln(os.Stderr, line)
			if one, ok := parseRound(line); ok {
				rounds = append(rounds, one)
			}
		})
		if err != nil {
			break
		}
	}
	fmt.Printf("`go run ./test/load -rounds %d`, %s, %d cores, %s, interleaved; median (least–most)\n\n",
		f.rounds, runtime.Version(), runtime.NumCPU(), kamailioVersion(ctx))
	writeTable(os.Stdout, all, strings.Split(f.servers, ","), rounds)
	return err
}

var versionNumber = regexp.MustCompile(`kamailio (\d+\.\d+\.\d+)`)

func kamailioVersion(ctx context.Context) string {
	out, _ := exec.CommandContext(ctx, "kamailio", "-v").Output()
	if m := versionNumber.FindSubmatch(out); m != nil {
		return "Kamailio " + string(m[1])
	}
	return "no Kamailio"
}

// writeTable prints one line for each trial; the first server is the measure of
// the others.
func writeTable(w io.Writer, all []trial, servers []string, rounds []round) {
	head := []string{"trial", "unit", servers[0]}
	for _, server := range servers[1:] {
		head = append(head, server, "ratio")
	}
	writeRow(w, head)
	writeRow(w, slices.Repeat([]string{"---"}, len(head)))
	var lost []string
	for _, t := range all {
		measure := figureOf(rounds, t, servers[0])
		row := []string{t.name(), t.unit()}
		for i, server := range servers {
			f := figureOf(rounds, t, server)
			row = append(row, f.String())
			if i > 0 {
				row = append(row, ratio(f, measure))
			}
			if f.counted < f.rounds {
				lost = append(lost, fmt.Sprintf("\n%s, %s: %d of %d rounds had failed calls and do not count\n", t.name(), server, f.rounds-f.counted, f.rounds))
			}
		}
		writeRow(w, row)
	}
	_, _ = io.WriteString(w, strings.Join(lost, ""))
}

func writeRow(w io.Writer, cells []string) {
	_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

func ratio(f, measure figure) string {
	if f.counted == 0 || measure.counted == 0 || measure.median == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", f.median/measure.median)
}
