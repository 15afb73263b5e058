package replica

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A line carries deltas in order from a replica to a reader, as a session does:
// whole ones until the reader has all, then what differs.
type line struct {
	from, to    *Replica
	sent, heard Cursor
	level       bool
}

// carry brings the reader what it lacks, in pieces of limit bytes, and returns
// how many bytes that took.
func (l *line) carry(t interface{ Fatal(args ...any) }, limit int) (size int) {
	for {
		d, ok := l.from.DeltaSince(l.sent, limit)
		if !ok {
			return size
		}
		b, next := []byte(nil), false
		if l.level {
			b, next = l.from.AppendNext(nil, &d, l.sent)
		}
		if !next {
			b, _ = d.MarshalBinary()
		}
		l.sent, l.level = d.Next(), l.level || !d.More()
		size += len(b)
		l.take(t, b, next)
	}
}

func (l *line) take(t interface{ Fatal(args ...any) }, b []byte, next bool) {
	d, known, err := Delta{}, true, error(nil)
	if next {
		d, known, err = l.to.ReadNext(b, l.heard)
	} else {
		err = d.UnmarshalBinary(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.heard = d.Next()
	if !known {
		l.sent, l.level = l.to.Awaits(), false
		return
	}
	if _, result, at := l.to.Apply(d); result == Gap || result == NeedSnapshot {
		l.sent, l.level = at, false
	}
}

// However changes reach a reader, as differences by way of two relays that are
// not equally far, cut, across deletions that are forgotten and new incarnations:
// it gets what the owner has.
func TestNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, a, b, reader := owner(1), New("hardy", "reg"), New("hardy", "reg"), New("hardy", "reg")
		lines := []*line{{from: o, to: a}, {from: o, to: b}, {from: a, to: reader}, {from: b, to: reader}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"2001\x1fa", "2001\x1fb", "2002\x1fa", "3"}).Draw(t, "key")
			switch rapid.IntRange(0, 13).Draw(t, "kind") {
			case 0, 1:
				o.Delete(key)
			case 2:
				o.Collect(rapid.Uint64Range(0, o.Max).Draw(t, "floor"))
			case 3:
				o.Renew(o.Inc + 1)
			case 13:
				rapid.SampledFrom([]*Replica{o, a, b}).Draw(t, "who").Age()
			case 4, 5, 6, 7:
				l := rapid.SampledFrom(lines).Draw(t, "line")
				l.carry(t, rapid.IntRange(1, 200).Draw(t, "limit"))
			default:
				o.Set(key, fmt.Appendf(nil, "sip:2001@192.168.1.%d:%d;transport=tcp", rapid.IntRange(1, 3).Draw(t, "host"), rapid.IntRange(1, 3).Draw(t, "port")))
			}
		}
		for range 2 { // a relay's word may be older than what the reader has
			for _, l := range lines {
				l.carry(t, everything)
			}
		}
		if !maps.Equal(contents(o), contents(reader)) {
			t.Fatalf("owner %v at %v, reader %v at %v", contents(o), o.Cursor(), contents(reader), reader.Cursor())
		}
	})
}

// What a known key costs depends on what differs, not on how long it is.
func TestNextIsShort(t *testing.T) {
	l := &line{from: owner(1<<32 | 1), to: New("hardy", "reg")}
	set := func(i, port int) {
		l.from.Set(fmt.Sprintf("%d\x1furn:uuid:00000000-0000-1000-8000-%012d", 2000+i, i*7919),
			fmt.Appendf(nil, "\x01\x01\x58\x02\x00\x00\xe8\x07\x03tcp\x2bsip:%d@192.168.1.%d:%d;transport=tcp\x10Acme Phone/2.1.4\x02\x00\x00\x00\x80\x81\x82\x83\x06", 2000+i, 20+i%200, port))
	}
	for i := range 500 {
		set(i, 49152+i)
	}
	l.carry(t, everything)
	for _, c := range []struct {
		name   string
		change func()
		most   int
	}{
		{"a new port", func() { set(7, 50001) }, 13},
		{"one that was told before", func() { set(7, 50002) }, 9},
		{"a phone that is gone", func() { l.from.Delete(fmt.Sprintf("2009\x1furn:uuid:00000000-0000-1000-8000-%012d", 9*7919)) }, 60},
		{"500 phones with new ports", func() {
			for i := range 500 {
				set(i, 52000+i*13)
			}
		}, 500 * 12},
		{"a new phone", func() { set(500, 49152) }, 40},
		{"500 new phones", func() {
			for i := range 500 {
				set(600+i, 49152+i*7)
			}
		}, 500 * 40},
	} {
		c.change()
		if got := l.carry(t, everything); got > c.most {
			t.Errorf("%s: got %d bytes, want at most %d", c.name, got, c.most)
		} else {
			t.Logf("%s: %d bytes", c.name, got)
		}
	}
	if !maps.Equal(contents(l.from), contents(l.to)) {
		t.Error("the reader has something else")
	}
}

