package transport

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// masked returns a frame as a browser sends it.
func masked(op ws.OpCode, fin bool, payload string) []byte {
	var b bytes.Buffer
	f := ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload)))
	if err := ws.WriteFrame(&b, f); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func join(frames ...[]byte) string { return string(bytes.Join(frames, nil)) }

func newWebInbox(limit int) *inbox {
	return &inbox{limit: limit, buffers: new(buffers), frames: new(frames)}
}

// TestFramesSplit cuts a stream of frames at every byte, and at odd places, and
// wants the same messages each time.
func TestFramesSplit(t *testing.T) {
	long := request("long", 3000)
	stream := join(
		masked(ws.OpText, true, request("a", 0)),
		masked(ws.OpBinary, true, request("b", 7)),
		masked(ws.OpPing, true, "hello"),
		masked(ws.OpText, true, "\r\n\r\n"),
		masked(ws.OpText, true, "\r\n"),
		masked(ws.OpText, true, ""),
		masked(ws.OpText, false, long[:100]), masked(ws.OpPong, true, "x"), masked(ws.OpContinuation, false, ""),
		masked(ws.OpPing, true, ""), masked(ws.OpContinuation, false, long[100:2000]), masked(ws.OpContinuation, true, long[2000:]),
		masked(ws.OpText, true, response("d")),
	)
	whole, err := feed(newWebInbox(64<<10), stream, func() int { return len(stream) })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 " + request("a", 0), "1 " + request("b", 7), "2 ", "2 ", "2 ", "1 " + long, "1 " + response("d")}
	if strings.Join(whole, "|") != strings.Join(want, "|") {
		t.Fatalf("got %q", whole)
	}
	check := func(name string, sizes func() int) {
		t.Helper()
		in := newWebInbox(64 << 10)
		got, err := feed(in, stream, sizes)
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: got %d items, %v, want those of one piece", name, len(got), err)
		}
		if len(in.pending()) != 0 || in.buf != nil || in.frames.half() || in.frames.kept() != 0 {
			t.Errorf("%s: something is left", name)
		}
	}
	for cut := range len(stream) {
		first := true
		check("cut in two", func() int {
			if first {
				first = false
				return cut
			}
			return len(stream)
		})
	}
	check("byte by byte", func() int { return 1 })
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		check("random", func() int { return r.IntN(700) })
	}
}

func TestFramesErrors(t *testing.T) {
	text := masked(ws.OpText, true, "x")
	with := func(i int, b byte) string {
		bad := bytes.Clone(text)
		bad[i] = b
		return string(bad)
	}
	for _, tt := range []struct {
		name   string
		stream string
		code   uint16 // 0: no error
	}{
		{"good", string(text), 0},
		{"as long as may be", join(masked(ws.OpText, true, strings.Repeat("x", 1000))), 0},
		{"in parts as long as may be", join(masked(ws.OpText, false, strings.Repeat("x", 500)), masked(ws.OpContinuation, true, strings.Repeat("x", 500))), 0},
		{"too long", join(masked(ws.OpText, true, strings.Repeat("x", 1001))), closeTooBig},
		{"too long in parts", join(masked(ws.OpText, false, strings.Repeat("x", 501)), masked(ws.OpContinuation, true, strings.Repeat("x", 500))), closeTooBig},
		{"far too long", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", closeTooBig},
		{"longer than there are numbers", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", closeTooBig},
		{"no mask", with(1, 1), closeProtocol},
		{"an extension", with(0, 0x81|0x40), closeProtocol},
		{"an unknown opcode", with(0, 0x83), closeProtocol},
		{"an unknown control opcode", with(0, 0x8b), closeProtocol},
		{"more of nothing", join(masked(ws.OpContinuation, true, "x")), closeProtocol},
		{"a message in a message", join(masked(ws.OpText, false, "x"), text), closeProtocol},
		{"a ping in parts", join(masked(ws.OpPing, false, "x")), closeProtocol},
		{"a long ping", join(masked(ws.OpPing, true, strings.Repeat("x", 126))), closeProtocol},
		{"farewell", join(masked(ws.OpClose, true, "\x03\xe8bye")), closeNormal},
		{"farewell without words", join(masked(ws.OpClose, true, "")), closeNormal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := feed(newWebInbox(1000), tt.stream, func() int { return 100 })
			got, _ := errors.AsType[*frameError](err)
			switch {
			case tt.code == 0 && err != nil, tt.code != 0 && got == nil:
				t.Errorf("got %v, want code %d", err, tt.code)
			case got != nil && got.code != tt.code:
				t.Errorf("got code %d, want %d", got.code, tt.code)
			}
		})
	}
}

func TestPongs(t *testing.T) {
	in := newWebInbox(1000)
	if got := in.frames.pongs(); got != nil {
		t.Errorf("without a ping: got %q", got)
	}
	stream := join(masked(ws.OpPing, true, "first"), masked(ws.OpPing, true, "last"), masked(ws.OpText, true, "\r\n\r\n"))
	if _, err := feed(in, stream, func() int { return len(stream) }); err != nil {
		t.Fatal(err)
	}
	if got, want := string(in.frames.pongs()), "\x8a\x04last\x81\x02\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := in.frames.pongs(); got != nil {
		t.Errorf("a second time: got %q", got)
	}
}

