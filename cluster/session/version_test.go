package session

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
)

// A lifeguard of the version before is told of changes in words that it knows, and
// what it says is understood; a channel that nobody has heard of is carried too.
func TestVersionBefore(t *testing.T) {
	inHouse(t, 1, []string{"namur"}, func(h *house) {
		h.setPeers("m1", Peer{Node: "namur", Relay: true}, Peer{Node: "mons", Relay: true})
		h.nodes["m1"].Kick()
		c, err := h.n.port("mons").Dial(context.Background(), "m1", netip.AddrPort{}, Protocol)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		old := replica.New("mons", "later")
		old.Renew(1)
		old.Set("201", []byte("a"))
		d, _ := old.DeltaSince(replica.Cursor{}, fullBatch)
		b := appendFrame(nil, frameHello, []byte{1})
		b = appendSubscription(b, subscription{scope: scopeAll})
		b = appendDelta(appendName(b, 1, "mons", "later"), 1, &d)
		if _, err = c.Write(b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for _, value := range []string{"a", "b", "c"} {
			h.nodes["m1"].reg.Set("100", []byte(value))
			time.Sleep(time.Second)
		}
		go func() {
			time.Sleep(time.Second)
			_ = c.Close()
		}()
		if kinds, value := hears(t, c); kinds[frameDelta] < 3 || kinds[frameNext] != 0 || value != "c" {
			t.Errorf("it heard %v and has %q, want whole deltas, none that goes on, and c", kinds, value)
		}
		h.wants(map[string]string{"m1/reg/100": "c", "mons/later/201": "a"})
	})
}

// A lifeguard that takes no frameIndex hears of a later configuration by a hello at once.
func TestVersionBeforeHearsOfAConfiguration(t *testing.T) {
	inHouse(t, 1, nil, func(h *house) {
		h.setPeers("m1", Peer{Node: "mons", Relay: true})
		h.nodes["m1"].Kick()
		mons, heard := h.n.port("mons"), make(chan uint64, 100)
		mons.Handle("", func(context.Context, net.Conn, link.Peer) {})
		mons.HandlePacket(0, func(_ string, _ netip.AddrPort, payload []byte) {
			if x, ok := parseHello(payload); ok {
				heard <- x.index
			}
		})
		c, err := mons.Dial(context.Background(), "m1", netip.AddrPort{}, Protocol)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err = c.Write(appendFrame(nil, frameHello, []byte{indexVersion - 1})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for len(heard) > 0 {
			<-heard
		}
		h.decides("m1", 7, []byte("7"))
		time.Sleep(time.Second)
		if len(heard) == 0 || <-heard != 7 {
			h.t.Error("it heard nothing of it")
		}
		_ = c.Close()
		go func() { _, _ = io.Copy(io.Discard, c) }()
	})
}

// hears reads what comes over c to its end, and returns how many frames of each
// kind there were and the value of key 100 of m1.
func hears(t *testing.T, c net.Conn) (kinds map[byte]int, value string) {
	t.Helper()
	kinds = map[byte]int{}
	r, frames := replica.New("m1", "reg"), frameReader{r: bufio.NewReader(c)}
	for {
		kind, body, err := frames.next()
		if err != nil {
			got, _ := r.Get("100")
			return kinds, got
		}
		if kinds[kind]++; kind != frameDelta {
			continue
		}
		_, d, err := parseDelta(body)
		if err != nil {
			t.Error(err)
		}
		r.Apply(d)
	}
}
