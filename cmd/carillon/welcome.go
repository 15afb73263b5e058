package main

import (
	"fmt"
	"net"
	"net/netip"

	"carillon/node"
)

// welcome tells the person who founded a system what to do next. The passwords
// are shown here and never again.
func (c *cli) welcome(f node.Founding, applied string) error {
	server := phoneServer(f.Listen)
	text := fmt.Sprintf("Node %q founds the telephone system %q. What to do next:\n", f.Node, f.Domain)
	if len(f.Users) >= 2 {
		text += fmt.Sprintf("  1. In a phone, type server %s, user %s, password %s (port 5060, TCP or UDP).\n",
			server, f.Users[0].Number, f.Users[0].Password)
		text += fmt.Sprintf("  2. In another, user %s, password %s; then dial %s on it. These passwords are shown this once.\n",
			f.Users[1].Number, f.Users[1].Password, f.Users[0].Number)
	} else {
		text += fmt.Sprintf("  1. In a phone, type server %s and a user and password of %s (port 5060, TCP or UDP).\n", server, applied)
		text += "  2. Do the same in another, and dial the first.\n"
	}
	text += fmt.Sprintf("  3. See them:        %s\n", c.command("registrations --watch"))
	text += fmt.Sprintf("  4. Your own users:  %s > my.yaml, edit it, then\n", c.command("config export"))
	text += fmt.Sprintf("                      %s\n", c.command("config apply -f my.yaml"))
	text += fmt.Sprintf("  5. What else:       %s --help\n", c.program())
	_, err := fmt.Fprint(c.out, text)
	return err
}

// command returns a command line that reaches this node.
func (c *cli) command(args string) string {
	if c.data == dataDefault() {
		return c.program() + " " + args
	}
	return c.program() + " " + args + " --data " + c.data
}

// phoneServer returns the address that a phone near this machine should use: the
// one the node listens on, else the first private one of the machine.
func phoneServer(listen netip.Addr) string {
	if listen.IsValid() {
		return listen.String()
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range all {
		p, e := netip.ParsePrefix(a.String())
		if e == nil && p.Addr().Is4() && p.Addr().IsPrivate() {
			return p.Addr().String()
		}
	}
	return "127.0.0.1"
}
