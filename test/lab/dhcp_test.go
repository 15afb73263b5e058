package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"carillon/node/admin"
	"carillon/test/tool"
)

// Two servers share a pool on one LAN. While 200 clients ask for addresses one of
// them is killed: none gets an address that another has, the server that is left
// renews what the dead one gave, and what a phone is told is what is configured.
// perfdhcp goes on asking the dead one for what that had offered, as no phone does:
// so a few of its clients may get nothing.
func TestDHCP(t *testing.T) {
	if Elsewhere(t) {
		return
	}
	perfdhcp := tool.Need(t, "perfdhcp", "kea-admin")
	udhcpc := tool.Need(t, "udhcpc", "udhcpc")
	const clients = 200
	s := &System{binary: tool.Carillon(t), dir: t.TempDir(), first: "laurel", Sites: OpenSites(t), nodes: map[string]*Node{}}
	phones := s.Host("hq", "hq-phones")
	t.Cleanup(func() { stopAll(s.nodes) })
	laurel := s.add("hq", "laurel")
	laurel.found(leasing, "--site", "hq", "--first", "--dns", laurel.Addr.String(), "--dhcp", "eth0")
	hardy := s.add("hq", "hardy")
	hardy.start("--name", "hardy", "--site", "hq", "--role", "lifeguard", "--listen", hardy.Addr.String(),
		"--join", laurel.Addr.String(), "--token", s.token(), "--dhcp", "eth0")

	first := s.udhcpc(udhcpc, "02:00:00:00:00:01", "phone", 30*time.Second)
	for name, want := range map[string]string{
		"router": "10.60.0.1", "dns": laurel.Addr.String(), "ntpsrv": "10.60.0.9", "tftp": "phones." + Domain, "lease": "600", "domain": Domain,
		"vlanid": "20", "opt150": "0a3c0009", "opt160": "687474703a2f2f78", "subnet": "255.255.0.0",
	} {
		if got := first[name]; got != want {
			t.Errorf("udhcpc was told %s=%q, want %q", name, got, want)
		}
	}
	if got := s.udhcpc(udhcpc, "02:00:00:00:00:02", "Yealink SIP-T46", 30*time.Second)["tftp"]; got != "yealink."+Domain {
		t.Errorf("a phone of another class was told tftp=%q", got)
	}

	early := s.relay(phones)
	for device := range byte(5) { // they ask hardy alone
		early.gets(hardy.Addr, net.HardwareAddr{0, 0x0c, 1, 0xff, 0, device})
	}
	_ = early.conn.Close() // perfdhcp wants the port
	storm := phones.command(perfdhcp, "-4", "--scenario", "avalanche", "-u", "-R", fmt.Sprint(clients), "-l", "eth0", "-B", "-s", "1", "-W", "500000", "255.255.255.255")
	var out strings.Builder
	storm.Stdout, storm.Stderr = &out, &out
	if err := storm.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(20*time.Second, func() { _ = storm.Process.Signal(syscall.SIGINT) }).Stop()
	eventually(t, "some clients have addresses", 30*time.Second, func() bool { return len(laurel.storming()) >= clients/8 })
	hardy.kill()
	_ = storm.Wait() // it complains of those who go on asking the dead one for what that offered
	_, acks, _ := strings.Cut(out.String(), "REQUEST-ACK")
	_, received, _ := strings.Cut(acks, "received packets: ")
	served, _ := strconv.Atoi(strings.Fields(received + " none")[0])
	if served < clients*9/10 || !strings.Contains(acks, "non unique addresses: 0") {
		t.Errorf("perfdhcp does not say that nearly all clients got an address and none got that of another:\n%s", out.String())
	}

	known := laurel.storming()
	if len(known) < clients/2 || ofDead(known) < 5 {
		t.Errorf("the node that is left knows %d leases, %d of them of the dead one; want most, and at least five", len(known), ofDead(known))
	}
	t.Logf("when it died the other knew %d of its leases, and of %d in all when the storm was over", ofDead(known), len(known))
	late := s.relay(phones)
	late.renew(laurel.Addr, known)

	hardy.start()
	eventually(t, "both know all leases", 60*time.Second, func() bool { return len(laurel.storming()) >= served+5 })
	all := laurel.storming()
	devices, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for _, l := range all {
		devices[l.MAC], addresses[l.Address] = true, true
	}
	if len(devices) != len(all) || len(addresses) != len(all) {
		t.Errorf("%d devices have %d addresses, want %d of each", len(devices), len(addresses), len(all))
	}
	late.renew(laurel.Addr, all)
}

// ofDead returns how many leases the node has given that is killed.
func ofDead(all []admin.Lease) (n int) {
	for _, l := range all {
		if l.Node == "hardy" {
			n++
		}
	}
	return n
}

// storming returns the leases of the devices that perfdhcp plays.
func (n *Node) storming() []admin.Lease {
	n.tb.Helper()
	return slices.DeleteFunc(n.leases(), func(l admin.Lease) bool { return !strings.HasPrefix(l.MAC, "00:0c:01:") })
}

