package session

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// A main that is cut off from the others, or was removed and does not know it,
// does not keep a LifeGUARD from the configuration, though it is the one that
// this prefers.
func TestAPrimaryThatLagsIsLeft(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		install := func(main string, index uint64) {
			_ = h.nodes[main].feed.Install(index, []byte{byte(index)})
			h.nodes[main].FeedChanged()
		}
		primary := func(when, want string) {
			h.t.Helper()
			for _, l := range []string{"mons", "namur"} {
				if !h.nodes[l].link(want).Primary {
					h.t.Errorf("%s: the primary of %s is another than %s", when, l, want)
				}
			}
		}
		install("m1", 7)
		install("m2", 7)
		time.Sleep(time.Second)
		primary("both have it", "m1")
		install("m2", 8)
		time.Sleep(lag + time.Second)
		for _, l := range []string{"mons", "namur"} {
			if got := h.nodes[l].feed.Index(); got != 8 {
				h.t.Errorf("%s has index %d, want 8", l, got)
			}
		}
		primary("m1 lags", "m2")
		h.nodes["mons"].reg.Set("201", []byte("a"))
		time.Sleep(time.Minute)
		primary("m1 still lags", "m2")
		h.wants(map[string]string{"mons/reg/201": "a"})
		install("m1", 8)
		time.Sleep(time.Second)
		primary("m1 has it too", "m1")
		install("m1", 9) // m2 follows a moment later, as Raft does
		time.Sleep(time.Second)
		install("m2", 9)
		time.Sleep(time.Minute)
		primary("they take turns", "m1")
	})
}

func TestFeed(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		data := make([]byte, 300_000) // does not get smaller
		random := rand.NewChaCha8([32]byte{})
		_, _ = random.Read(data)
		for _, main := range []string{"m1", "m2"} {
			_ = h.nodes[main].feed.Install(7, data)
			h.nodes[main].FeedChanged()
		}
		time.Sleep(time.Second)
		for _, l := range []string{"mons", "namur"} {
			if got := h.nodes[l].feed.Snapshot(""); got.Index != 7 || !bytes.Equal(got.Shared, data) {
				t.Errorf("%s has index %d, %d bytes", l, got.Index, len(got.Shared))
			}
			if n := h.n.traffic("m2", l).bytes; n > 1000 {
				t.Errorf("the standby sent %d bytes to %s", n, l)
			}
		}
		h.nodes["mons"].stop()
		mons := h.start("mons", 2)
		_ = mons.feed.Install(7, data)
		before := h.n.traffic("m1", "mons").bytes
		time.Sleep(3 * time.Second)
		if n := h.n.traffic("m1", "mons").bytes - before; n > 1000 {
			t.Errorf("%d bytes for a configuration that was there", n)
		}
	})
}

// TestEachGetsItsOwn: what all may have is packed once; what one may have beside it
// comes to that one, behind it, and to nobody else.
func TestEachGetsItsOwn(t *testing.T) {
	inHouse(t, 1, []string{"mons", "namur"}, func(h *house) {
		m1, shared := h.nodes["m1"], make([]byte, 20_000)
		_, _ = rand.NewChaCha8([32]byte{}).Read(shared)
		m1.feed.own = func(node string) []byte {
			if node == "mons" {
				return []byte("of mons alone")
			}
			return nil
		}
		_ = m1.feed.Install(7, shared)
		m1.FeedChanged()
		time.Sleep(10 * time.Second)
		for node, want := range map[string]string{"mons": "of mons alone", "namur": ""} {
			got := h.nodes[node].feed.Snapshot("")
			if own, ok := bytes.CutPrefix(got.Shared, shared); got.Index != 7 || !ok || string(own) != want {
				t.Errorf("%s has index %d, %d bytes, the last %q; want %q", node, got.Index, len(got.Shared), own, want)
			}
		}
	})
}

// counted counts how often a source is asked.
type counted struct {
	*config

	asked int
}

func (c *counted) Snapshot(role string) Snapshot {
	c.asked++
	return c.config.Snapshot(role)
}

// TestEachRoleIsPackedOnce: a witness among LifeGUARDs does not have all packed anew.
func TestEachRoleIsPackedOnce(t *testing.T) {
	var f feed
	source := &counted{config: &config{index: 7, data: []byte("a")}}
	for _, role := range []string{roleLifeguard, "witness", roleLifeguard, "witness"} {
		if p, err := f.of(source, role, "mons", 0, 7); err != nil || p.index != 7 {
			t.Errorf("%s: got index %d, %v, want 7", role, p.index, err)
		}
	}
	if source.asked != 2 {
		t.Errorf("the source was asked %d times, want 2", source.asked)
	}
	source.index = 8
	if p, err := f.of(source, roleLifeguard, "mons", 0, 8); err != nil || p.index != 8 || source.asked != 3 {
		t.Errorf("a later one: got index %d, %v, and the source was asked %d times; want 8, 3 times", p.index, err, source.asked)
	}
}

// TestASourceThatFails: a main whose disk cannot be read does not busy itself with it, and
// goes on when it can.
func TestASourceThatFails(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		m1 := h.nodes["m1"]
		m1.feed.mu.Lock()
		m1.feed.index, m1.feed.broken = 7, true
		m1.feed.mu.Unlock()
		before := h.n.traffic("m1", "mons").writes
		m1.FeedChanged()
		time.Sleep(time.Minute)
		if n := h.n.traffic("m1", "mons").writes - before; n > 1 {
			t.Errorf("%d writes of a configuration that cannot be read, want its index alone", n)
		}
		m1.feed.mu.Lock()
		m1.feed.index, m1.feed.broken = 8, false
		m1.feed.mu.Unlock()
		m1.FeedChanged()
		time.Sleep(time.Second)
		if got := h.nodes["mons"].feed.Index(); got != 8 {
			t.Errorf("mons has index %d, want 8", got)
		}
	})
}

// TestUnpack: what was not packed, or is cut, or too long, is refused.
func TestUnpack(t *testing.T) {
	one, _ := pack([]byte("one"))
	two, _ := pack([]byte("two"))
	huge, _ := pack(make([]byte, maxFeed))
	for name, tt := range map[string]struct {
		packed []byte
		want   string
		bad    bool
	}{
		"nothing":     {nil, "", false},
		"one":         {one, "one", false},
		"two":         {append(bytes.Clone(one), two...), "onetwo", false},
		"cut":         {one[:len(one)-1], "", true},
		"second cut":  {append(bytes.Clone(one), two[:2]...), "", true},
		"never ended": {append(bytes.Clone(huge), one...), "", true},
		"noise":       {bytes.Repeat([]byte{0xff}, 20), "", true},
	} {
		got, err := unpack(tt.packed)
		if (err != nil) != tt.bad || string(got) != tt.want {
			t.Errorf("%s: got %d bytes, %v, want %q", name, len(got), err, tt.want)
		}
	}
}
