package live

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

func TestEntryFitsItsSizeClass(t *testing.T) {
	if got := unsafe.Sizeof(entry{}); got > 96 {
		t.Errorf("an entry takes %d bytes, want at most 96, a size class of the allocator", got)
	}
}

// TestMemoryPerBinding holds 100,000 phones like those of a real house to the
// goal for a main.
func TestMemoryPerBinding(t *testing.T) {
	const n, most = 100_000, 400
	before := heap()
	b := NewBindings("laurel", nil)
	for i := range n {
		b.Put(typical(i))
	}
	got := (heap() - before) / n
	t.Logf("%d B a binding", got)
	if got > most {
		t.Errorf("a binding takes %d B, want at most %d", got, most)
	}
	runtime.KeepAlive(b)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// typical is a phone that has an instance and registers over TCP.
func typical(i int) Binding {
	source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint16(1024+i%60000))
	user := fmt.Sprintf("u%05d", i)
	return Binding{
		User: user, Device: fmt.Sprintf("urn:uuid:f81d4fae-7dec-11d0-a765-%012x", i),
		Contact:   fmt.Sprintf("sip:%s@%s;transport=tcp", user, source),
		Transport: "tcp", Flow: uint64(i + 1), Source: source, Local: netip.MustParseAddrPort("192.0.2.9:5060"),
		UserAgent: "Yealink SIP-T46S 66.86.0.15", CallID: fmt.Sprintf("0_%010d@10.20.30.40", i),
		CSeq: 2, Granted: time.Minute, Expires: time.Now().Add(time.Minute),
	}
}

func BenchmarkUpdateRefresh(b *testing.B) {
	t := NewBindings("laurel", nil)
	const n = 10000
	for i := range n {
		t.Put(typical(i))
	}
	names := make([]string, n)
	for i := range names {
		names[i] = typical(i).User
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_ = t.Update(names[i%n], func(have []Binding) ([]Binding, error) {
			have[0].CSeq++
			have[0].Expires = time.Now().Add(time.Minute)
			return have, nil
		})
		i++
	}
}

func BenchmarkOf(b *testing.B) {
	t := NewBindings("laurel", nil)
	t.Put(typical(1))
	b.ReportAllocs()
	for b.Loop() {
		t.Of("u00001")
	}
}

func BenchmarkFlowClosed(b *testing.B) {
	t := NewBindings("laurel", nil)
	for i := range 10000 {
		t.Put(typical(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		t.FlowClosed(1 << 40)
	}
}

func BenchmarkExpireNothing(b *testing.B) {
	t := NewBindings("laurel", nil)
	for i := range 100_000 {
		t.Put(typical(i))
	}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		t.Expire(now)
	}
}

// many is a table of 100,000 phones, and their users.
func many() (t *Bindings, users []string) {
	t = NewBindings("laurel", nil)
	for i := range 100_000 {
		t.Put(typical(i))
		users = append(users, fmt.Sprintf("u%05d", i))
	}
	return t, users
}

func BenchmarkOfMany(b *testing.B) {
	t, users := many()
	var list []Binding
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		list = t.AppendOf(list[:0], users[i*7919%len(users)])
		i++
	}
}

// BenchmarkUpdateChanged has phones register from other ports.
func BenchmarkUpdateChanged(b *testing.B) {
	t, users := many()
	contacts := [2]string{"sip:u@10.20.30.40:5060;transport=tcp", "sip:u@10.20.30.40:5061;transport=tcp"}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_ = t.Update(users[i*7919%len(users)], func(have []Binding) ([]Binding, error) {
			have[0].Contact = contacts[i/len(users)%2]
			have[0].CSeq++
			have[0].Expires = time.Now().Add(time.Minute)
			return have, nil
		})
		i++
	}
}

func BenchmarkLearn(b *testing.B) {
	t, _ := many()
	var texts []string
	var keys []int
	for i := range 10_000 {
		x := typical(i * 7919 % 100_000)
		x.Move++
		texts, keys = append(texts, x.Key()+string(x.AppendShared(nil))), append(keys, len(x.Key()))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_ = t.LearnText([]string{"hardy", "stan"}[i/len(keys)%2], texts[i%len(keys)], keys[i%len(keys)])
		i++
	}
}

// BenchmarkExpireLooks is what it costs when in each shard somebody may have ended.
func BenchmarkExpireLooks(b *testing.B) {
	t, _ := many()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		for i := range t.shards {
			t.shards[i].soonest = 1
		}
		t.Expire(now)
	}
}
