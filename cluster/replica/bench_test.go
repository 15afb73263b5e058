package replica

import (
	"fmt"
	"strings"
	"testing"
)

const n = 20_000

// phones is a namespace of n phones, and what names them.
func phones() (r *Replica, keys []string) {
	r = New("hardy", "reg")
	r.Renew(1)
	for i := range n {
		keys = append(keys, fmt.Sprintf("u%05d\x1furn:uuid:f81d4fae-7dec-11d0-a765-%012x", i, i*7919))
		r.Set(strings.Clone(keys[i]), contact(i, 1024))
	}
	return r, keys
}

func contact(i, port int) []byte {
	return fmt.Appendf(nil, "\x01\x01\x3c\x00\x00\x00\xe8\x07\x03tcp\x2bsip:u%05d@10.0.%d.%d:%d;transport=tcp\x1bYealink SIP-T46S 66.86.0.15\x02\x00\x00\x00\x80\x81\x82\x83\x06\x00", i, i>>8&255, i&255, port)
}

func BenchmarkSet(b *testing.B) {
	r, keys := phones()
	values := [2][]byte{contact(1, 2000), contact(1, 2001)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		at := i * 7919 % n
		r.Set(keys[at], values[i/n%2])
		i++
	}
}

func BenchmarkGet(b *testing.B) {
	r, keys := phones()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Get(keys[i*7919%n])
		i++
	}
}

// BenchmarkNext carries one changed registration from its owner to a reader, as a
// line does.
func BenchmarkNext(b *testing.B) {
	r, keys := phones()
	reader := New("hardy", "reg")
	d, ok := r.DeltaSince(Cursor{}, maxDelta)
	for ; ok; d, ok = r.DeltaSince(reader.Awaits(), maxDelta) {
		reader.Apply(d)
	}
	values := [2][]byte{contact(1, 2000), contact(1, 2001)}
	var buf []byte
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		from := r.Cursor()
		r.Set(keys[i*7919%n], values[i/n%2])
		d, _ = r.DeltaSince(from, maxDelta)
		buf, _ = r.AppendNext(buf[:0], &d, from)
		d, _, _ = reader.ReadNext(buf, from)
		reader.Apply(d)
		i++
	}
	if reader.Cursor() != r.Cursor() {
		b.Fatal("the reader has not all")
	}
}

// BenchmarkCopy is a whole copy on its way to a new main, per key.
func BenchmarkCopy(b *testing.B) {
	r, _ := phones()
	var buf []byte
	b.ReportAllocs()
	for i := 0; i < b.N; i += n {
		reader := New("hardy", "reg")
		for {
			d, ok := r.DeltaSince(reader.Awaits(), 1<<16)
			if !ok {
				break
			}
			buf, _ = d.AppendBinary(buf[:0])
			var x Delta
			if err := x.UnmarshalBinary(buf); err != nil {
				b.Fatal(err)
			}
			reader.Apply(x)
		}
	}
}
