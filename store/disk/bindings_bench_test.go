package disk

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"carillon/store/live"
)

// binding returns the binding of the i-th phone.
func binding(i int) live.Binding {
	return live.Binding{
		User: fmt.Sprint(10000 + i), Device: fmt.Sprintf("urn:uuid:00000000-0000-0000-0000-%012d", i),
		Contact:   fmt.Sprintf("sip:%d@10.0.%d.%d:5060;transport=tcp", 10000+i, i/250, i%250),
		Transport: "tcp", Flow: uint64(i + 1), Source: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}), 40000),
		Local: netip.MustParseAddrPort("192.0.2.1:5060"), UserAgent: "baresip v2.0.0 (x86_64/linux)",
		CallID: fmt.Sprintf("abcdef%010d", i), CSeq: 7, Q: 1,
		Granted: time.Minute, Expires: time.Now().Add(time.Minute),
	}
}

// BenchmarkFlush is one flush of 600 changes among 10,000 bindings: what
// 1,500 a second make of every 400 ms. It reports CPU of the whole process.
func BenchmarkFlush(b *testing.B) {
	const phones, changes = 10_000, 600
	d, table := openBench(b, phones)
	keys := make([]string, phones)
	for i := range keys {
		keys[i] = binding(i).Key()
	}
	before := cpu()
	for b.Loop() {
		for range changes {
			d.Changed(keys[rand.IntN(phones)])
		}
		if err := d.flush(table.AppendRecord); err != nil {
			b.Fatal(err)
		}
	}
	used := cpu() - before
	b.ReportMetric(float64(used.Microseconds())/float64(b.N*changes), "cpu-µs/binding")
	b.ReportMetric(float64(d.ledger.total)/float64(d.ledger.live), "bytes/live")
}

func openBench(b *testing.B, phones int) (*Bindings, *live.Bindings) {
	b.Helper()
	d, err := OpenBindings(b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	table := live.NewBindings("laurel", nil)
	for i := range phones {
		x := binding(i)
		table.Put(x)
		d.Changed(x.Key())
	}
	if err := d.flush(table.AppendRecord); err != nil {
		b.Fatal(err)
	}
	return d, table
}

// cpu returns the user and system time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
