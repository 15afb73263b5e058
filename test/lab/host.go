package lab

import (
	"fmt"
	"net/netip"
	"os/exec"
	"testing"

	"carillon/test/house"
	"carillon/test/house/wire"
)

// A Host is where a client runs: on loopback, or on the LAN of a site.
type Host struct {
	Addr netip.Addr

	command func(program string, args ...string) *exec.Cmd // to be started and ended by who asks
	from    func(f func() error) error                     // calls f with the host's network

	site, port string // where its cable is plugged in
}

// Loopback is a host of this machine with an address of its own.
func Loopback(tb testing.TB) Host {
	tb.Helper()
	return Host{
		Addr:    house.Address(tb),
		command: func(program string, args ...string) *exec.Cmd { return exec.Command(program, args...) }, //nolint:gosec,noctx // a program of the test
		from:    func(f func() error) error { return f() },
	}
}

// dial connects from the host.
func (h Host) dial(transport string, remote netip.AddrPort) (conn *wire.Conn, err error) {
	err = h.from(func() error {
		conn, err = wire.DialFrom(h.Addr, transport, remote)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("from %s: %w", h.Addr, err)
	}
	return conn, nil
}