const leasing = `domain: ` + Domain + `
sites:
  - name: hq
    networks: [10.60.0.0/16]
    dhcp:
      - network: 10.60.0.0/16
        range: 10.60.4.0-10.60.7.254
        router: 10.60.0.1
        lease: 10m
        options: {42: 10.60.0.9, 66: phones.` + Domain + `, 132: "hex:0014", 150: [10.60.0.9], 160: "http://x"}
        vendors: [{class: Yealink, options: {66: yealink.` + Domain + `}}]
users: []
`

// leases returns what a node lists, also when the other one is dead.
func (n *Node) leases() (all []admin.Lease) {
	n.tb.Helper()
	out, err := n.command("leases", "-o", "json").Output()
	if exit, partial := errors.AsType[*exec.ExitError](err); err != nil && (!partial || exit.ExitCode() != 3) {
		n.tb.Fatalf("carillon leases: %v", err)
	}
	if err = json.Unmarshal(out, &all); err != nil {
		n.tb.Fatal(err)
	}
	return all
}

// udhcpc has a device ask until it gets an address, and returns what it is told.
func (s *System) udhcpc(program, mac, class string, within time.Duration) map[string]string {
	s.tb.Helper()
	dir := s.tb.TempDir()
	script, told := filepath.Join(dir, "script"), filepath.Join(dir, "told")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" = bound ] && env > "+told+".new && mv "+told+".new "+told+"\nexit 0\n"), 0o700); err != nil {
		s.tb.Fatal(err)
	}
	id := "0x3d:01" + strings.ReplaceAll(mac, ":", "")
	args := []string{"-i", "eth0", "-f", "-n", "-q", "-t", "8", "-T", "2", "-V", class, "-x", id, "-s", script}
	for _, option := range []string{"66", "132", "150", "160"} {
		args = append(args, "-O", option)
	}
	values := map[string]string{}
	eventually(s.tb, "udhcpc has an address", within, func() bool {
		_ = s.hosts["hq-phones"].command(program, args...).Run()
		for _, line := range lines(told) {
			name, value, _ := strings.Cut(line, "=")
			values[name] = strings.Trim(value, "'")
		}
		return len(values) > 0
	})
	return values
}

// A relay asks servers for devices.
type relay struct {
	tb   testing.TB
	conn *net.UDPConn
	own  net.IP
}

func (s *System) relay(h Host) *relay {
	s.tb.Helper()
	r := &relay{tb: s.tb, own: h.Addr.AsSlice()}
	if err := h.from(func() (err error) {
		r.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: r.own, Port: 67})
		return err
	}); err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = r.conn.Close() })
	return r
}

// asks sends what a device says, and returns what comes back.
func (r *relay) asks(server netip.Addr, kind dhcpv4.MessageType, hw net.HardwareAddr, more ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	r.tb.Helper()
	ask, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(hw), dhcpv4.WithRelay(r.own), dhcpv4.WithOption(dhcpv4.OptClientIdentifier(append([]byte{1}, hw...))),
	}, more...)...)
	if err != nil {
		r.tb.Fatal(err)
	}
	ask.NumSeconds = 10 // whoever can answers
	if _, err = r.conn.WriteToUDPAddrPort(ask.ToBytes(), netip.AddrPortFrom(server, 67)); err != nil {
		r.tb.Fatal(err)
	}
	_ = r.conn.SetReadDeadline(time.Now().Add(patience))
	for b := make([]byte, 1500); ; {
		n, err := r.conn.Read(b)
		if err != nil {
			r.tb.Fatalf("%s of %s: %v", kind, hw, err)
		}
		answer, err := dhcpv4.FromBytes(b[:n])
		if err != nil {
			r.tb.Fatal(err)
		}
		if answer.TransactionID == ask.TransactionID { // else one that perfdhcp has left on the way
			return answer
		}
	}
}

// gets has a device get an address from a server.
func (r *relay) gets(server netip.Addr, hw net.HardwareAddr) {
	r.tb.Helper()
	offer := r.asks(server, dhcpv4.MessageTypeDiscover, hw)
	ack := r.asks(server, dhcpv4.MessageTypeRequest, hw, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier())), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr)))
	if ack.MessageType() != dhcpv4.MessageTypeAck {
		r.tb.Errorf("%s: got %v", hw, ack)
	}
}

// renew has each device ask a server for the address that it has.
func (r *relay) renew(server netip.Addr, all []admin.Lease) {
	r.tb.Helper()
	for _, l := range all {
		hw, err := net.ParseMAC(l.MAC)
		if err != nil {
			r.tb.Fatal(err)
		}
		answer := r.asks(server, dhcpv4.MessageTypeRequest, hw, dhcpv4.WithClientIP(l.Address.AsSlice()))
		if answer.MessageType() != dhcpv4.MessageTypeAck || answer.YourIPAddr.String() != l.Address.String() {
			r.tb.Errorf("the renewal of %s by %s: got %v", l.Address, l.MAC, answer)
		}
	}
}