// What a key had is remembered for a while: then its change is told whole, and
// understood.
func TestAge(t *testing.T) {
	l := &line{from: owner(1), to: New("hardy", "reg")}
	change := func(port int) int {
		l.from.Set("2001\x1furn:uuid:00000000-0000-1000-8000-000000000001", fmt.Appendf(nil, "sip:2001@192.168.1.20:%d;transport=tcp", port))
		return l.carry(t, everything)
	}
	change(5060)
	l.from.Set("2002", []byte("unlike"))
	l.carry(t, everything)
	short := change(5061)
	for i, ages := range []int{1, 2} {
		l.from.Set("2002", fmt.Append(nil, "unlike", i))
		l.from.Set("2001\x1furn:uuid:00000000-0000-1000-8000-000000000001", fmt.Appendf(nil, "sip:2001@192.168.1.20:%d;transport=tcp", 5062+i))
		for range ages {
			l.from.Age()
		}
		if got := l.carry(t, everything); (got > 3*short) != (ages == 2) {
			t.Errorf("after %d ages a change takes %d bytes, %d when it was new", ages, got, short)
		}
	}
	if !maps.Equal(contents(l.from), contents(l.to)) {
		t.Error("the reader has something else")
	}
}

// Who has not had what a delta begins with says so, and takes nothing of it.
func TestNextOfWhatIsNotThere(t *testing.T) {
	o, reader := owner(1), New("hardy", "reg")
	o.Set("2001", []byte("sip:2001@192.168.1.1"))
	from := o.Cursor()
	o.Set("2001", []byte("sip:2001@192.168.1.2"))
	d := mustDelta(t, o, from, everything)
	b, ok := o.AppendNext(nil, &d, from)
	if !ok {
		t.Fatal("it travels whole")
	}
	for name, r := range map[string]*Replica{"an empty one": reader, "none": nil} {
		if got, known, err := r.ReadNext(b, from); known || err != nil || got.Next() != d.Next() || got.Entries != nil {
			t.Errorf("%s: got %+v, %v, %v, want where it ends and nothing else", name, got, known, err)
		}
	}
	if _, ok = o.AppendNext(nil, &d, Cursor{Inc: 1}); ok {
		t.Error("a delta travels without its beginning to who does not stand there")
	}
}

func TestDiff(t *testing.T) {
	text := rapid.SliceOfN(rapid.SampledFrom([]byte("abc")), 0, 200)
	rapid.Check(t, func(t *rapid.T) {
		was, is := text.Draw(t, "was"), text.Draw(t, "is")
		if rapid.Bool().Draw(t, "alike") {
			is = bytes.Replace(was, []byte("ab"), is, rapid.IntRange(0, 30).Draw(t, "times"))
		}
		r := reader{data: appendDiff(nil, string(was), string(is))}
		if r.diff(string(was), MaxValue); !bytes.Equal(r.text, is) || r.bad || len(r.data) > 0 {
			t.Fatalf("%q to %q: got %q, bad %v, %d bytes left", was, is, r.text, r.bad, len(r.data))
		}
	})
}

// FuzzNext reads what another node sends as a delta that goes on, and writes it
// again as it was understood.
func FuzzNext(f *testing.F) {
	o := owner(7)
	for i := range 3 {
		o.Set(fmt.Sprintf("20%d\x1furn:uuid:%d", i, i), fmt.Appendf(nil, "sip:20%d@10.0.0.%d:5060", i, i))
	}
	from := o.Cursor()
	whole := Delta{}
	if d, ok := o.DeltaSince(Cursor{}, everything); ok {
		whole = d
	}
	o.Set("200\x1furn:uuid:0", []byte("sip:200@10.0.0.77:50601"))
	o.Set("207\x1furn:uuid:7", []byte("sip:207@10.0.0.7:5060"))
	o.Delete("201\x1furn:uuid:1")
	d, _ := o.DeltaSince(from, everything)
	b, _ := o.AppendNext(nil, &d, from)
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := New("hardy", "reg")
		r.Apply(whole)
		first, known, err := r.ReadNext(data, from)
		if err != nil || !known {
			return
		}
		size := 0
		for i := range first.Entries {
			size += first.Entries[i].size()
		}
		if size > maxDecoded {
			t.Fatalf("%d bytes of %d", size, len(data))
		}
		again, ok := r.AppendNext(nil, &first, from)
		if !ok {
			t.Fatalf("%+v cannot be written", first)
		}
		second, known, err := r.ReadNext(again, from)
		if diff := cmp.Diff(first, second); diff != "" || !known || err != nil {
			t.Fatal(diff, known, err)
		}
		if _, result, _ := r.Apply(first); result != Applied || !first.More() && r.Cursor() != first.Next() {
			t.Fatalf("%v, at %v after %+v", result, r.Cursor(), first)
		}
	})
}
