package address

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
)

var (
	four = netip.MustParseAddr("172.30.42.1")
	six  = netip.MustParseAddr("2001:db8::42:1")
)

// What is sent is what the RFCs have, byte for byte, and is understood.
func TestPackets(t *testing.T) {
	t.Parallel()
	me := mac{2, 0, 0, 0, 0, 5}
	for _, tt := range []struct {
		name   string
		of     language
		claims bool
		want   string
		group  string
	}{
		{"an ARP probe", arp{four}, false, "0001080006040001" + "020000000005" + "00000000" + "000000000000" + "ac1e2a01", "ffffffffffff"},
		{"an ARP announcement", arp{four}, true, "0001080006040001" + "020000000005" + "ac1e2a01" + "000000000000" + "ac1e2a01", "ffffffffffff"},
		{"a solicitation", ndp{six}, false, "600000000018" + "3aff" + "00000000000000000000000000000000" + "ff0200000000000000000001ff420001" +
			"8700" + "4c69" + "00000000" + "20010db8000000000000000000420001", "3333ff420001"},
		{"an advertisement", ndp{six}, true, "600000000020" + "3aff" + "20010db8000000000000000000420001" + "ff020000000000000000000000000001" +
			"8800" + "f8a2" + "20000000" + "20010db8000000000000000000420001" + "0201" + "020000000005", "333300000001"},
	} {
		send := tt.of.probe
		if tt.claims {
			send = tt.of.announce
		}
		packet, group := send(me)
		if got := hex.EncodeToString(packet); got != tt.want || hex.EncodeToString(group[:]) != tt.group {
			t.Errorf("%s: got\n%s to %x, want\n%s to %s", tt.name, got, group, tt.want, tt.group)
		}
		if s, about := tt.of.read(packet, me); !about || s != (sighting{me, tt.claims}) {
			t.Errorf("%s is read as %+v, %v", tt.name, s, about)
		}
	}
}

// Of a stranger's bytes only whole packets about our address count.
func FuzzRead(f *testing.F) {
	for _, of := range []language{arp{four}, ndp{six}} {
		for _, send := range []func(mac) ([]byte, mac){of.probe, of.announce} {
			b, _ := send(mac{2, 0, 0, 0, 0, 5})
			f.Add(b)
			f.Add(b[:len(b)-1])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, of := range []struct {
			language
			address netip.Addr
		}{{arp{four}, four}, {ndp{six}, six}} {
			if _, about := of.read(b, mac{1}); about && !bytes.Contains(b, of.address.AsSlice()) {
				t.Errorf("%x is said to be about %s", b, of.address)
			}
		}
	})
}
