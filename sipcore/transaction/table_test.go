package transaction

import (
	"testing"
	"unsafe"
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
		if table.shards[i].live != nil {
			t.Fatalf("shard %d keeps its map", i)
		}
	}
	if invites, _ := table.populations(); invites != (Population{Created: uint64(len(all))}) {
		t.Errorf("population %+v", invites)
	}
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
