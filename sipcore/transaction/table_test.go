package transaction

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// A burst of transactions does not leave its room behind.
func TestTableShrinks(t *testing.T) {
	var table table[Server]
	all := make([]*Server, tableShards*2*shrinkAbove)
	for i := range all {
		all[i] = &Server{key: key{uint64(i), 1}}
		table.add(all[i].key, invite, all[i])
	}
	if got := table.len(); got != len(all) {
		t.Errorf("%d entries, want %d", got, len(all))
	}
	for _, tx := range all {
		table.remove(tx.key, invite, tx)
	}
	for i := range table.shards {
		if table.shards[i].live.all != nil {
			t.Fatalf("shard %d keeps its slots", i)
		}
	}
	if invites, _ := table.populations(); invites != (Population{Created: uint64(len(all))}) {
		t.Errorf("population %+v", invites)
	}
}

// TestSlots does the same to slots and to a map. Few homes make long runs, also
// across the end.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slots[int]
		want := make(map[key]*int)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			home := rapid.SampledFrom([]uint64{0, 1, 2, 13, 14, 15, 31, 63}).Draw(t, "home")
			k := key{home * tableShards, rapid.Uint64Range(0, 5).Draw(t, "rest")}
			if rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				delete(want, k)
				s.remove(k)
			} else {
				want[k] = new(int)
				s.put(k, want[k])
			}
			if s.used != len(want) {
				t.Fatalf("%d used, want %d", s.used, len(want))
			}
			for k, x := range want {
				if got := s.get(k); got != x {
					t.Fatalf("%v: got %p, want %p", k, got, x)
				}
			}
			if want[k] == nil && s.get(k) != nil {
				t.Fatalf("%v is still there", k)
			}
		}
	})
}

// Growing beyond these costs the next size class of the allocator.
func TestSizes(t *testing.T) {
	for _, test := range []struct {
		name      string
		got, most uintptr
	}{
		{"Timer", unsafe.Sizeof(Timer{}), 56},
		{"Server", unsafe.Sizeof(Server{}), 208},
		{"Client", unsafe.Sizeof(Client{}), 256},
		{"shard of a table", unsafe.Sizeof(tableShard[Server]{}), 64},
	} {
		if test.got > test.most {
			t.Errorf("%s has %d bytes, at most %d wanted", test.name, test.got, test.most)
		}
	}
}
