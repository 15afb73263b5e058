package house_test

import (
	"testing"

	"carillon/test/house"
)

var transports = []string{"tcp", "udp"}

func TestCall(t *testing.T) {
	for _, from := range transports {
		for _, to := range transports {
			t.Run(from+" to "+to, func(t *testing.T) {
				h := house.New(t)
				n := h.Node("hardy")
				alice, bob := h.PhoneOver(from, "alice"), h.PhoneOver(to, "bob")

				out := alice.Calls("bob")
				in := bob.Rings()
				out.HearsRinging()
				n.HasCalls(1, "ringing")
				in.Answers()
				out.IsAnswered()
				in.IsAcknowledged()
				n.HasCalls(1, "up")
				out.HangsUp()
				in.IsHungUp()
				n.IsIdle()

				back := bob.Calls("alice")
				taken := alice.Rings()
				taken.Answers()
				back.IsAnswered()
				taken.IsAcknowledged()
				taken.HangsUp() // this time who was called
				back.IsHungUp()
			})
		}
	}
}

func TestCallThatIsRefused(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			h.Node("hardy")
			alice, bob := h.PhoneOver(transport, "alice"), h.PhoneOver(transport, "bob")
			for _, status := range []int{486, 480, 404, 408, 603} {
				out := alice.Calls("bob")
				in := bob.Rings()
				in.Refuses(status)
				in.IsAcknowledged()
				out.EndsWith(status)
			}
		})
	}
}

func TestCallThatFindsNobody(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice := h.Phone("alice")
	for _, test := range []struct {
		name, number string
		want         int
	}{
		{"a user whose phone is off", "bob", 480},
		{"a number that does not exist", "nobody", 404},
	} {
		t.Run(test.name, func(t *testing.T) { alice.Calls(test.number).EndsWith(test.want) })
	}
}

func TestCancel(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			h := house.New(t)
			h.Node("hardy")
			alice, bob := h.PhoneOver(transport, "alice"), h.PhoneOver(transport, "bob")
			out := alice.Calls("bob")
			in := bob.Rings()
			out.HearsRinging()
			if got := out.Cancels(); got != 200 {
				t.Errorf("CANCEL: got %d, want 200", got)
			}
			in.IsCancelled()
			in.IsAcknowledged()
			out.EndsWith(487)
		})
	}
}

func TestThreePhonesRingAndOneAnswers(t *testing.T) {
	const elsewhere = `SIP;cause=200;text="Call completed elsewhere"`
	h := house.New(t)
	n := h.Node("hardy")
	alice := h.Phone("alice")
	desk, cell, home := h.Phone("bob"), h.PhoneOver("udp", "bob"), h.Phone("bob")
	n.HasPhones("bob", 3, "up")

	out := alice.Calls("bob")
	atDesk, atCell, atHome := desk.Rings(), cell.Rings(), home.Rings()
	n.HasCalls(1, "ringing")
	atCell.Answers()
	out.IsAnswered()
	atCell.IsAcknowledged()
	for _, lost := range []*house.Incoming{atDesk, atHome} {
		if got := lost.IsCancelled(); got != elsewhere {
			t.Errorf("Reason of CANCEL: got %q, want %q", got, elsewhere)
		}
		lost.IsAcknowledged() // of its 487
	}
	n.HasCalls(1, "up")
	out.HangsUp()
	atCell.IsHungUp()
}

func TestThreePhonesOfWhichOneIsBusy(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, desk, cell := h.Phone("alice"), h.Phone("bob"), h.PhoneOver("udp", "bob")
	out := alice.Calls("bob")
	atDesk, atCell := desk.Rings(), cell.Rings()
	atDesk.Refuses(486)
	atDesk.IsAcknowledged()
	atCell.Answers()
	out.IsAnswered()
	out.HangsUp()
	atCell.IsHungUp()
}

func TestDeclineOfOnePhoneEndsTheOthers(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, desk, cell := h.Phone("alice"), h.Phone("bob"), h.PhoneOver("udp", "bob")
	out := alice.Calls("bob")
	atDesk, atCell := desk.Rings(), cell.Rings()
	atDesk.Refuses(603)
	atCell.IsCancelled() // RFC 3261 section 16.7: a 6xx cancels what is pending
	out.EndsWith(603)
}

func TestCancelEndsEveryPhone(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	alice, desk, cell := h.PhoneOver("udp", "alice"), h.Phone("bob"), h.PhoneOver("udp", "bob")
	out := alice.Calls("bob")
	atDesk, atCell := desk.Rings(), cell.Rings()
	out.HearsRinging()
	out.Cancels()
	atDesk.IsCancelled()
	atCell.IsCancelled()
	out.EndsWith(487)
}

func TestSomebodyCallsHimself(t *testing.T) {
	h := house.New(t)
	h.Node("hardy")
	desk, cell := h.Phone("alice"), h.PhoneOver("udp", "alice")
	out := desk.Calls("alice")
	in := cell.Rings()
	in.Answers()
	out.IsAnswered()
	out.HangsUp()
	in.IsHungUp()
}
