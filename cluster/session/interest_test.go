package session

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carillon/cluster/link"
	"carillon/cluster/replica"
)

// hasLamps waits a second and wants that a node knows just these keys of a channel.
func (h *house) hasLamps(name string, want ...string) {
	h.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	x := h.nodes[name]
	x.mu.Lock()
	defer x.mu.Unlock()
	var got []string
	for _, key := range slices.Sorted(maps.Keys(x.knows)) {
		if owner, rest, _ := bytes.Cut([]byte(key), []byte("/lamp/")); rest != nil {
			got = append(got, fmt.Sprintf("%s:%s=%s", owner, rest, x.knows[key]))
		}
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("%s has %q, want %q", name, got, want)
	}
}

// A branch has of the lamps just those that its phones show, as these change and
// whatever happens to the mains, and so have others what they want.
func TestInterest(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		lamps := map[string]*Namespace{}
		for _, owner := range []string{"m1", "m2", "namur"} {
			lamps[owner] = h.nodes[owner].Namespace("lamp")
			for _, key := range []string{"201/a", "202/a", "203/a"} {
				lamps[owner].Set(key, []byte("1"))
			}
		}
		mons := h.nodes["mons"]
		mons.Interest("lamp", replica.Only("201/"))
		h.hasLamps("mons", "m1:201/a=1", "m2:201/a=1", "namur:201/a=1")
		mons.Interest("lamp", replica.Only("201/", "203/"))
		h.hasLamps("mons", "m1:201/a=1", "m1:203/a=1", "m2:201/a=1", "m2:203/a=1", "namur:201/a=1", "namur:203/a=1")
		lamps["namur"].Set("203/a", []byte("2"))
		lamps["namur"].Delete("201/a")
		lamps["m2"].Set("202/a", []byte("2"))
		mons.Interest("lamp", replica.Only("203/"))
		h.hasLamps("mons", "m1:203/a=1", "m2:203/a=1", "namur:203/a=2")
		h.hasLamps("m1", "m2:201/a=1", "m2:202/a=2", "m2:203/a=1", "namur:202/a=1", "namur:203/a=2")

		before := mons.count()
		h.nodes["m1"].stop() // its primary: the other one goes on where it was
		time.Sleep(20 * time.Second)
		lamps["m2"].Set("203/b", nil)
		h.hasLamps("mons", "m1:203/a=1", "m2:203/a=1", "m2:203/b=", "namur:203/a=2")
		if got := mons.count() - before; got != 1 {
			t.Errorf("with another primary it was told %d things, want 1", got)
		}
		mons.Interest("lamp", replica.Filter{})
		h.hasLamps("mons", "m1:201/a=1", "m1:202/a=1", "m1:203/a=1", "m2:201/a=1", "m2:202/a=2", "m2:203/a=1", "m2:203/b=", "namur:202/a=1", "namur:203/a=2")
		mons.Interest("lamp", replica.Only())
		h.hasLamps("mons")
	})
}

// A branch has of a class just the channels that it names, as these change and whatever
// happens to the mains; what it does not name costs its line nothing.
func TestNarrow(t *testing.T) {
	inHouse(t, 2, []string{"mons", "namur"}, func(h *house) {
		mons, at := h.nodes["mons"], map[string]*Namespace{}
		mons.Narrow("lamp", "lamp/mons")
		for _, site := range []string{"mons", "namur", "hq"} {
			at[site] = h.nodes["namur"].Namespace("lamp/" + site)
			at[site].Set("1", []byte("1"))
		}
		h.hasLamps("mons", "namur:mons/1=1")
		h.hasLamps("m1", "namur:hq/1=1", "namur:mons/1=1", "namur:namur/1=1")
		spent := func() (n uint64) {
			for _, l := range mons.Lines() {
				n += l.In["lamp"]
			}
			return n
		}
		before := spent()
		at["namur"].Set("1", []byte("2"))
		time.Sleep(time.Hour)
		if got := spent() - before; got != 0 {
			t.Errorf("what it does not want costs %d bytes, want none", got)
		}
		mons.Narrow("lamp", "lamp/mons", "lamp/namur")
		h.hasLamps("mons", "namur:mons/1=1", "namur:namur/1=2")
		h.nodes["m1"].stop() // its primary
		time.Sleep(20 * time.Second)
		at["hq"].Set("1", []byte("3"))
		at["namur"].Set("2", []byte("3"))
		h.hasLamps("mons", "namur:mons/1=1", "namur:namur/1=2", "namur:namur/2=3")
		mons.Narrow("lamp", "lamp/namur")
		h.hasLamps("mons", "namur:namur/1=2", "namur:namur/2=3")
		at["mons"].Delete("1")
		at["mons"].Set("2", []byte("4"))
		mons.Narrow("lamp", "lamp/mons")
		h.hasLamps("mons", "namur:mons/2=4")
		mons.Narrow("lamp")
		h.hasLamps("mons")
		var many []string
		for i := range mostNarrow + 1 {
			many = append(many, fmt.Sprintf("lamp/%d", i))
		}
		mons.Narrow("lamp", many...)
		h.hasLamps("mons", "namur:hq/1=3", "namur:mons/2=4", "namur:namur/1=2", "namur:namur/2=3")
		mons.Narrow("lamp", "lamp/hq")
		h.hasLamps("mons", "namur:hq/1=3")
	})
}