// What we send, another implementation reads; and only what is text is called so.
func TestAppendMessage(t *testing.T) {
	for _, tt := range []struct {
		message string
		op      ws.OpCode
	}{
		{"", ws.OpText},
		{"short", ws.OpText},
		{strings.Repeat("x", 125), ws.OpText},
		{strings.Repeat("x", 126), ws.OpText},
		{strings.Repeat("é", 32_767), ws.OpText},
		{strings.Repeat("x", 65_535), ws.OpText},
		{strings.Repeat("x", 65_536), ws.OpText},
		{"Andr\xe9", ws.OpBinary},
	} {
		r := bytes.NewReader(appendMessage(nil, []byte(tt.message)))
		f, err := ws.ReadFrame(r)
		if err != nil || r.Len() != 0 {
			t.Fatalf("%d bytes: %v, %d left", len(tt.message), err, r.Len())
		}
		if f.Header.OpCode != tt.op || !f.Header.Fin || f.Header.Masked || string(f.Payload) != tt.message {
			t.Errorf("%d bytes: got %+v", len(tt.message), f.Header)
		}
	}
}

// FuzzFrames wants a stream to say the same however it is cut, never more than
// the limit at once, and what is kept to be no more than came.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(join(masked(ws.OpText, true, request("a", 0)))), uint16(3))
	f.Add([]byte(join(masked(ws.OpText, false, "OPTIONS"), masked(ws.OpPing, true, "p"), masked(ws.OpContinuation, true, " sip:x"))), uint16(5))
	f.Add([]byte(join(masked(ws.OpClose, true, "\x03\xe8"))), uint16(1))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"), uint16(1))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		const limit = 600
		one, err1 := feed(newWebInbox(limit), string(stream), func() int { return len(stream) })
		in := newWebInbox(limit)
		two, err2 := feed(in, string(stream), func() int { return 1 + int(cut)%64 })
		if strings.Join(one, "|") != strings.Join(two, "|") {
			t.Errorf("in one piece %q, in many %q", one, two)
		}
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
			t.Errorf("in one piece %v, in many %v", err1, err2)
		}
		for _, item := range one {
			if len(item) > limit+2 {
				t.Errorf("a message of %d bytes", len(item))
			}
		}
		if kept := in.frames.kept() + len(in.buf); kept > 8*(limit+startBuffer) {
			t.Errorf("%d bytes are kept of %d", kept, len(stream))
		}
	})
}

// FuzzUnmask wants the quick way to be the slow one.
func FuzzUnmask(f *testing.F) {
	f.Add([]byte("Hello, world"), uint32(0x01020304))
	f.Fuzz(func(t *testing.T, b []byte, key uint32) {
		mask := [4]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}
		want := bytes.Clone(b)
		ws.Cipher(want, mask, 0)
		unmask(b, mask)
		if !bytes.Equal(b, want) {
			t.Errorf("got %q, want %q", b, want)
		}
	})
}
