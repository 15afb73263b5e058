package session

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

// What a line carries besides our payload, in bytes: IPv4 with TCP and its
// timestamps, the record of TLS 1.3, an acknowledgement alone; IPv4 with UDP
// and the seal.
const (
	overSegment = 20 + 32 + 22
	overAck     = 20 + 32
	overPacket  = 20 + 8 + 30
)

// binding is about what a phone's registration looks like to other nodes.
func binding(i int) (string, []byte) {
	return fmt.Sprintf("%d\x00<urn:uuid:5c1e7a3%d-07a6-4c8e-b3a1-%012d>", 2000+i, i%10, i*7919),
		fmt.Appendf(nil, "\x01\x01<\x00\x00\xe8\x07\x03tcp\x2bsip:%d@192.196.203.%d:%d;transport=tcp\x10Acme Phone/2.1.4\x00\x00", 2000+i, i%250, 49152+i*13)
}

func TestBytes(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		sent := func() traffic { return h.n.traffic("mons", "m1") }
		cost := func(f func()) (writes, payload int) {
			before := sent()
			f()
			time.Sleep(time.Second)
			return sent().writes - before.writes, sent().bytes - before.bytes
		}
		set := func(i int) {
			key, value := binding(i)
			h.nodes["mons"].reg.Set(key, value)
		}
		set(0) // names the namespace
		time.Sleep(time.Second)
		set(1)
		time.Sleep(time.Second)
		_, first := cost(func() { set(2) })
		key, value := binding(1)
		value = bytes.Replace(value, []byte(":49165;"), []byte(":50001;"), 1) // the phone was restarted
		_, alone := cost(func() { h.nodes["mons"].reg.Set(key, value) })
		const goal = 150
		t.Logf("one changed registration alone: %d B payload; with segment and acknowledgement %d B, goal %d", alone, alone+overSegment+overAck, goal)
		t.Logf("a new one alone: %d B payload, with segment and acknowledgement %d B", first, first+overSegment+overAck)
		if alone+overSegment+overAck > goal {
			t.Errorf("a changed registration costs %d B, want at most %d", alone+overSegment+overAck, goal)
		}
		_, few := cost(func() { h.nodes["mons"].reg.Set("a", []byte("b")) })
		if few > 16 {
			t.Errorf("%d B payload for a change of 2 B", few)
		}
		set(3)
		time.Sleep(10 * time.Millisecond) // the next ones are a batch
		writes, batch := cost(func() {
			for i := range 50 {
				set(100 + i)
			}
		})
		t.Logf("50 changes: %d writes, %d B payload, %.1f B each", writes, batch, float64(batch)/50)
		if writes != 1 {
			t.Errorf("got %d writes, want 1", writes)
		}

		before, back := sent(), h.n.traffic("m1", "mons")
		time.Sleep(time.Hour)
		after, then := sent(), h.n.traffic("m1", "mons")
		packets := after.packets - before.packets + then.packets - back.packets
		payload := after.packetBytes - before.packetBytes + then.packetBytes - back.packetBytes
		t.Logf("an idle hour, both directions: %d hellos, %d B payload (%.1f each), about %d B on the line, %.0f B/s",
			packets, payload, float64(payload)/float64(packets), payload+packets*overPacket, float64(payload+packets*overPacket)/3600)
		if after.bytes != before.bytes || then.bytes != back.bytes {
			t.Error("an idle connection carried something")
		}
	})
}
