package sipcore_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// afresh subscribes anew and wants the lamp as it is, with numbers behind all that the
// phone has seen.
func (w *watch) afresh(want string) *watch {
	w.t.Helper()
	time.Sleep(600 * time.Millisecond) // a crash takes longer; first numbers rise by four a second
	m := w.subscribe("dialog", "bob", "600")
	w.send(m)
	next := w.watching(w.gets("200"))
	next.sees(want)
	if last := slices.Max(w.cseqs); next.cseqs[0] <= last || next.versions[0] <= slices.Max(w.versions) {
		w.t.Errorf("CSeq %d and version %d follow %d and %v", next.cseqs[0], next.versions[0], last, w.versions)
	}
	return next
}

// kill -9 of the node that holds a subscription: another one says at once that it knows
// nothing of it, and so does the node when it is back; the phone subscribes anew, the
// lamp is right, and no number goes back (PRS-18).
func TestTheNodeOfASubscriptionIsKilled(t *testing.T) {
	town := newTown(t, "laurel", "hardy")
	laurel, hardy := town.nodes["laurel"], town.nodes["hardy"]
	alice := laurel.phone("alice", "1")
	w := alice.watches("dialog", "bob", "600")
	w.sees("")
	laurel.shows("bob", "1 early")
	w.sees("early")

	// Nothing is heard of laurel any more: not even that it has closed the connection.
	hardy.shows("bob", "1 confirmed")
	alice.moves(hardy)
	w.again("600")
	alice.gets("481")
	w = w.afresh("confirmed")
	w.again("600")
	alice.gets("200")
	w.sees("confirmed")

	_ = hardy.Close() // all at once, and without a word
	hardy.stop()
	again := town.open("hardy", hardy.addr)
	alice.moves(again)
	w.again("600")
	alice.gets("481")
	w.afresh("")
}

// A node that stops tells watchers to subscribe elsewhere, also the one that it is just
// telling something, and waits until they have heard it.
func TestWatchersHearThatTheirNodeStops(t *testing.T) {
	at := newTown(t, "laurel").nodes["laurel"]
	alice, carol := at.phone("alice", "1"), at.phone("carol", "2")
	w, x := alice.watches("dialog", "bob", "600"), carol.watches("dialog", "bob", "600")
	w.sees("")
	x.sees("")
	bob := at.phone("bob", "3")
	bob.watches("dialog", "alice", "60")
	bob.replies(bob.gets("NOTIFY"), 200)
	at.shows("bob", "1 early")
	late := w.gets("NOTIFY")
	x.sees("early")
	done := make(chan struct{})
	go func() { defer close(done); at.stop() }()
	x.sees("deactivated")
	bob.replies(bob.gets("NOTIFY"), 200)
	w.replies(late, 200)
	last := w.gets("NOTIFY")
	w.replies(last, 200)
	if state := last.Get("Subscription-State"); state != "terminated;reason=deactivated" {
		t.Errorf("the last word is %q", state)
	}
	first, _ := strconv.Atoi(strings.Fields(late.Get("CSeq"))[0])
	if cseq := last.Get("CSeq"); cseq != strconv.Itoa(first+1)+" NOTIFY" {
		t.Errorf("CSeq %s follows %d", cseq, first)
	}
	<-done
}
