package registrar

import (
	"strings"
	"testing"
	"time"

	"carillon/store/live"
)

func TestParseContact(t *testing.T) {
	tests := []struct {
		value  string
		want   contact // but for uri
		status int
	}{
		{"<sip:a@b>", contact{text: "sip:a@b", q: 1, asked: time.Hour}, 0},
		{"sip:a@b;expires=5;q=0.5", contact{text: "sip:a@b", q: 0.5, asked: 5 * time.Second}, 0},
		{`"A, B" <sips:a@b;transport=tcp>;Q=0.12345;EXPIRES="7"`, contact{text: "sips:a@b;transport=tcp", q: 0.123, asked: 7 * time.Second}, 0},
		{"<sip:a@b>;q=2;q=x;reg-id=0;reg-id=-1", contact{text: "sip:a@b", q: 1, asked: time.Hour}, 0},
		{`<sip:a@b>;+sip.instance="<urn:uuid:1>";reg-id=3`, contact{text: "sip:a@b", q: 1, asked: time.Hour, instance: "urn:uuid:1", regID: 3}, 0},
		{`<sip:a@b>;+sip.instance="urn:uuid:1"`, contact{text: "sip:a@b", q: 1, asked: time.Hour, instance: "urn:uuid:1"}, 0},
		{`<sip:a@b>;+sip.instance="<>"`, contact{text: "sip:a@b", q: 1, asked: time.Hour}, 0},
		{"<tel:+1>", contact{}, 400},
		{"<name:John_Smith>", contact{}, 400},
		{"<sip:a@b?c=d>", contact{}, 400},
		{"<sip:a@b", contact{}, 400},
		{"", contact{}, 400},
	}
	for _, tt := range tests {
		got, refused := parseContact(tt.value, time.Hour)
		if tt.status != 0 {
			if refused == nil || refused.status != tt.status {
				t.Errorf("%s: got %v, want %d", tt.value, refused, tt.status)
			}
			continue
		}
		tt.want.uri = got.uri
		if refused != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v", tt.value, got, refused, tt.want)
		}
	}
}

func TestDeviceNamesAreShort(t *testing.T) {
	for _, value := range []string{
		"<sip:a@b>", `<sip:a@b>;+sip.instance="<` + urn + `>";reg-id=1`,
		`<sip:a@b>;+sip.instance="` + strings.Repeat("x", 500) + `"`, `<sip:a@b>;+sip.instance="<urn:a b>"`,
	} {
		c, refused := parseContact(value, time.Hour)
		if refused != nil {
			t.Fatal(refused)
		}
		if got := c.device(strings.Repeat("c", 200)); len(got) > 66 || strings.ContainsAny(got, " <>\"\x1f") {
			t.Errorf("%s: got %q", value, got)
		}
	}
}

// FuzzParseContact: what a phone writes comes back to it as a Contact that says
// the same.
func FuzzParseContact(f *testing.F) {
	f.Add(`"x" <sip:a@b;transport=tcp>;expires=60;q=0.7;+sip.instance="<urn:uuid:1>";reg-id=1`)
	f.Add("sip:a@b")
	f.Fuzz(func(t *testing.T, value string) {
		c, refused := parseContact(value, time.Hour)
		if refused != nil {
			return
		}
		r := request{callID: "1", now: time.Now(), outbound: true}
		r.contacts = []contact{c}
		_ = r.checkOutbound(true)
		x := r.binding(&r.contacts[0], policy{expiry: Expiry{Plain: time.Hour}.withDefaults()})
		x.Device = r.contacts[0].device(r.callID)
		text := string(appendContact(nil, &x, r.now))
		again, refused := parseContact(text, 0)
		if refused != nil {
			t.Fatalf("%q does not parse: %v", text, refused)
		}
		again.regID = r.contacts[0].regID
		if again.text != c.text || again.q != c.q || again.device("1") != r.contacts[0].device("1") && strings.HasPrefix(c.instance, "urn:") {
			t.Errorf("got %+v, want %+v", again, c)
		}
		if _, err := decide([]live.Binding{x}, &r, policy{maxContacts: 1}); err != nil {
			t.Errorf("its own binding is in its way: %v", err)
		}
	})
}
