package live

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// journal keeps what a table wrote: the order of keys and the last values.
type journal struct {
	mu     sync.Mutex
	writes []string
	values map[string][]byte
}

func (j *journal) Set(key string, value []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writes = append(j.writes, "set "+key)
	if j.values == nil {
		j.values = make(map[string][]byte)
	}
	j.values[key] = slices.Clone(value)
}

func (j *journal) Delete(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writes = append(j.writes, "delete "+key)
	delete(j.values, key)
}

func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	w := j.writes
	j.writes = nil
	return w
}

// phone is a binding of user 201 over TCP.
func phone(edit ...func(*Binding)) Binding {
	x := Binding{
		User: "201", Device: "urn:uuid:1", Contact: "sip:201@192.0.2.1:40000;transport=tcp",
		Transport: "tcp", Flow: 77,
		Source: netip.MustParseAddrPort("192.0.2.1:40000"), Local: netip.MustParseAddrPort("192.0.2.9:5060"),
		Q: 0.5, UserAgent: "Phone 1.0", CallID: "a@b", CSeq: 1,
		Granted: time.Minute, Expires: time.Now().Add(time.Minute),
	}
	for _, f := range edit {
		f(&x)
	}
	return x
}

func udp(x *Binding) { x.Transport, x.Flow = "udp", 88 }

// TestLostConnectionIsNotForTheDisk: others and the operator hear of it, but what
// comes back from the disk is down anyway.
func TestLostConnectionIsNotForTheDisk(t *testing.T) {
	var j journal
	b := NewBindings("laurel", &j)
	b.Put(phone())
	j.take()
	b.OnChange(func(key string) { t.Errorf("the disk is told of %q", key) })
	news := 0
	b.OnNews(func(was, is *Binding) {
		if was.Flow != 0 && is.Flow == 0 {
			news++
		}
	})
	record, _ := b.AppendRecord(nil, phone().Key())
	b.FlowClosed(phone().Flow)
	if got, want := j.take(), []string{"set 201\x1furn:uuid:1"}; !slices.Equal(got, want) || news != 1 {
		t.Errorf("got %q and %d news, want %q and one", got, news, want)
	}
	kept, err := ParseRecord(phone().Key(), record)
	if err != nil {
		t.Fatal(err)
	}
	after := NewBindings("laurel", nil)
	after.Restore(kept)
	if got := after.Of("201"); len(got) != 1 || got[0].Flow != 0 {
		t.Errorf("after a restart: got %v, want one that is down", got)
	}
}

func TestPutJournalsOnlyWhatOthersNeed(t *testing.T) {
	tests := []struct {
		name string
		edit func(*Binding)
		want []string
		kept int // times that the disk is told
	}{
		{"the same", func(*Binding) {}, nil, 0},
		{"a refresh", func(x *Binding) { x.CSeq, x.Expires = 2, x.Expires.Add(time.Minute) }, nil, 0},
		{"another Call-ID", func(x *Binding) { x.CallID = "c@d" }, nil, 1},
		{"another connection", func(x *Binding) { x.Flow, x.Source = 78, netip.MustParseAddrPort("192.0.2.1:40001") }, nil, 1},
		{"another Contact", func(x *Binding) { x.Contact = "sip:201@192.0.2.2" }, []string{"set 201\x1furn:uuid:1"}, 1},
		{"another q", func(x *Binding) { x.Q = 0.7 }, []string{"set 201\x1furn:uuid:1"}, 1},
		{"another path", func(x *Binding) { x.Path = []string{"<sip:p;lr>"} }, []string{"set 201\x1furn:uuid:1"}, 1},
		{"another lifetime", func(x *Binding) { x.Granted = time.Hour }, []string{"set 201\x1furn:uuid:1"}, 1},
		{"its connection is gone", func(x *Binding) { x.Flow = 0 }, []string{"set 201\x1furn:uuid:1"}, 1},
		{"another device", func(x *Binding) { x.Device = "urn:uuid:2" }, []string{"set 201\x1furn:uuid:2"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j journal
			b := NewBindings("laurel", &j)
			b.Put(phone())
			j.take()
			heard := 0
			b.OnChange(func(string) { heard++ })
			b.Put(phone(tt.edit))
			if diff := cmp.Diff(tt.want, j.take()); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
			if heard != tt.kept {
				t.Errorf("OnChange called %d times, want %d", heard, tt.kept)
			}
		})
	}
}

