package transport

import (
	"errors"
	"net/netip"
	"testing"
)

func TestMemory(t *testing.T) {
	local, remote := netip.MustParseAddrPort("127.0.0.1:5060"), netip.MustParseAddrPort("127.0.0.2:5060")
	other := netip.MustParseAddrPort("127.0.0.2:5070")
	for _, test := range []struct {
		kind Kind
		to   netip.AddrPort // where To(other) sends
		open bool           // after Close
	}{{UDP, other, true}, {TCP, remote, false}} {
		var to netip.AddrPort
		f := Memory(test.kind, local, remote, func(_ []byte, dst netip.AddrPort) error { to = dst; return nil })
		if f.ID() == 0 || f.Kind() != test.kind || f.Local() != local || f.Remote() != remote {
			t.Errorf("%v: flow %+v", test.kind, f)
		}
		if err := f.To(other).Send([]byte("x")); err != nil || to != test.to {
			t.Errorf("%v: sent to %v (%v), want %v", test.kind, to, err, test.to)
		}
		f.Close()
		if err := f.Send([]byte("x")); f.IsOpen() != test.open || errors.Is(err, ErrClosed) == test.open {
			t.Errorf("%v: after Close open %v, Send: %v", test.kind, f.IsOpen(), err)
		}
	}
}
