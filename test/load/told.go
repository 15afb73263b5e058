package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"carillon/test/house/wire"
)

// This file measures how soon the last of twenty watchers is told that a phone rings:
// from the moment when its 180 is sent to that when the last NOTIFY with "early" is read.

const (
	toldUsers = 200 // each is called once
	toldEvery = 40 * time.Millisecond
)

// told measures it on one server.
func (r *rig) told(ctx context.Context, server string) ([]time.Duration, error) {
	command, at, err := r.lampServer(ctx, server)
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	time.Sleep(2500 * time.Millisecond) // as the rig does
	e := &ear{early: map[string]int{}, rang: map[string]time.Time{}, whole: make(chan time.Duration, toldUsers)}
	if err := e.open(ctx, at); err != nil {
		return nil, err
	}
	defer e.close()
	return e.listen(ctx, at.Addr())
}

// lampServer is the command line of a server and where it listens.
func (r *rig) lampServer(ctx context.Context, server string) (*exec.Cmd, netip.AddrPort, error) {
	if server == carillonServer {
		start, err := r.startScript("")
		return exec.CommandContext(ctx, "sh", start), netip.AddrPortFrom(netip.MustParseAddr(r.address), 5060), err //nolint:gosec // our own
	}
	const address = "127.0.0.10"
	db, file := filepath.Join(r.dir, "dbtext"), filepath.Join(r.dir, "presence.cfg")
	text, err := os.ReadFile(filepath.Join(filepath.Dir(r.script), "presence", "presence.cfg"))
	if err == nil {
		_ = os.RemoveAll(db)
		err = os.CopyFS(db, os.DirFS("/usr/share/kamailio/dbtext/kamailio"))
	}
	if err == nil {
		text := strings.NewReplacer("LISTENIP", address, "CALLEE", answerer, "DBDIR", db).Replace(string(text))
		err = os.WriteFile(file, []byte(text), 0o600) //nolint:gosec // in our own directory
	}
	kamailio := exec.CommandContext(ctx, "kamailio", "-f", file, "-m", "1024", "-M", "16", "-DD", "-E", "-Y", r.dir, "-x", "fm", "-X", "fm", "-A", "WITH_BLF") //nolint:gosec // our own
	return kamailio, netip.AddrPortFrom(netip.MustParseAddr(address), 5060), err
}

// An ear is the rig's phones: one that rings, those that watch it, and one that calls.
type ear struct {
	rings, watch, calls *wire.Conn
	ended               sync.WaitGroup

	mu    sync.Mutex
	heard int            // first NOTIFYs
	early map[string]int // of each user: how many watchers know
	rang  map[string]time.Time
	whole chan time.Duration
}

func (e *ear) open(ctx context.Context, at netip.AddrPort) error {
	for _, one := range []struct {
		conn *(*wire.Conn)
		from string
		f    func(*wire.Conn, wire.Message)
	}{{&e.rings, answerer, e.ring}, {&e.watch, "127.0.0.60:5080", e.see}, {&e.calls, "127.0.0.1:6060", e.acknowledge}} {
		from := netip.MustParseAddrPort(one.from)
		conn, err := wire.Dialer{Local: from.Addr(), Port: from.Port()}.Dial("udp", at) //nolint:contextcheck // on loopback it does not wait
		if err != nil {
			return err
		}
		*one.conn = conn
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		e.ended.Go(func() {
			for {
				m, err := conn.Receive(time.Hour)
				if err != nil {
					return
				}
				one.f(conn, m)
			}
		})
	}
	return nil
}

func (e *ear) close() {
	for _, c := range []*wire.Conn{e.rings, e.watch, e.calls} {
		if c != nil {
			_ = c.Close()
		}
	}
	e.ended.Wait()
}

// listen has each user watched and called.
func (e *ear) listen(ctx context.Context, domain netip.Addr) ([]time.Duration, error) {
	for i := range toldUsers {
		for w := range manyWatchers {
			watcher := fmt.Sprintf("w%02d", w)
			m := ask(e.watch, "SUBSCRIBE", watcher, fmt.Sprintf("u%05d", i), domain)
			m.Add("Event", "dialog")
			m.Add("Accept", "application/dialog-info+xml")
			m.Add("Expires", "600")
			_ = e.watch.Send(m) // a lost one shows as one too few
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := e.all(ctx); err != nil {
		return nil, err
	}
	for i := range toldUsers {
		user := fmt.Sprintf("u%05d", i)
		_ = e.calls.Send(ask(e.calls, "INVITE", "c"+user, user, domain))
		time.Sleep(toldEvery)
	}
	var waits []time.Duration
	for range toldUsers {
		select {
		case wait := <-e.whole:
			waits = append(waits, wait)
		case <-time.After(5 * time.Second):
			return waits, fmt.Errorf("of %d users who rang all watchers of only %d were told", toldUsers, len(waits))
		}
	}
	return waits, nil
}

// all waits until each watcher has had his first NOTIFY.
func (e *ear) all(ctx context.Context) error {
	for range 1000 {
		e.mu.Lock()
		heard := e.heard
		e.mu.Unlock()
		if heard >= toldUsers*manyWatchers {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("not all watchers were told how it was at first")
}

// ask returns a request outside a dialog.
func ask(c *wire.Conn, method, from, to string, domain netip.Addr) wire.Message {
	id := from + "-" + to
	uri := "sip:" + to + "@" + domain.String()
	m := wire.Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", "SIP/2.0/UDP "+c.Local().String()+";branch=z9hG4bK"+method+id+";rport")
	m.Add("Max-Forwards", "70")
	m.Add("From", "<sip:"+from+"@"+domain.String()+">;tag="+from)
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", id+"@"+c.Local().Addr().String())
	m.Add("CSeq", "1 "+method)
	m.Add("Contact", "<sip:"+from+"@"+c.Local().String()+">")
	return m
}

// ring answers an INVITE with 180 and then with 486: nobody talks here.
func (e *ear) ring(c *wire.Conn, m wire.Message) {
	if m.Method() != "INVITE" {
		return
	}
	user, _, _ := strings.Cut(strings.TrimPrefix(m.URI(), "sip:"), "@")
	reply := m.Reply(180, "Ringing", "r"+user)
	reply.Add("Contact", "<sip:"+user+"@"+answerer+">")
	e.mu.Lock()
	e.rang[user] = time.Now()
	e.mu.Unlock()
	_ = c.Send(reply)
}

// see answers a NOTIFY and counts it.
func (e *ear) see(c *wire.Conn, m wire.Message) {
	if m.Method() != "NOTIFY" {
		return
	}
	now := time.Now()
	_ = c.Send(m.Reply(200, "OK", ""))
	_, user, _ := strings.Cut(m.Get("Call-ID"), "-")
	user, _, _ = strings.Cut(user, "@")
	e.mu.Lock()
	defer e.mu.Unlock()
	if !strings.Contains(m.Body, "early") {
		e.heard++
		return
	}
	if e.early[user]++; e.early[user] == manyWatchers {
		e.whole <- now.Sub(e.rang[user])
	}
}

// acknowledge ends a call that somebody took, or did not.
func (*ear) acknowledge(*wire.Conn, wire.Message) {}
