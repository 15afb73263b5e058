package dnsserver

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Who asks from beyond a line that is as if cut hears nothing, by UDP and by TCP;
// others are answered, and he is afterwards.
func TestDeafen(t *testing.T) {
	t.Parallel()
	s, far := serving(t, "mons", deck), netip.MustParseAddr("127.0.0.1")
	question := question("_sip._tcp.tel.beip.be.", dns.TypeSRV)
	hears := func(network string, patience time.Duration) bool {
		_, _, err := (&dns.Client{Net: network, Timeout: patience}).Exchange(question, s.Addr().String())
		return err == nil
	}
	for _, network := range []string{"udp", "tcp"} {
		s.Deafen(func(from netip.Addr) bool { return from == far })
		if hears(network, 200*time.Millisecond) {
			t.Errorf("%s: the deaf answers", network)
		}
		s.Deafen(func(from netip.Addr) bool { return from != far })
		if !hears(network, 10*time.Second) {
			t.Errorf("%s: others are not answered", network)
		}
		s.Deafen(nil)
		if !hears(network, 10*time.Second) {
			t.Errorf("%s: afterwards he is not answered", network)
		}
	}
}
