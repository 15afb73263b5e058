package sipcore_test

import (
	"crypto/rand"
	"testing"
	"time"

	"carillon/store/live"
	"carillon/test/house/wire"
)

func nobodyLeft([]live.Binding) ([]live.Binding, error) { return nil, nil }

// Symptom: a called phone asked the caller's phone for our password and used
// the answer to call in its name.
func TestACalledPhoneGetsNoCredentialsOfOurs(t *testing.T) {
	const other = `Digest realm="pbx.example", username="alice", nonce="` + domain + `", uri="sip:x", response="00"`
	for _, tt := range []struct {
		name, header, value string
		kept                bool
	}{
		{"Authorization", "Authorization", `Digest username="alice", realm="` + domain + `", nonce="n", uri="sip:x", response="00"`, false},
		{"Proxy-Authorization", "Proxy-Authorization", `Digest username="alice", realm="TEL.test", nonce="n", uri="sip:x", response="00"`, false},
		{"escaped", "Authorization", `Digest username="alice", realm="tel\.test", nonce="n", uri="sip:x", response="00"`, false},
		{"another realm", "Authorization", other, true},
		{"another realm, for a proxy", "Proxy-Authorization", other, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].phone("bob", "b")
			m := alice.request("MESSAGE", "sip:bob@"+domain, "<sip:bob@"+domain+">", rand.Text())
			m.Add(tt.header, tt.value)
			alice.send(m)
			got := bob.gets("MESSAGE")
			if got.Has(tt.header) != tt.kept {
				t.Errorf("the callee sees:\n%s", got)
			}
			bob.replies(got, 200)
			alice.gets("200")
		})
	}
}

func TestACalledPhoneCannotAskForOurPassword(t *testing.T) {
	for _, tt := range []struct {
		name, realm, want string
		status            int
	}{
		{"ours", domain, "403", 401},
		{"ours, as a proxy", "TEL.TEST", "403", 407},
		{"its own", "pbx.example", "401", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, "laurel", "hardy")
			alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["hardy"].phone("bob", "b")
			w.nodes["laurel"].knows("bob", "hardy")
			alice.invites("bob")
			refusal := bob.gets("INVITE").Reply(tt.status, "Who?", "b")
			header := map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[tt.status]
			refusal.Add(header, `Digest realm="`+tt.realm+`", nonce="n"`)
			bob.send(refusal)
			bob.gets("ACK")
			if got := alice.gets(tt.want); got.Has(header) != (tt.want == "401") {
				t.Errorf("the caller sees:\n%s", got)
			}
		})
	}
}

// A digest that was made for a call to one is none for a call to another.
func TestADigestForAnotherCallee(t *testing.T) {
	w := newTown(t, "laurel")
	alice, bob := w.nodes["laurel"].phoneOver("udp", "alice", "a"), w.nodes["laurel"].phone("bob", "b")
	m := alice.request("MESSAGE", "sip:carol@"+domain, "<sip:carol@"+domain+">", rand.Text())
	alice.send(m)
	challenge := alice.gets("407").Get("Proxy-Authenticate")
	answer, err := wire.Credentials{User: "alice", Password: password}.Answer(challenge, "MESSAGE", "sip:carol@"+domain)
	if err != nil {
		t.Fatal(err)
	}
	m = alice.request("MESSAGE", "sip:bob@"+domain, "<sip:bob@"+domain+">", rand.Text())
	m.Add("Proxy-Authorization", answer)
	alice.send(m)
	alice.gets("400")
	bob.hearsNothing(50 * time.Millisecond)
}

// Symptom: a phone showed itself under any number by Remote-Party-ID.
func TestAPhoneAssertsNoIdentity(t *testing.T) {
	claims := []string{"Remote-Party-ID", "P-Preferred-Identity", "P-Asserted-Identity"}
	w := newTown(t, "laurel", "hardy")
	alice := w.nodes["laurel"].phone("alice", "a")
	for user, node := range map[string]string{"bob": "hardy", "carol": "laurel"} {
		callee := w.nodes[node].phone(user, "b")
		w.nodes["laurel"].knows(user, node)
		m := alice.request("MESSAGE", "sip:"+user+"@"+domain, "<sip:"+user+"@"+domain+">", rand.Text())
		for _, h := range claims {
			m.Add(h, "<sip:boss@"+domain+">")
		}
		alice.send(m)
		got := callee.gets("MESSAGE")
		answer := got.Reply(200, "OK", "b")
		for _, h := range claims {
			answer.Add(h, "<sip:boss@"+domain+">")
		}
		callee.send(answer)
		back := alice.gets("200")
		for _, h := range claims {
			if got.Has(h) || back.Has(h) {
				t.Errorf("%s: the callee sees\n%s\nthe caller sees\n%s", user, got, back)
			}
		}
	}
}