func TestOfReturnsWhatWasPut(t *testing.T) {
	tests := []struct {
		name string
		put  Binding
	}{
		{"over TCP", phone()},
		{"over UDP", phone(udp)},
		{"down", phone(func(x *Binding) { x.Flow = 0 })},
		{"with a path", phone(func(x *Binding) { x.Path = []string{"<sip:p1;lr>", "<sip:p2;lr>"} })},
		{"without most", Binding{User: "x", Device: "d", Contact: "sip:x@y", Transport: "udp", Expires: time.Now().Add(time.Minute)}},
		{"of IPv6", phone(func(x *Binding) { x.Source = netip.MustParseAddrPort("[fe80::1%eth0]:5060") })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBindings("laurel", nil)
			b.Put(tt.put)
			want := tt.put
			want.Node = "laurel"
			got := b.Of(want.User)
			if len(got) != 1 {
				t.Fatalf("got %d bindings, want 1", len(got))
			}
			if diff := cmp.Diff(want, got[0], addresses(), cmpopts.IgnoreFields(Binding{}, "Since"), cmpopts.EquateApproxTime(time.Microsecond)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got[0].Since.IsZero() {
				t.Error("Since is zero")
			}
		})
	}
}

func addresses() cmp.Option {
	return cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })
}

func TestUpdate(t *testing.T) {
	refused := errors.New("refused")
	two := func(x *Binding) { x.Device = "urn:uuid:2" }
	tests := []struct {
		name    string
		f       func(have []Binding) ([]Binding, error)
		devices []string
		writes  []string
		err     error
	}{
		{
			"adds", func(have []Binding) ([]Binding, error) { return append(have, phone(two)), nil },
			[]string{"urn:uuid:1", "urn:uuid:2"},
			[]string{"set 201\x1furn:uuid:2"},
			nil,
		},
		{
			"leaves out", func([]Binding) ([]Binding, error) { return nil, nil },
			nil,
			[]string{"delete 201\x1furn:uuid:1"},
			nil,
		},
		{
			"replaces", func([]Binding) ([]Binding, error) { return []Binding{phone(two)}, nil },
			[]string{"urn:uuid:2"},
			[]string{"delete 201\x1furn:uuid:1", "set 201\x1furn:uuid:2"},
			nil,
		},
		{
			"changes in place", func(have []Binding) ([]Binding, error) { have[0].Q = 1; return have, nil },
			[]string{"urn:uuid:1"},
			[]string{"set 201\x1furn:uuid:1"},
			nil,
		},
		{
			"refreshes", func(have []Binding) ([]Binding, error) { have[0].CSeq++; return have, nil },
			[]string{"urn:uuid:1"},
			nil, nil,
		},
		{
			"refuses", func([]Binding) ([]Binding, error) { return nil, refused },
			[]string{"urn:uuid:1"},
			nil, refused,
		},
		{"too large", func(have []Binding) ([]Binding, error) {
			return append(have, phone(two, func(x *Binding) { x.Contact = string(make([]byte, 1<<16)) })), nil
		}, []string{"urn:uuid:1"}, nil, ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j journal
			b := NewBindings("laurel", &j)
			b.Put(phone())
			j.take()
			if err := b.Update("201", tt.f); !errors.Is(err, tt.err) {
				t.Errorf("got error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.devices, devices(b.Of("201"))); diff != "" {
				t.Errorf("devices (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.writes, j.take()); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
			if got := b.Count(); got != len(tt.devices) {
				t.Errorf("Count = %d, want %d", got, len(tt.devices))
			}
		})
	}
}

func devices(list []Binding) []string {
	var all []string
	for _, x := range list {
		all = append(all, x.Device)
	}
	slices.Sort(all)
	return all
}

func TestOnlyUser(t *testing.T) {
	b := NewBindings("laurel", &journal{})
	b.Put(phone())
	b.Put(phone(func(x *Binding) { x.User = "202" }))
	b.Put(phone(func(x *Binding) { x.User, x.Flow = "203", 78 }))
	b.Put(phone(func(x *Binding) { x.User, x.Device, x.Flow = "203", "urn:x:other", 78 }))
	b.Put(phone(udp, func(x *Binding) { x.User, x.Flow = "204", 79 }))
	for flow, want := range map[uint64]string{0: "", 77: "", 78: "203", 79: "", 80: ""} {
		if got, ok := b.OnlyUser(flow); got != want || ok != (want != "") {
			t.Errorf("the one user of flow %d: got %q, %v, want %q", flow, got, ok, want)
		}
	}
}

func TestFlowClosedMarksDown(t *testing.T) {
	var j journal
	b := NewBindings("laurel", &j)
	b.Put(phone())
	b.Put(phone(func(x *Binding) { x.User = "202" }))
	b.Put(phone(func(x *Binding) { x.User, x.Flow = "203", 78 }))
	b.Put(phone(udp, func(x *Binding) { x.User, x.Flow = "204", 77 }))
	if !b.UsersOn(77, "201") || b.UsersOn(78, "201") || b.UsersOn(0, "201") || !b.HasFlow(77) || b.HasFlow(88) {
		t.Error("flows are wrong before the connection closes")
	}
	j.take()

	b.FlowClosed(77)

	now, got := time.Now(), map[string]string{}
	for _, x := range b.All() {
		got[x.User] = x.State(now)
	}
	want := map[string]string{"201": "down", "202": "down", "203": "up", "204": "up"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(j.take()); n != 2 {
		t.Errorf("got %d journal entries, want 2", n)
	}
	if b.UsersOn(77, "201") || b.HasFlow(77) {
		t.Error("a closed connection still has users")
	}
}

func TestADeviceMovesToAnotherConnection(t *testing.T) {
	b := NewBindings("laurel", nil)
	b.Put(phone())
	b.Put(phone(func(x *Binding) { x.Flow = 78 }))
	b.FlowClosed(77) // the old one: must not harm the new
	if !b.UsersOn(78, "201") {
		t.Error("the device is not on its new connection")
	}
	b.Put(phone(udp))
	b.FlowClosed(78)
	if !b.UsersOn(88, "201") {
		t.Error("the device is not on UDP")
	}
}

func TestRestore(t *testing.T) {
	tests := []struct {
		name  string
		x     Binding
		state string
	}{
		{"over UDP it can be called", phone(udp), BindingUp},
		{"over TCP it must come back", phone(), BindingDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				before := NewBindings("laurel", nil)
				before.Put(tt.x)
				record, ok := before.AppendRecord(nil, tt.x.Key())
				if !ok {
					t.Fatal("no record")
				}
				time.Sleep(30 * time.Second)

				b := NewBindings("laurel", &j)
				x, err := ParseRecord(tt.x.Key(), record)
				if err != nil {
					t.Fatal(err)
				}
				b.OnChange(func(string) { t.Error("what came from disk goes to disk") })
				b.Restore(x)

				got, ok := b.Device("201", "urn:uuid:1")
				if !ok || got.State(time.Now()) != tt.state || got.Node != "laurel" {
					t.Errorf("got %+v, %v; want it %s", got, ok, tt.state)
				}
				if left := time.Until(got.Expires); left != time.Minute {
					t.Errorf("it lives for %v, want 1m", left)
				}
				if len(j.take()) != 1 {
					t.Error("others were not told")
				}
			})
		})
	}
}

