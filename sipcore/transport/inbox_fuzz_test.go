package transport

import (
	"slices"
	"testing"
)

// FuzzInbox: however a stream is cut into pieces, the same messages and
// keep-alives come out of it, and it is lost at the same place.
func FuzzInbox(f *testing.F) {
	f.Add([]byte("\r\n\r\n"+request("a", 2)+"\r\n"+response("b")), uint16(9))
	f.Add([]byte(request("a", 600)+request("b", 0)), uint16(700))
	f.Add([]byte("\r\r\n\n\r\n"), uint16(1))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		const limit = 1 << 10
		text := string(stream)
		want, lost := feed(newInbox(limit), text, func() int { return len(text) })
		cuts := []int{int(cut), len(text)}
		for name, sizes := range map[string]func() int{
			"byte by byte": func() int { return 1 },
			"in two":       func() int { n := cuts[0]; cuts = append(cuts[1:], len(text)); return n },
		} {
			got, err := feed(newInbox(limit), text, sizes)
			if !slices.Equal(got, want) || (err == nil) != (lost == nil) {
				t.Errorf("%s: got %q, %v; want %q, %v", name, got, err, want, lost)
			}
		}
	})
}
