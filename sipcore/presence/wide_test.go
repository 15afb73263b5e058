package presence

import (
	"errors"
	"testing"

	"carillon/sipcore/transport"
	"carillon/store/live"
)

// What is too large for a datagram goes by a connection, to a phone that takes one.
func TestALargeNotifyGoesByTCP(t *testing.T) {
	for _, c := range []struct {
		name     string
		contact  string
		takes    bool
		udp, tcp string
		calls    int
	}{
		{"the phone takes connections", "", true, "200", "early terminated", 1},
		{"it takes none", "", false, "200 early terminated", "", 1},
		{"it is behind a translator", "192.168.1.7:5060", true, "200 early terminated", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, transport.UDP, 1, c.udp, func(r *rig, p *phone) {
				calls, q := 0, r.phone(transport.TCP, "127.0.0.2:5062")
				r.connect = func(string) (transport.Flow, error) {
					calls++
					if !c.takes {
						return transport.Flow{}, errors.New("refused")
					}
					return q.flow, nil
				}
				for i := range 9 {
					d := ringing("201", live.Early)
					d.Call = string(rune('a' + i))
					r.dialogs.Put(d)
				}
				p.contact = c.contact
				p.subscribes("")
				p.settles()
				q.settles()
				for i := range 9 {
					d := ringing("201", live.Early)
					d.Call = string(rune('a' + i))
					r.dialogs.Delete(d)
				}
				p.settles()
				q.settles()
				p.settles()
				q.settles()
				if got := q.saw(); got != c.tcp || calls != c.calls {
					t.Errorf("by TCP it saw %q after %d calls, want %q after %d", got, calls, c.tcp, c.calls)
				}
				for _, m := range append(p.got()[1:], q.got()...) {
					if number, _ := m.CSeq(); m.IsRequest() && number > firstNumber(r.begun)+2 {
						t.Errorf("CSeq %d: a number was left out", number)
					}
				}
			})
		})
	}
}
