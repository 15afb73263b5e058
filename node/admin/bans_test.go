package admin

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"carillon/store"
)

func TestBansAreListedAndLifted(t *testing.T) {
	c, o := serve(t, t.TempDir())
	sys := o.System.(*system)
	now := time.Now()
	sys.bans.Put(netip.MustParseAddr("192.0.2.7"), time.Hour, 1, "wrong passwords", now.Add(-time.Minute))
	sys.bans.Put(netip.MustParseAddr("2001:db8::7"), time.Hour, 2, "wrong passwords", now)
	all, err := c.Bans(t.Context())
	if err != nil || len(all) != 2 || all[0].Address != "2001:db8::/64" || all[1].Address != "192.0.2.7" || all[0].Times != 2 || all[1].Node != "laurel" {
		t.Errorf("got %+v, %v, want both, the later first", all, err)
	}
	for _, address := range []string{"2001:db8::/64", "192.0.2.7"} {
		if lifted, e := c.LiftBan(t.Context(), address); e != nil || len(lifted) != 1 || lifted[0].Address != address {
			t.Errorf("%s: lifted %+v, %v", address, lifted, e)
		}
		_, e := c.LiftBan(t.Context(), address)
		if p, ok := errors.AsType[*Problem](e); !ok || p.Kind != string(store.NotFound) {
			t.Errorf("%s again: got %v, want that it is not found", address, e)
		}
	}
	for _, bad := range []string{"", "x", "192.0.2.0/24", "2001:db8::/32", "192.0.2.7:5060"} {
		_, e := c.LiftBan(t.Context(), bad)
		if p, ok := errors.AsType[*Problem](e); !ok || p.Kind != string(store.Invalid) {
			t.Errorf("%q: got %v, want that it is no address", bad, e)
		}
	}
	sys.silent = []string{"hardy"}
	if _, e := c.LiftBan(t.Context(), "192.0.2.9"); !isPartial(e) {
		t.Errorf("got %v, want the silent node named", e)
	}
	if all, err = c.Bans(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("got %+v, %v, want none left", all, err)
	}
}

func isPartial(err error) bool {
	_, ok := errors.AsType[*Partial](err)
	return ok
}
