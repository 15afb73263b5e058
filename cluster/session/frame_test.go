package session

import (
	"bufio"
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/cluster/replica"
)

func TestHello(t *testing.T) {
	for _, want := range []hello{
		{stamp: 65535, heard: -time.Millisecond, held: -time.Millisecond},
		{stamp: 1, heard: 0, echo: 256, held: 5 * time.Second},
		{stamp: 1, heard: 0, echo: 256, held: 5 * time.Second, index: 7},
		{stamp: 1, heard: 0, echo: 256, held: 5 * time.Second, alone: true},
		{stamp: 1, heard: 0, echo: 256, held: 5 * time.Second, index: 7, alone: true},
	} {
		b := want.encode()
		if got, ok := parseHello(b); !ok || got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if len(b) > 10 && !want.alone && want.index == 0 {
			t.Errorf("%d bytes", len(b))
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add((&hello{stamp: 1, heard: time.Second, echo: 3, held: time.Second}).encode())
	f.Add((&hello{stamp: 1, heard: time.Second, echo: 3, held: time.Second, index: 300, alone: true}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		first, ok := parseHello(data)
		if !ok {
			return
		}
		if second, again := parseHello(first.encode()); !again || second != first {
			t.Fatalf("%+v became %+v", first, second)
		}
	})
}

// sentFrames are one of each kind.
func sentFrames() []byte {
	b := appendFrame(nil, frameHello, []byte{protocolVersion})
	b = appendSubscription(b, subscription{scope: scopeAll, feed: true, index: 3, haves: []have{
		{"hardy", "dlg", replica.Cursor{Inc: 1, Max: 2, Floor: 1}, 2, 0}, {"hardy", "reg", replica.Cursor{Inc: 1}, 0, 0}, {"mons", "reg", replica.Cursor{Inc: 9}, 0, 0},
	}})
	b = appendSubscription(b, subscription{scope: scopeOwn, checks: true, haves: []have{{"hardy", "reg", replica.Cursor{Inc: 1, Max: 2}, 7, 12345}}})
	b = appendName(b, 1, "hardy", "reg")
	b = appendDelta(b, 1, &replica.Delta{Inc: 1, To: 2, Entries: []replica.Entry{{Pair: replica.NewPair("a", []byte("b")), Version: 1}}})
	b = appendNext(b, 1, []byte{4, 4, 0, 0})
	b = appendSince(b, 1, replica.Cursor{Inc: 1, Max: 2}, 12345, []byte{4, 4, 0, 0})
	b = appendFrame(b, frameHeld, []byte{1, 3, 4, 1})
	b = appendClaim(b, "mons", "reg", replica.Claim{Cursor: replica.Cursor{Inc: 9, Max: 300}, Check: 12345})
	return appendCursor(b, 1, replica.Cursor{Inc: 3, Max: 4, Floor: 1})
}

// FuzzFrames reads a stream from another node, and writes what it has read.
func FuzzFrames(f *testing.F) {
	f.Add(sentFrames())
	f.Fuzz(func(t *testing.T, data []byte) {
		r := frameReader{r: bufio.NewReader(bytes.NewReader(data))}
		for {
			kind, body, err := r.next()
			if err != nil {
				return
			}
			again, ok := rewrite(kind, body)
			if !ok {
				continue
			}
			s := frameReader{r: bufio.NewReader(bytes.NewReader(again))}
			_, second, err := s.next()
			if err != nil {
				t.Fatal(err)
			}
			if third, ok := rewrite(kind, second); !ok || !bytes.Equal(third, again) {
				t.Fatalf("kind %d: %x became %x", kind, again, third)
			}
		}
	})
}

func rewrite(kind byte, body []byte) ([]byte, bool) {
	switch kind {
	case frameSubscribe:
		s, err := parseSubscription(body)
		return appendSubscription(nil, s), err == nil
	case frameName:
		id, owner, channel, err := parseName(body)
		return appendName(nil, id, owner, channel), err == nil
	case frameDelta:
		id, d, err := parseDelta(body)
		return appendDelta(nil, id, &d), err == nil
	case frameCursor:
		id, at, err := parseCursor(body)
		return appendCursor(nil, id, at), err == nil
	case frameClaim:
		owner, channel, x, err := parseClaim(body)
		return appendClaim(nil, owner, channel, x), err == nil
	}
	return nil, false
}

func TestFrames(t *testing.T) {
	r := frameReader{r: bufio.NewReader(bytes.NewReader(sentFrames()))}
	var kinds []byte
	for {
		kind, body, err := r.next()
		if err != nil {
			break
		}
		kinds = append(kinds, kind)
		if again, ok := rewrite(kind, body); ok && !bytes.Equal(again, appendFrame(nil, kind, body)) {
			t.Errorf("kind %d: %x became %x", kind, body, again)
		}
	}
	if want := []byte{frameHello, frameSubscribe, frameSubscribe, frameName, frameDelta, frameNext, frameSince, frameHeld, frameClaim, frameCursor}; !bytes.Equal(kinds, want) {
		t.Error(cmp.Diff(want, kinds))
	}
}
