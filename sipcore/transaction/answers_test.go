package transaction

import (
	"testing"
	"time"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
)

func TestClockCountsWhereTheBoundsSay(t *testing.T) {
	var c clock
	all := Bounds()
	for _, d := range []time.Duration{0, all[0], all[0] + 1, all[3], time.Hour} {
		c.add(d)
	}
	got := c.read()
	want := Durations{Sum: 2*all[0] + 1 + all[3] + time.Hour}
	want.Counts[0], want.Counts[1], want.Counts[3], want.Counts[bounds] = 2, 1, 1, 1
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i, d := range all[1:] {
		if d <= all[i] {
			t.Errorf("bound %v comes after %v", d, all[i])
		}
	}
}

func TestStatusOf(t *testing.T) {
	for raw, want := range map[string]int{"SIP/2.0 407 No\r\n": 407, "SIP/2.0 ": 0, "": 0} {
		if got := statusOf([]byte(raw)); got != want {
			t.Errorf("%q: got %d, want %d", raw, got, want)
		}
	}
}

// What is counted of an answered call, a refused one and a challenge.
func TestAnswersAreCountedAndTimed(t *testing.T) {
	inBubble(t, func(t *bubble) {
		r := newRig(t, transport.UDP)
		r.request("INVITE")
		r.respond(100)
		r.wait(2 * time.Second)
		r.respond(180)
		r.wait(2 * time.Second)
		r.respond(183)
		r.wait(2 * time.Second)
		r.respond(200)
		r.respond(200) // of another branch
		r.receive(shape{method: "INVITE", branch: branch1 + "b"})
		r.wait(time.Second)
		r.respond(486)
		r.receive(shape{method: "REGISTER", branch: branch1})
		r.tx.Lock()
		r.tx.RespondOnce([]byte("SIP/2.0 401 Unauthorized\r\n\r\n"))
		r.tx.Unlock()
		c := r.layer.Answers()
		if got, want := c.Given[message.INVITE], [classes]uint64{2: 1, 4: 1}; got != want {
			t.Errorf("answers to INVITE: got %v, want %v", got, want)
		}
		if got, want := c.Given[message.REGISTER], [classes]uint64{4: 1}; got != want {
			t.Errorf("answers to REGISTER: got %v, want %v", got, want)
		}
		if got, want := c.SetUp, took(2*time.Second); got != want {
			t.Errorf("set-up: got %v, want %v", got, want)
		}
		if got, want := c.Took[message.INVITE], took(6*time.Second, time.Second); got != want {
			t.Errorf("INVITE to final: got %v, want %v", got, want)
		}
		if got, want := c.Took[message.REGISTER], took(0); got != want {
			t.Errorf("REGISTER to final: got %v, want %v", got, want)
		}
		r.wait(time.Minute)
	})
}

func took(all ...time.Duration) Durations {
	var c clock
	for _, d := range all {
		c.add(d)
	}
	return c.read()
}
