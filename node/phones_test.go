package node

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carillon/node/admin"
	"carillon/store/live"
)

func TestNewsOfPhones(t *testing.T) {
	desk := live.Binding{User: "201", Device: "desk", Contact: "sip:desk", Transport: "tcp", Flow: 7, Granted: time.Minute}
	moved := desk
	moved.Contact, moved.Flow = "sip:elsewhere", 8
	put := func(x live.Binding) func(*live.Bindings) {
		return func(b *live.Bindings) { x.Expires = time.Now().Add(time.Minute); b.Put(x) }
	}
	tests := []struct {
		name string
		do   []func(*live.Bindings)
		want []string
	}{
		{"one comes", []func(*live.Bindings){put(desk)}, []string{"201 registered a phone at sip:desk over tcp"}},
		{"one refreshes", []func(*live.Bindings){put(desk), put(desk)}, []string{"201 registered a phone at sip:desk over tcp"}},
		{"one moves", []func(*live.Bindings){put(desk), put(moved)}, []string{
			"201 registered a phone at sip:desk over tcp",
			"201: the phone at sip:desk is now at sip:elsewhere over tcp",
		}},
		{"one is cut off and comes back", []func(*live.Bindings){
			put(desk), func(b *live.Bindings) { b.FlowClosed(7) }, put(desk),
		}, []string{
			"201 registered a phone at sip:desk over tcp",
			"201: the phone at sip:desk lost its connection",
			"201: the phone at sip:desk is back over tcp",
		}},
		{"one stays away", []func(*live.Bindings){put(desk), func(b *live.Bindings) { b.Expire(time.Now().Add(time.Hour)) }}, []string{
			"201 registered a phone at sip:desk over tcp",
			"201: the phone at sip:desk is no longer registered",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := admin.NewEvents("laurel")
				p := newPhones(events)
				bindings := live.NewBindings("laurel", nil)
				bindings.OnNews(p.note)
				ctx, stop := context.WithCancel(t.Context())
				defer synctest.Wait()
				defer stop()
				go func() { _ = p.Run(ctx) }()
				for _, do := range tt.do {
					do(bindings)
					time.Sleep(newsEvery)
					synctest.Wait()
				}
				found, _ := events.After(0)
				var got []string
				for _, e := range found {
					got = append(got, e.Text)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestPhonesFromDiskAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := admin.NewEvents("laurel")
		p := newPhones(events)
		bindings := live.NewBindings("laurel", nil)
		bindings.OnNews(p.note)
		bindings.Restore(live.Binding{User: "201", Device: "desk", Contact: "sip:desk", Transport: "udp", Flow: 7, Granted: time.Minute})
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go func() { _ = p.Run(ctx) }()
		synctest.Wait()
		if found, _ := events.After(0); len(found) != 0 {
			t.Errorf("got %v", found)
		}
		bindings.Expire(time.Now().Add(time.Hour))
		time.Sleep(newsEvery)
		synctest.Wait()
		if found, _ := events.After(0); len(found) != 1 {
			t.Errorf("got %v, want that it left", found)
		}
	})
}

// A whole site that comes back leaves room for other events.
func TestManyPhonesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := admin.NewEvents("laurel")
		p := newPhones(events)
		bindings := live.NewBindings("laurel", nil)
		bindings.OnNews(p.note)
		for i := range 100 {
			bindings.Put(live.Binding{User: fmt.Sprint(i), Device: "desk", Contact: "sip:desk", Transport: "udp", Flow: 7, Granted: time.Minute})
		}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go func() { _ = p.Run(ctx) }()
		time.Sleep(newsEvery)
		found, _ := events.After(0)
		const want = "80 more phones came, moved or went: see `carillon registrations`"
		if len(found) != mostNews+1 || found[mostNews].Text != want {
			t.Errorf("got %d events, the last %+v, want %d and %q", len(found), found[len(found)-1], mostNews+1, want)
		}
	})
}
