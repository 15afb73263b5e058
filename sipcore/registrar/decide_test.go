package registrar

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"carillon/store/live"
)

func TestDecideReplaces(t *testing.T) {
	const a, b = "sip:201@127.0.0.2:40000", "sip:201@127.0.0.3:5070"
	const newer = "sip:x7@127.0.0.2:40002"
	now := time.Now()
	p := policy{expiry: Expiry{}.withDefaults(), maxContacts: 3}
	asks := func(callID string, values ...string) request {
		r := request{callID: callID, cseq: 9, now: now, outbound: true, flow: 1, transport: "tcp"}
		for _, v := range values {
			c, refused := parseContact(v, time.Hour)
			if refused != nil {
				t.Fatal(refused)
			}
			r.contacts = append(r.contacts, c)
		}
		if refused := r.checkOutbound(true); refused != nil {
			t.Fatal(refused)
		}
		return r
	}
	from := func(source string, r request) request {
		r.source, r.direct = netip.MustParseAddrPort(source), true
		return r
	}
	behind := func(source string, r request) request {
		r = from(source, r)
		r.direct, r.path = false, []string{"<sip:edge;lr>"}
		return r
	}
	const one, two = `;+sip.instance="<urn:one>"`, `;+sip.instance="<urn:two>"`
	tests := []struct {
		name   string
		before []request
		r      request
		want   []string // Contact and reg-id of what is left
	}{
		{"nothing else", nil, asks("1", a), []string{a}},
		{"an equal Contact", []request{asks("1", a)}, asks("2", "<SIP:201@127.0.0.2:40000>"), []string{"SIP:201@127.0.0.2:40000"}},
		{"another Contact of the same phone", []request{asks("1", a)}, asks("1", b), []string{b}},
		{"another Contact of another phone", []request{asks("1", a)}, asks("2", b), []string{a, b}},
		{"a restarted phone at its address", []request{from("127.0.0.2:5062", asks("1", a))}, from("127.0.0.2:5062", asks("2", newer)), []string{newer}},
		{"another host's phone from that address", []request{from("127.0.0.2:5062", asks("1", a))}, from("127.0.0.2:5062", asks("2", b)), []string{a, b}},
		{"another port of that address", []request{from("127.0.0.2:5062", asks("1", a))}, from("127.0.0.2:5063", asks("2", newer)), []string{a, newer}},
		{"another phone behind the same proxy", []request{behind("127.0.0.9:5060", asks("1", a))}, behind("127.0.0.9:5060", asks("2", newer)), []string{a, newer}},
		{"a phone with a name at the same address", []request{from("127.0.0.2:5062", asks("1", a+one))}, from("127.0.0.2:5062", asks("2", newer)), []string{a, newer}},
		{"two Contacts of one phone", []request{asks("1", a)}, asks("1", a, b), []string{a, b}},
		{"one of two goes", []request{asks("1", a, b)}, asks("1", b+";expires=0"), []string{a}},
		{"what is not there goes", []request{asks("1", a)}, asks("1", b+";expires=0"), []string{a}},
		{"the same Contact twice", nil, asks("1", a, "<"+a+">;q=0.1"), []string{a}},
		{"the same instance elsewhere", []request{asks("1", a+one)}, asks("2", b+one), []string{b}},
		{"two instances with one Contact", []request{asks("1", a+one)}, asks("2", a+two), []string{a, a}},
		{"an instance that had not said so", []request{asks("1", a)}, asks("2", a+one), []string{a}},
		{"an instance that ceases to say so", []request{asks("1", a+one)}, asks("2", a), []string{a}},
		{"an instance goes, from elsewhere", []request{asks("1", a+one)}, asks("2", b+one+";expires=0"), nil},
		{"two flows of one phone", []request{asks("1", a+one+";reg-id=1")}, asks("1", b+one+";reg-id=2"), []string{a + " 1", b + " 2"}},
		{"one flow again", []request{asks("1", a+one+";reg-id=1")}, asks("1", b+one+";reg-id=1"), []string{b + " 1"}},
		{"begins to keep its flow", []request{asks("1", a+one)}, asks("1", b+one+";reg-id=1"), []string{b + " 1"}},
		{"ceases to keep its flows", []request{asks("1", a+one+";reg-id=1"), asks("1", b+one+";reg-id=2")}, asks("2", a+one), []string{a}},
		{"a reg-id without an instance", nil, asks("1", a+";reg-id=1"), []string{a}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var have []live.Binding
			for i, r := range append(slices.Clone(tt.before), tt.r) {
				r.cseq = uint32(i + 1)
				var err error
				if have, err = decide(have, &r, p); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
			}
			var got []string
			seen := map[string]bool{}
			for _, x := range have {
				text := x.Contact
				if x.RegID != 0 {
					text += " " + string(rune('0'+x.RegID))
				}
				got = append(got, text)
				if seen[x.Device] {
					t.Errorf("two bindings are called %q", x.Device)
				}
				seen[x.Device] = true
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDecideOrder(t *testing.T) {
	p := policy{expiry: Expiry{}.withDefaults(), maxContacts: 3}
	c, _ := parseContact("sip:a", time.Hour)
	have := func() []live.Binding {
		return []live.Binding{{Device: c.device("1"), Contact: "sip:a", CallID: "1", CSeq: 5, Flow: 1}, {Device: "x", Contact: "sip:b", CallID: "2", CSeq: 99, Flow: 1}}
	}
	tests := []struct {
		name   string
		r      request
		status int
		left   int
	}{
		{"later", request{callID: "1", cseq: 6, contacts: []contact{c}}, 0, 2},
		{"the same again", request{callID: "1", cseq: 5, flow: 1, contacts: []contact{c}}, 0, 2},
		{"the same on another flow", request{callID: "1", cseq: 5, flow: 2, contacts: []contact{c}}, 0, 2},
		{"earlier", request{callID: "1", cseq: 4, contacts: []contact{c}}, 500, 2},
		{"another Call-ID", request{callID: "3", cseq: 1, contacts: []contact{c}}, 0, 2},
		{"all, later", request{callID: "1", cseq: 6, star: true}, 0, 0},
		{"all, earlier", request{callID: "1", cseq: 4, star: true}, 500, 2},
		{"all, another Call-ID", request{callID: "3", cseq: 1, star: true}, 0, 0},
		{"none", request{callID: "1", cseq: 4}, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want, err := decide(have(), &tt.r, p)
			status := 0
			if err != nil {
				status = asRefusal(err).status
				want = have()
			}
			if status != tt.status || len(want) != tt.left {
				t.Errorf("got %d and %d bindings, want %d and %d", status, len(want), tt.status, tt.left)
			}
		})
	}
}

func TestExpiryGrant(t *testing.T) {
	e := Expiry{}.withDefaults()
	tests := []struct {
		asked    string
		outbound bool
		want     time.Duration
	}{
		{"60", false, time.Minute},
		{"3600", false, time.Minute},
		{"3600", true, time.Hour},
		{"600", true, 10 * time.Minute},
		{"99999999999999999999999", true, time.Hour},
		{"", true, time.Hour},
		{"-1", true, time.Hour},
	}
	for _, tt := range tests {
		if got := e.grant(seconds(tt.asked), tt.outbound); got != tt.want {
			t.Errorf("%q, outbound %v: got %v, want %v", tt.asked, tt.outbound, got, tt.want)
		}
	}
}
