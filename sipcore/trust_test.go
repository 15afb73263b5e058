package sipcore_test

import (
	"bufio"
	"strconv"
	"testing"

	"carillon/sipcore/auth"
	"carillon/test/house/wire"
)

func TestTheAddressOfAnotherNodeIsOursToo(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	alice, bob := w.nodes["laurel"].phone("alice", "a"), w.nodes["laurel"].phone("bob", "b")
	hardy := w.nodes["hardy"].addr.String()
	m := alice.request("INVITE", "sip:bob@"+hardy, "<sip:bob@"+hardy+">", "elsewhere")
	m.Set("From", "<sip:alice@"+hardy+">;tag=1")
	m.Add("Route", "<sip:"+hardy+";lr>")
	m.Add("Contact", "<"+alice.contact()+">")
	alice.send(m)
	rings := bob.gets("INVITE")
	isClean(t, rings)
	bob.replies(rings, 486)
	bob.gets("ACK")
	alice.gets("486")
}

func TestATokenFromAPhoneIsNotBelieved(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	w.nodes["hardy"].phone("bob", "b")
	sealer := auth.NewSealer([32]byte{7}, "hardy") // even if somebody got hold of one
	token := sealer.Seal(auth.Token{Kind: auth.Path, User: "bob", Device: "urn:x:b"})
	stranger := w.nodes["hardy"].stranger("tcp", "carol")
	for _, host := range []string{"hardy", "laurel", w.nodes["hardy"].addr.String()} {
		m := stranger.request("INVITE", "sip:bob@"+domain, "<sip:bob@"+domain+">", "token@"+host)
		m.Add("Contact", "<"+stranger.contact()+">")
		m.Add("Route", "<sip:"+token+"@"+host+";lr>")
		stranger.send(m)
		stranger.send(ackOf(m, stranger.gets("407")))
	}
}

func TestStrangersOnANodeFlow(t *testing.T) {
	w := newTown(t, "laurel", "hardy")
	w.nodes["laurel"].phone("alice", "a") // it runs
	near, far, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	w.wg.Go(func() { w.nodes["laurel"].Serve(w.ctx, near, "stan") })
	in := bufio.NewReader(far)
	p := &phone{t: t, user: "stan", tag: "s"}
	sealer := auth.NewSealer([32]byte{7}, "stan")
	token := sealer.Seal(auth.Token{Kind: auth.Path, User: "bob", Device: "b"})
	for _, tt := range []struct{ name, method, uri, route, want string }{
		{"a question", "OPTIONS", "sip:laurel", "", "200"},
		{"a registration", "REGISTER", "sip:" + domain, "", "403"},
		{"no token", "MESSAGE", "sip:bob@" + domain, "", "403"},
		{"a forged token", "MESSAGE", "sip:bob@" + domain, "<sip:bob@laurel;lr>", "403"},
		{"a phone that is gone", "MESSAGE", "sip:bob@192.0.2.1", "<sip:" + token + "@laurel;lr>", "430"},
		{"another node's, without the word", "MESSAGE", "sip:bob@192.0.2.1", "<sip:" + token + "@hardy;lr>", "430"},
		{"to be relayed to nobody", "MESSAGE", "sip:bob@192.0.2.1", "<sip:" + token + "@nobody;lr;relay>", "430"},
		{"relayed, but gone", "MESSAGE", "sip:bob@192.0.2.1", "<sip:" + token + "@hardy;lr;relay>", "430"},
	} {
		m := wire.Message{Start: tt.method + " " + tt.uri + " SIP/2.0"}
		p.cseq++
		m.Add("Via", "SIP/2.0/TLS stan;branch=z9hG4bK"+strconv.Itoa(p.cseq))
		m.Add("Max-Forwards", "70")
		m.Add("From", "<sip:stan@x>;tag=1")
		m.Add("To", "<sip:bob@x>")
		m.Add("Call-ID", tt.name[:1]+strconv.Itoa(p.cseq))
		m.Add("CSeq", strconv.Itoa(p.cseq)+" "+tt.method)
		if tt.route != "" {
			m.Add("Route", tt.route)
		}
		if _, err := far.Write([]byte(m.String())); err != nil {
			t.Fatal(err)
		}
		got, err := wire.Read(in)
		for err == nil && got.Status() == 100 {
			got, err = wire.Read(in)
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if kind(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got.Start, tt.want)
		}
	}
}