// TestRestoreYieldsToAPhone: while the bindings of before are put back, phones
// register, and know better.
func TestRestoreYieldsToAPhone(t *testing.T) {
	put := func(edit ...func(*Binding)) func(*Bindings) {
		return func(b *Bindings) { b.Put(phone(edit...)) }
	}
	named := func(x *Binding) { x.Device = "urn:uuid:2" }
	tests := []struct {
		name  string
		since func(*Bindings)
		back  bool
	}{
		{"nobody came", func(*Bindings) {}, true},
		{"it came back", put(func(x *Binding) { x.Contact = "sip:new" }), false},
		{"it came back with another name", put(named), false},
		{"another phone came", put(named, func(x *Binding) { x.Contact = "sip:other" }), true},
		{"another phone came, behind another NAT", put(named, func(x *Binding) { x.Source = netip.MustParseAddrPort("198.51.100.1:40000") }), true},
		{"a phone of the user unregistered", func(b *Bindings) { b.Forgo("201") }, false},
		{"a phone of another user unregistered", func(b *Bindings) { b.Forgo("202") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBindings("laurel", nil)
			tt.since(b)
			before := b.Count()
			if got := b.Restore(phone()); got != tt.back || b.Count()-before != toInt(tt.back) {
				t.Errorf("got %v and %d more bindings, want %v", got, b.Count()-before, tt.back)
			}
		})
	}
}

func TestForgoEndsWithRestoring(t *testing.T) {
	b := NewBindings("laurel", nil)
	b.Forgo("201")
	b.Restored()
	b.Forgo("202")
	for i := range b.shards {
		if b.shards[i].forgone != nil {
			t.Error("it still takes note of who unregisters")
		}
	}
}
