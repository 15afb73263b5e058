package house_test

import (
	"testing"
	"time"

	"carillon/test/house"
	"carillon/test/tool"
)

// TestPhoneThatVanishes: its connection closes, its binding is down at once,
// and who calls it learns so without waiting for a timer.
func TestPhoneThatVanishes(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	n.HasPhones("bob", 1, "up")
	bob.Vanishes()
	n.HasPhones("bob", 1, "down")
	began := tool.Start(t)
	alice.Calls("bob").EndsWith(480)
	if took := began.Took(); took > 5*time.Second {
		t.Errorf("480 took %v: somebody waited for a timer", took)
	}
	h.Phone("bob").IsQuiet()
	n.HasPhones("bob", 1, "up")
}

// TestPhoneThatVanishesWhileItRings: the call ends; it does not ring until the
// caller gives up.
func TestPhoneThatVanishesWhileItRings(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, bob := h.Phone("alice"), h.Phone("bob")
	out := alice.Calls("bob")
	bob.Rings()
	out.HearsRinging()
	bob.Vanishes()
	out.EndsWith(480)
}

func TestPhoneThatVanishesWhileOthersRing(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, desk, cell := h.Phone("alice"), h.Phone("bob"), h.PhoneOver("udp", "bob")
	out := alice.Calls("bob")
	desk.Rings()
	atCell := cell.Rings()
	desk.Vanishes()
	atCell.Answers()
	out.IsAnswered()
	out.HangsUp()
	atCell.IsHungUp()
}

func TestPhoneThatComesBack(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice := h.Phone("alice")
	for range 3 {
		bob := h.Phone("bob")
		n.HasPhones("bob", 1, "up")
		out := alice.Calls("bob")
		in := bob.Rings()
		in.Refuses(486)
		out.EndsWith(486)
		bob.Unregisters()
		n.HasPhones("bob", 0, "up")
		bob.Vanishes()
	}
}

// TestRestartInTheMiddleOfACall: the call goes on between the phones, and BYE
// finds its way through the new life of the node, from either side.
func TestRestartInTheMiddleOfACall(t *testing.T) {
	for _, side := range []string{"caller", "callee"} {
		t.Run(side+" hangs up", func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			alice, bob := h.PhoneOver("udp", "alice"), h.PhoneOver("udp", "bob")
			out := alice.Calls("bob")
			in := bob.Rings()
			in.Answers()
			out.IsAnswered()
			in.IsAcknowledged()
			n.Restart()
			if side == "caller" {
				out.HangsUp()
				in.IsHungUp()
			} else {
				in.HangsUp()
				out.IsHungUp()
			}
		})
	}
}

// TestRestartKeepsPhones: UDP phones can be called at once, TCP phones as soon
// as they are back.
func TestRestartKeepsPhones(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	alice, bob := h.PhoneOver("udp", "alice"), h.PhoneOver("udp", "bob")
	carol := h.Phone("carol")
	time.Sleep(1100 * time.Millisecond) // a binding is on disk within 1 s
	n.Restart()
	n.HasPhones("bob", 1, "up")
	out := alice.Calls("bob")
	in := bob.Rings()
	in.Answers()
	out.IsAnswered()
	out.HangsUp()

	n.HasPhones("carol", 1, "down")
	alice.Calls("carol").EndsWith(480)
	carol.Vanishes()
	carol = h.Phone("carol")
	back := alice.Calls("carol")
	taken := carol.Rings()
	taken.Refuses(486)
	back.EndsWith(486)
}

func TestUnregister(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			n := h.Node("hardy")
			alice, bob := h.PhoneOver(transport, "alice"), h.PhoneOver(transport, "bob")
			if got := bob.Unregisters(); got != 200 {
				t.Errorf("got %d, want 200", got)
			}
			if got := n.Registrations("bob"); len(got) != 0 {
				t.Errorf("registrations: got %+v, want none", got)
			}
			alice.Calls("bob").EndsWith(480)
		})
	}
}
