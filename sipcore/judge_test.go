package sipcore_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carillon/sipcore/auth"
	"carillon/store"
	"carillon/test/house/wire"
)

// branchOf opens a node that holds no digests, and asks laurel.
func branchOf(w *town, judge func(context.Context, auth.Question) (auth.Result, error)) *station {
	w.t.Helper()
	w.view, w.judge = store.NewView(w.view.Scope("mons")), judge
	return w.open("mons", address())
}

// TestACallOfAUserOfAnotherSite: over UDP his password is asked for, and a main is
// asked whether it is right: then the call goes on.
func TestACallOfAUserOfAnotherSite(t *testing.T) {
	w := newTown(t, "laurel")
	laurel, asked := w.nodes["laurel"], make(chan string, 100)
	mons := branchOf(w, func(_ context.Context, q auth.Question) (auth.Result, error) {
		asked <- q.Method + " " + q.User
		return laurel.Answer(q, laurel.addr), nil
	})
	alice, bob := mons.phoneOver("udp", "alice", "a"), mons.phone("bob", "b")
	alice.invites("bob")
	bob.replies(bob.gets("INVITE"), 486)
	bob.gets("ACK")
	alice.gets("486")
	for _, want := range []string{"REGISTER alice", "REGISTER bob", "INVITE alice"} {
		if got := <-asked; got != want {
			t.Errorf("asked about %q, want %q", got, want)
		}
	}

	liar := mons.stranger("udp", "carol")
	m := liar.request("MESSAGE", "sip:bob@"+domain, "<sip:bob@"+domain+">", "a-lie")
	liar.send(m)
	challenge := liar.gets("407").Get("Proxy-Authenticate")
	m.Add("Proxy-Authorization", strings.ReplaceAll(proof(t, "carol", "guessed", challenge, m), "carol", "alice"))
	m.Set("Via", liar.via())
	liar.send(m)
	liar.gets("407")
	m.Drop("Proxy-Authorization")
	m.Set("From", "<sip:alice@"+domain+">;tag=1")
	m.Set("Via", liar.via())
	m.Add("Proxy-Authorization", proof(t, "carol", password, challenge, m))
	liar.send(m)
	liar.gets("403")
	bob.hearsNothing(50 * time.Millisecond)
}

func proof(t *testing.T, user, word, challenge string, m wire.Message) string {
	t.Helper()
	answer, err := wire.Credentials{User: user, Password: word}.Answer(challenge, m.Method(), m.URI())
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestNobodyCanBeAsked: a call of a user of another site is refused with 403, and the
// log says why; over a connection on which he is registered he calls on.
func TestNobodyCanBeAsked(t *testing.T) {
	w := newTown(t, "laurel")
	laurel, cut := w.nodes["laurel"], make(chan struct{})
	mons := branchOf(w, func(_ context.Context, q auth.Question) (auth.Result, error) {
		select {
		case <-cut:
			return auth.Wrong, errors.New("no main is heard")
		default:
			return laurel.Answer(q, laurel.addr), nil
		}
	})
	alice, bob, carol := mons.phoneOver("udp", "alice", "a"), mons.phone("bob", "b"), mons.phone("carol", "c")
	close(cut)
	alice.invites("bob")
	alice.gets("403")
	carol.invites("bob")
	bob.replies(bob.gets("INVITE"), 486)
	bob.gets("ACK")
	carol.gets("486")
	carol.registers()
	if !strings.Contains(w.log.String(), "no main can be asked about his password") {
		t.Error("the log says nothing of it")
	}
}

// TestCancelledWhileAMainIsAsked: a caller who gives up is not put through.
func TestCancelledWhileAMainIsAsked(t *testing.T) {
	w := newTown(t, "laurel")
	laurel, asked, answer := w.nodes["laurel"], make(chan struct{}, 1), make(chan struct{})
	mons := branchOf(w, func(ctx context.Context, q auth.Question) (auth.Result, error) {
		if q.Method == "INVITE" {
			asked <- struct{}{}
			<-answer
		}
		return laurel.Answer(q, laurel.addr), nil
	})
	alice, bob := mons.phoneOver("udp", "alice", "a"), mons.phone("bob", "b")
	m := alice.request("INVITE", "sip:bob@"+domain, "<sip:bob@"+domain+">", "given-up")
	m.Add("Contact", "<"+alice.contact()+">")
	alice.send(m)
	challenge := alice.gets("407")
	alice.send(ackOf(m, challenge))
	m.Add("Proxy-Authorization", proof(t, "alice", password, challenge.Get("Proxy-Authenticate"), m))
	m.Set("Via", alice.via())
	alice.send(m)
	<-asked
	cancel := ackOf(m, m)
	cancel.Start = strings.Replace(m.Start, "INVITE", "CANCEL", 1)
	cancel.Set("CSeq", strings.Replace(m.Get("CSeq"), "INVITE", "CANCEL", 1))
	cancel.Drop("Proxy-Authorization")
	alice.send(cancel)
	alice.gets("200")
	close(answer)
	alice.gets("487")
	bob.hearsNothing(50 * time.Millisecond)
}

// TestStoppedWhileAMainIsAsked: a node that ends waits for no answer.
func TestStoppedWhileAMainIsAsked(t *testing.T) {
	w := newTown(t, "laurel")
	asked := make(chan struct{}, 1)
	mons := branchOf(w, func(ctx context.Context, _ auth.Question) (auth.Result, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return auth.Wrong, ctx.Err()
	})
	alice := mons.stranger("tcp", "alice")
	m := alice.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "stopped")
	alice.send(m)
	alice.proves(m, "Authorization", alice.gets("401").Get("WWW-Authenticate"))
	<-asked
	mons.stop()
}

// TestTooManyAreAskedAbout: who floods a branch with passwords of users of other
// sites does not fill its line, and hears when to come back.
func TestTooManyAreAskedAbout(t *testing.T) {
	w := newTown(t, "laurel")
	laurel, asked := w.nodes["laurel"], atomic.Int64{}
	mons := branchOf(w, func(_ context.Context, q auth.Question) (auth.Result, error) {
		asked.Add(1)
		return laurel.Answer(q, laurel.addr), nil
	})
	alice := mons.stranger("tcp", "alice")
	m := alice.request("REGISTER", "sip:"+domain, "<sip:alice@"+domain+">", "flood")
	alice.send(m)
	challenge := alice.gets("401").Get("WWW-Authenticate")
	began := time.Now()
	for i := 0; ; i++ {
		try := m.Clone()
		alice.proves(try, "Authorization", challenge)
		answer, err := alice.conn.Receive(patience)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status() == 500 {
			if answer.Get("Retry-After") == "" {
				t.Error("it is not said when")
			}
			break
		}
		if i == 100_000 {
			t.Fatal("all are asked about")
		}
	}
	if most := 51 + 11*int64(time.Since(began)/time.Second+1); asked.Load() > most {
		t.Errorf("asked about %d, want %d at most", asked.Load(), most)
	}
}
