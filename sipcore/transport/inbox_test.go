package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"carillon/sipcore/message"
)

// feed puts text into an inbox in pieces of at most the given sizes, in turn,
// and returns what came out; shrink is called between pieces as before a wait.
func feed(in *inbox, text string, sizes func() int) (items []string, err error) {
	for text != "" {
		n := copy(in.room(), text[:min(len(text), max(1, sizes()))])
		in.filled(n)
		text = text[n:]
		for {
			it, raw, err := in.next()
			if err != nil {
				return items, err
			}
			if it == nothing {
				break
			}
			items = append(items, fmt.Sprintf("%d %s", it, raw))
		}
		in.shrink()
	}
	return items, nil
}

func newInbox(limit int) *inbox { return &inbox{limit: limit, buffers: new(buffers)} }

// TestInboxSplit cuts one stream at every byte, and at odd places, and wants the
// same items each time.
func TestInboxSplit(t *testing.T) {
	stream := "\r\n" + request("a", 0) + "\r\n\r\n" + request("b", 7) + request("c", 3000) + "\r\n" + response("d") + "\r\n\r\n\r\n\r\n" + request("e", 1)
	whole, err := feed(newInbox(64<<10), stream, func() int { return len(stream) })
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 8 {
		t.Fatalf("got %d items, want 5 messages and 3 pings", len(whole))
	}
	want := strings.Join(whole, "|")
	check := func(name string, sizes func() int) {
		t.Helper()
		in := newInbox(64 << 10)
		got, err := feed(in, stream, sizes)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: got %d items, %v, want those of one piece", name, len(got), err)
		}
		if len(in.pending()) != 0 || in.buf != nil {
			t.Errorf("%s: got %d bytes and a buffer of %d left, want none", name, len(in.pending()), len(in.buf))
		}
	}
	for cut := range len(stream) {
		first := true
		check(fmt.Sprintf("cut at %d", cut), func() int {
			if first {
				first = false
				return cut
			}
			return len(stream)
		})
	}
	check("byte by byte", func() int { return 1 })
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		check(fmt.Sprintf("random %d", i), func() int { return r.IntN(700) })
	}
}

func TestInboxErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limit  int
		stream string
		items  int
		status int // 0: no error
	}{
		{"fits", 1000, request("a", 500), 1, 0},
		{"body too large", 1000, request("a", 1000), 0, 513},
		{"announced too large", 1000, strings.Replace(request("a", 0), "Length: 0", "Length: 2000000000", 1), 0, 513},
		{"head never ends", 1000, strings.Repeat("x", 2000), 0, 513},
		{"negative length", 1000, strings.Replace(request("a", 0), "Length: 0", "Length: -1", 1), 0, 400},
		{"good, then bad", 1000, request("a", 0) + strings.Replace(request("b", 0), "Length: 0", "Length: z", 1), 1, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			items, err := feed(newInbox(tt.limit), tt.stream, func() int { return 100 })
			var syntax *message.SyntaxError
			if tt.status != 0 && (!errors.As(err, &syntax) || syntax.Status != tt.status) || tt.status == 0 && err != nil {
				t.Errorf("got %v, want status %d", err, tt.status)
			}
			if len(items) != tt.items {
				t.Errorf("got %d items, want %d", len(items), tt.items)
			}
		})
	}
}

// TestInboxShrink checks what a waiting connection holds.
func TestInboxShrink(t *testing.T) {
	for _, tt := range []struct{ have, want int }{{0, 0}, {1, 512}, {341, 512}, {342, 1024}, {2000, 4096}, {7000, 8192}, {30000, 32768}} {
		in := newInbox(64 << 10)
		for left := tt.have; left > 0; {
			n := min(left, len(in.room()))
			in.filled(n)
			left -= n
		}
		if got := in.shrink(); got != tt.want {
			t.Errorf("with %d bytes: got a buffer of %d, want %d", tt.have, got, tt.want)
		}
		if len(in.pending()) != tt.have {
			t.Errorf("with %d bytes: got %d after shrinking", tt.have, len(in.pending()))
		}
	}
}

func BenchmarkInbox(b *testing.B) {
	in, m := newInbox(64<<10), request("a", 0)
	b.ReportAllocs()
	for b.Loop() {
		in.filled(copy(in.room(), m))
		if it, _, err := in.next(); it != whole || err != nil {
			b.Fatal(it, err)
		}
		in.shrink()
	}
}
