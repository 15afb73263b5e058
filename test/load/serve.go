package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a running Carillon of the rig's binary.
type server struct {
	at      netip.AddrPort
	data    string
	process *exec.Cmd
	words   bytes.Buffer
	ended   chan error
}

// serve starts Carillon on a copy of the founded data directory, to which
// prepare may do something before.
func (r *rig) serve(ctx context.Context, prepare func(dir string) error) (*server, error) {
	addr, err := netip.ParseAddr(r.address)
	if err != nil {
		return nil, err
	}
	s := &server{at: netip.AddrPortFrom(addr, 5060), data: r.dir + "/serving", ended: make(chan error, 1)}
	if err := os.CopyFS(s.data, os.DirFS(r.founded())); err != nil {
		return nil, err
	}
	if err := prepare(s.data); err != nil {
		return nil, err
	}
	s.process = exec.CommandContext(ctx, r.binary, "run", "--data", s.data, "--listen", r.address) //nolint:gosec // our own
	s.process.Stdout, s.process.Stderr = &s.words, &s.words
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() { s.ended <- s.process.Wait() }()
	return s, nil
}

// stop ends the server and removes its data.
func (s *server) stop() error {
	_ = s.process.Process.Signal(syscall.SIGTERM)
	err := <-s.ended
	if err != nil {
		err = fmt.Errorf("carillon: %w\n%s", err, s.words.Bytes())
	}
	_ = os.RemoveAll(s.data)
	return err
}

// rss is the server's resident memory in bytes.
func (s *server) rss() int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.process.Process.Pid) + "/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1]) // 0 stays
	return pages * os.Getpagesize()
}

// answers waits until the server registers a phone.
func (s *server) answers(ctx context.Context) error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		p, err := newPhones(ctx, "tcp", s.at)
		if err == nil {
			_, err = p.register(ctx, "alice", p.contact("alice"), 60)
			p.close()
		}
		if err == nil || time.Since(began) > 2*time.Minute || ctx.Err() != nil {
			return err
		}
	}
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.process.Process.Pid) + "/stat")
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if err != nil || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11]) // 0 stays
	system, _ := strconv.Atoi(fields[12])
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick
}
