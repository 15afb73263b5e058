package transport

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// looker is a Watcher that remembers.
type looker struct {
	mu   sync.Mutex
	seen []string // the transport, "<" or ">", and the message
}

func (w *looker) Saw(_ time.Time, f Flow, sent bool, raw []byte) {
	direction := " < "
	if sent {
		direction = " > "
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, f.Kind().String()+direction+string(raw))
}

// A watcher sees what came as it came and what left, rubbish included, and not
// what a closed flow did not take.
func TestWatcherSeesTheWire(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			w, h := new(looker), &record{answer: echo}
			l := listening(t, Options{Watcher: w}, h)
			c := dialTo(t, network, at(l))
			const rubbish = "RUBBISH\r\nContent-Length: x\r\n\r\n"
			write(t, c, request("1", 5))
			h.count(t, 1)
			write(t, c, rubbish)
			eventually(t, "the rubbish", func() bool {
				h.mu.Lock()
				defer h.mu.Unlock()
				return len(h.malformed) == 1
			})
			want := []string{network + " < " + request("1", 5), network + " > " + response("1"), network + " < " + rubbish}
			if network == "tcp" {
				f := h.flow(t, 0)
				eventually(t, "the flow's end", func() bool { return !f.IsOpen() })
				if f.Send([]byte(response("late"))) == nil {
					t.Error("a closed flow took a message")
				}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if !slices.Equal(w.seen, want) {
				t.Errorf("got %q, want %q", w.seen, want)
			}
		})
	}
}
