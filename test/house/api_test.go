package house_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"carillon/node/admin"
	"carillon/store"
	"carillon/test/house"
)

// TestAWatcherHearsWhatAProgramSays: over HTTPS with the system's own certificate, when it
// is said, when its time is over, and when it is withdrawn.
func TestAWatcherHearsWhatAProgramSays(t *testing.T) {
	h := house.New(t)
	n := h.Node("hardy")
	bob := registered(t, "tcp", "bob", n)
	subscribe := request(bob, "SUBSCRIBE", "sip:alice@"+house.Domain, "bob", 7)
	subscribe.Set("To", "<sip:alice@"+house.Domain+">")
	subscribe.Add("Event", "presence")
	subscribe.Add("Accept", "application/pidf+xml")
	subscribe.Add("Expires", "600")
	if err := bob.Send(subscribe); err != nil {
		t.Fatal(err)
	}
	hears := func(want string) {
		t.Helper()
		m := receive(t, bob)
		for m.Method() != "NOTIFY" {
			m = receive(t, bob)
		}
		if err := bob.Send(m.Reply(200, "OK", "")); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Body, want) {
			t.Errorf("bob hears %s, want %s", m.Body, want)
		}
	}
	hears("closed")
	calendar := programAt(t, n)
	asked := time.Now()
	calendar("PUT", `{"activity":"meeting","note":"room 4","ttl":600}`)
	hears("<rpid:meeting/>")
	t.Logf("bob heard of it %v after it was said", time.Since(asked))
	calendar("PUT", `{"activity":"vacation","ttl":1}`)
	hears("<rpid:vacation/>")
	hears("closed") // what was said first does not come back
	calendar("PUT", `{"activity":"busy","ttl":600}`)
	hears("<rpid:busy/>")
	calendar("DELETE", "")
	hears("closed")
}

// programAt returns how a program says something of alice.
func programAt(t *testing.T, n *house.Node) func(method, body string) {
	t.Helper()
	token, err := n.API().CreateAPIToken(t.Context(), admin.APIToken{Name: "calendar", Scope: store.APIPresence})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := n.API().Certificate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(shown.Authority))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{Transport: transport, Timeout: house.Patience}
	return func(method, body string) {
		t.Helper()
		for end := time.Now().Add(house.Patience); ; time.Sleep(10 * time.Millisecond) { // until the port is open
			r, err := http.NewRequestWithContext(t.Context(), method, token.URL+"/v1/users/alice/presence", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token.Token)
			answer, err := c.Do(r)
			if err != nil && time.Now().Before(end) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Fatal(fmt.Sprint(answer.Status, " ", string(text)))
			}
			return
		}
	}
}
