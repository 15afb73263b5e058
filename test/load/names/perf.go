package names

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A round is what one server did for dnsperf in a while.
type round struct {
	answers, lost int
	cpu           float64 // microseconds an answer
	memory        float64 // MB
}

// String says it in one line.
func (r round) String() string {
	return fmt.Sprintf("%d answers, %d lost, %.1f µs, %.1f MB", r.answers, r.lost, r.cpu, r.memory)
}

func questionsIn(dir string) string { return filepath.Join(dir, "questions") }

func writeQuestions(dir string) error {
	var b strings.Builder
	for _, q := range asked() {
		fmt.Fprintln(&b, q[0], q[1])
	}
	return os.WriteFile(questionsIn(dir), []byte(b.String()), 0o600)
}

// round asks one server from both views at the same time.
func (f flags) round(ctx context.Context, dir string, p *process) (round, error) {
	before, err := busy(p.cmd.Process.Pid)
	if err != nil {
		return round{}, err
	}
	var halves [2]round
	g, ctx := errgroup.WithContext(ctx)
	for i, from := range []string{fromHQ, fromMons} {
		g.Go(func() (err error) {
			halves[i], err = f.perf(ctx, dir, p.addr, from)
			return err
		})
	}
	if err = g.Wait(); err != nil {
		return round{}, err
	}
	after, err := busy(p.cmd.Process.Pid)
	if err != nil {
		return round{}, err
	}
	r := round{answers: halves[0].answers + halves[1].answers, lost: halves[0].lost + halves[1].lost}
	r.cpu = float64((after - before).Microseconds()) / float64(max(r.answers, 1))
	r.memory, err = resident(p.cmd.Process.Pid)
	return r, err
}

var counted = regexp.MustCompile(`Queries (completed|lost): +(\d+)`)

// perf runs dnsperf once.
func (f flags) perf(ctx context.Context, dir string, at netip.AddrPort, from string) (r round, err error) {
	out, err := exec.CommandContext(ctx, "dnsperf", "-s", at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-a", from, "-d", questionsIn(dir), //nolint:gosec // our own words
		"-l", strconv.Itoa(int(f.last.Seconds())), "-Q", strconv.Itoa(f.rate/2), "-q", "100", "-W").CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	for _, m := range counted.FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[2]))
		if string(m[1]) == "lost" {
			r.lost = n
		} else {
			r.answers = n
		}
	}
	if r.answers == 0 {
		err = fmt.Errorf("dnsperf was answered nothing:\n%s", out)
	}
	return r, err
}

// dig asks one question from an address.
func dig(ctx context.Context, at netip.AddrPort, from string, args ...string) (string, error) {
	args = append([]string{"@" + at.Addr().String(), "-p", strconv.Itoa(int(at.Port())), "-b", from, "+tries=2", "+time=2"}, args...)
	out, err := exec.CommandContext(ctx, "dig", args...).Output() //nolint:gosec // our own words
	if err != nil {
		return "", fmt.Errorf("dig %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// busy returns the CPU time that a process has had.
func busy(pid int) (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // behind the name: proc(5)
	if len(fields) <= system {
		return 0, fmt.Errorf("reading the CPU time of process %d: %q", pid, text)
	}
	u, err1 := strconv.Atoi(fields[user])
	s, err2 := strconv.Atoi(fields[system])
	return time.Duration(u+s) * tick, errors.Join(err1, err2)
}

// resident returns the memory of a process in MB.
func resident(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading the memory of process %d: %q", pid, text)
	}
	pages, err := strconv.Atoi(fields[1])
	return float64(pages*os.Getpagesize()) / (1 << 20), err
}