// What nobody at a branch wants costs its line nothing, and its cursor follows at
// times, so that what was deleted and forgotten asks for no copy.
func TestWhatIsNotWantedCostsNothing(t *testing.T) {
	inHouse(t, 1, []string{"mons"}, func(h *house) {
		lamp := h.nodes["m1"].Namespace("lamp")
		h.nodes["mons"].Interest("lamp", replica.Only("201/"))
		lamp.Set("201/a", []byte("1"))
		h.hasLamps("mons", "m1:201/a=1")
		spent := func() uint64 {
			synctest.Wait()
			lines := h.nodes["m1"].Lines()
			return lines[0].Out["lamp"]
		}
		before := spent()
		for i := range 900 {
			lamp.Set(fmt.Sprintf("9%d/", i), []byte("1"))
			lamp.Delete(fmt.Sprintf("9%d/", i))
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		time.Sleep(time.Second)
		if got := spent() - before; got > 40 {
			t.Errorf("1800 changes that nobody wants: got %d bytes, want at most 40", got)
		}
		time.Sleep(3 * time.Hour) // all is forgotten
		lamp.Set("201/b", []byte("1"))
		h.hasLamps("mons", "m1:201/a=1", "m1:201/b=1")
		if got := spent() - before; got > 200 {
			t.Errorf("all of it: got %d bytes, want at most 200", got)
		}
		if got := h.nodes["mons"].count(); got != 2 {
			t.Errorf("the branch was told %d things, want 2", got)
		}
	})
}

// A main of the version before sends all, and all that is wanted of it is kept.
func TestInterestAtAMainOfTheVersionBefore(t *testing.T) {
	inHouse(t, 0, []string{"mons"}, func(h *house) {
		old := replica.New("m9", "lamp")
		old.Renew(1)
		for _, key := range []string{"201/a", "202/a", "203/a"} {
			old.Set(key, []byte("1"))
		}
		kinds := make(chan byte, 1000)
		m9 := h.n.port("m9")
		m9.HandlePacket(PacketClass, func(string, netip.AddrPort, []byte) {})
		m9.Handle(Protocol, func(_ context.Context, c net.Conn, _ link.Peer) { speaksVersion2(c, old, kinds) })
		mons := h.nodes["mons"]
		mons.Interest("lamp", replica.Only("201/"))
		h.setPeers("mons", Peer{Node: "m9"})
		mons.Kick()
		time.Sleep(5 * time.Second)
		h.hasLamps("mons", "m9:201/a=1")
		mons.Interest("lamp", replica.Only("201/", "203/"))
		h.hasLamps("mons", "m9:201/a=1", "m9:203/a=1")
		h.setPeers("mons")
		mons.Kick()
		time.Sleep(5 * time.Second)
		close(kinds)
		for kind := range kinds {
			if kind == frameInterest {
				t.Error("it was told what it does not know")
			}
		}
	})
}

// speaksVersion2 sends a namespace to who says what he has of it.
func speaksVersion2(c net.Conn, r *replica.Replica, kinds chan<- byte) {
	_, _ = c.Write(appendName(appendFrame(nil, frameHello, []byte{2}), 1, r.Owner(), r.Channel()))
	frames := frameReader{r: bufio.NewReader(c)}
	for {
		kind, body, err := frames.next()
		if err != nil {
			_ = c.Close()
			return
		}
		kinds <- kind
		at := replica.Cursor{}
		switch kind {
		case frameSubscribe:
			sub, _ := parseSubscription(body)
			for _, x := range sub.haves {
				at = x.cursor
			}
		case frameCursor:
			_, at, _ = parseCursor(body)
		default:
			continue
		}
		if d, ok := r.DeltaSince(at, fullBatch); ok {
			_, _ = c.Write(appendDelta(nil, 1, &d))
		}
	}
}

func FuzzInterest(f *testing.F) {
	f.Add([]byte{})
	c := &conn{s: &Sessions{interests: map[string]interest{"dlg": {3, replica.Only("201/", "202")}, "pres": {}}}, version: 3}
	r := c.s.set.Get("laurel", "dlg")
	o := replica.New("laurel", "dlg")
	o.Renew(1)
	o.Set("201/a", nil)
	d, _ := o.DeltaSince(replica.Cursor{}, fullBatch)
	r.Apply(d)
	r.Want(replica.Only("201/"), 2)
	r.Want(replica.Only("201/", "202"), 3)
	b := c.appendInterestLocked(nil)
	f.Add(b[2:])
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := parseInterest(data)
		if err != nil {
			return
		}
		s := &Sessions{interests: first.classes}
		if len(first.classes) == 0 {
			return
		}
		again, err := parseInterest(skipHead(t, (&conn{s: s, version: 3}).appendInterestLocked(nil)))
		if err != nil || !reflect.DeepEqual(first.classes, again.classes) {
			t.Fatalf("%+v became %+v, %v", first.classes, again.classes, err)
		}
	})
}

func skipHead(t *testing.T, frame []byte) []byte {
	t.Helper()
	_, body, err := (&frameReader{r: bufio.NewReader(bytes.NewReader(frame))}).next()
	if err != nil {
		t.Fatal(err)
	}
	return body
}
