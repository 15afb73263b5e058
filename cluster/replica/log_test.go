package replica

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestItemIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(item{}); got > 32 {
		t.Errorf("an item takes %d bytes, want at most 32", got)
	}
}

// TestLogMatchesModel compares a namespace of a few thousand keys with a map.
func TestLogMatchesModel(t *testing.T) {
	r, want := owner(1), map[string]string{}
	for step := range 40_000 {
		key := fmt.Sprint(rand.IntN(3000 * (1 + step/10_000)))
		switch value := fmt.Sprint(rand.IntN(3)); rand.IntN(20) {
		default:
			if r.Set(key, []byte(value)) == (want[key] == value) {
				t.Fatalf("setting %s to %s, which was %q", key, value, want[key])
			}
			want[key] = value
		case 0, 1, 2, 3, 4, 5, 6:
			if _, has := want[key]; r.Delete(key) != has {
				t.Fatalf("deleting %s, which was there: %v", key, has)
			}
			delete(want, key)
		case 7:
			if rand.IntN(200) == 0 {
				r.Collect(rand.Uint64N(r.Max + 1))
			}
		}
	}
	if got := contents(r); !maps.Equal(got, want) || r.Len() != len(want) {
		t.Errorf("got %d keys, counted %d, want %d", len(got), r.Len(), len(want))
	}
	if full := 4 * (r.keys() + leastSlots); len(r.items) > full || len(r.slots) > full {
		t.Errorf("%d items and %d slots for %d keys", len(r.items), len(r.slots), r.keys())
	}
}

// Keys whose hashes are alike are told apart.
func TestLogOfOneHash(t *testing.T) {
	const n, hash = 100, 0xfedcba98
	l := newLog()
	for i := range 3 * n {
		l.makeRoom()
		x := NewPair(fmt.Sprint(i%n), fmt.Append(nil, i))
		l.append(l.locate(x.Key(), hash), item{text: x.Text, cut: uint16(x.Cut), version: uint64(i + 1), hash: hash})
	}
	for i := range n {
		x := l.at(l.locate(fmt.Sprint(i), hash))
		if want := fmt.Sprint(2*n + i); x == nil || x.value() != want {
			t.Fatalf("%d: got %+v, want %s", i, x, want)
		}
	}
	if l.keys() != n {
		t.Errorf("got %d keys, want %d", l.keys(), n)
	}
}
