package sipcore_test

import (
	"crypto/rand"
	"strings"
	"testing"
)

// TestTheLogKeepsQuiet: what strangers write does not fill the log, and no
// message is in it. Every town checks that at its end.
func TestTheLogKeepsQuiet(t *testing.T) {
	w := newTown(t, "laurel")
	p := w.nodes["laurel"].stranger("tcp", "bob")
	long := strings.Repeat("a", 5000)
	for range 20 {
		m := p.request("REGISTER", "sip:"+long+".test", "<sip:bob@"+domain+">", rand.Text())
		m.Add("Contact", "<"+p.contact()+">")
		p.send(m)
		p.gets("404")
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if got := strings.Count(w.log.all.String(), "another domain"); got == 0 || got > 2 {
		t.Errorf("20 registrations for another domain: got %d lines, want 1 a second", got)
	}
}
