package registrar

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"carillon/sipcore/message"
	"carillon/sipcore/transport"
	"carillon/store/live"
)

const (
	here  = "Contact: <sip:201@127.0.0.2:40000;transport=tcp>"
	there = "Contact: <sip:201@127.0.0.3:5070>"
	urn   = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
)

func TestChallenge(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	h.send(h.text(register{cseq: 1, lines: []string{here}}.withDefaults(), ""))
	want := `SIP/2.0 401 Unauthorized
Via: SIP/2.0/UDP 127.0.0.2:40000;branch=z9hG4bK1
From: <sip:201@rig.test>;tag=f
To: <sip:201@rig.test>;tag=*
Call-ID: call@desk
CSeq: 1 REGISTER
WWW-Authenticate: Digest realm="rig.test", nonce="*", algorithm=MD5, qop="auth"
WWW-Authenticate: Digest realm="rig.test", nonce="*", algorithm=SHA-256, qop="auth"
Content-Length: 0

`
	if diff := cmp.Diff(want, golden(h.answers[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h.bindings.Count() != 0 {
		t.Error("a binding without a password")
	}
}

func TestAccepted(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	h.register(register{
		cseq: 2, agent: "Phone 1.0", lines: []string{
			here + `;expires=3600;q=0.5;+sip.instance="<` + urn + `>";reg-id=1`,
			"Supported: path, outbound", "Expires: 60",
		},
	})
	want := `SIP/2.0 200 OK
Via: SIP/2.0/UDP 127.0.0.2:40000;branch=z9hG4bK2
From: <sip:201@rig.test>;tag=f
To: <sip:201@rig.test>;tag=*
Call-ID: call@desk
CSeq: 2 REGISTER
Contact: <sip:201@127.0.0.2:40000;transport=tcp>;expires=3600;q=0.5;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1
Require: outbound
Flow-Timer: 60
Supported: path, outbound
Content-Length: 0

`
	if diff := cmp.Diff(want, golden(h.answers[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	x, ok := h.bindings.Device("201", urn+"#1")
	if !ok {
		t.Fatal("no binding")
	}
	if x.Flow != h.flow.ID() || x.Source != desk || x.Local != us || x.Transport != "tcp" || x.Node != "laurel" ||
		x.CSeq != 2 || x.UserAgent != "Phone 1.0" || x.Granted != time.Hour || x.RegID != 1 {
		t.Errorf("got %+v", x)
	}
}

func TestAnswers(t *testing.T) {
	lines := func(l ...string) register { return register{cseq: 5, lines: l} }
	tests := []struct {
		name   string
		before []register
		send   register
		status int
		want   []string // Contact values of the answer
	}{
		{"a phone", nil, lines(here), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"with SHA-256", nil, register{cseq: 5, algorithm: "SHA-256", lines: []string{here}}, 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"asks for an hour", nil, lines(here, "Expires: 3600"), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"asks for what it gets", nil, lines(here + ";expires=60"), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"asks for too little", nil, lines(here + ";expires=59"), 423, nil},
		{"asks for nothing it had", nil, lines(here + ";expires=0"), 200, nil},
		{"asks for rubbish", nil, lines(here + ";expires=soon"), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"two phones in one", nil, lines(here, there+";q=0.2"), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60", "<sip:201@127.0.0.3:5070>;expires=60;q=0.2"}},
		{"two values in one line", nil, lines(here + ", <sip:201@127.0.0.3:5070>"), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60", "<sip:201@127.0.0.3:5070>;expires=60"}},
		{"a fetch", []register{lines(here)}, lines(), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"leaves", []register{lines(here)}, register{cseq: 6, lines: []string{here, "Expires: 0"}}, 200, nil},
		{"all leave", []register{lines(here), {cseq: 1, callID: "other", lines: []string{there}}}, register{cseq: 6, lines: []string{"Contact: *", "Expires: 0"}}, 200, nil},
		{"all leave, without Expires", nil, lines("Contact: *"), 400, nil},
		{"all leave, in a while", nil, lines("Contact: *", "Expires: 60"), 400, nil},
		{"all leave and one comes", nil, lines("Contact: *", here, "Expires: 0"), 400, nil},
		{"overtaken", []register{lines(here)}, register{cseq: 4, lines: []string{here}}, 500, nil},
		{"again", []register{lines(here)}, lines(here), 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"another's number", nil, register{cseq: 5, to: "sip:202@rig.test", lines: []string{here}}, 403, nil},
		{"nobody's number", nil, register{cseq: 5, to: "sip:999@rig.test", lines: []string{here}}, 403, nil},
		{"another domain", nil, register{cseq: 5, to: "sip:201@other.test", lines: []string{here}}, 403, nil},
		{"no SIP address", nil, register{cseq: 5, to: "isbn:2983792873", lines: []string{here}}, 403, nil},
		{"escaped", nil, register{cseq: 5, to: "sip:%32%30%31@RIG.TEST", lines: []string{here}}, 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"known by address", nil, register{cseq: 5, uri: "sip:127.0.0.1", to: "sip:201@127.0.0.1", lines: []string{here}}, 200, []string{"<sip:201@127.0.0.2:40000;transport=tcp>;expires=60"}},
		{"wrong password", nil, register{cseq: 5, password: "wrong", lines: []string{here}}, 401, nil},
		{"wrong user", nil, register{cseq: 5, user: "999", lines: []string{here}}, 401, nil},
		{"a Contact for the telephone network", nil, lines("Contact: <tel:+3265551201>"), 400, nil},
		{"a Contact with header fields", nil, lines("Contact: <sip:201@127.0.0.2?Route=%3Csip:x%3E>"), 400, nil},
		{"a Contact of a mile", nil, lines("Contact: <sip:" + strings.Repeat("x", maxURI) + "@127.0.0.2>"), 400, nil},
		{"two reg-ids", nil, lines("Supported: outbound",
			here+`;reg-id=1;+sip.instance="<urn:a>"`, there+`;reg-id=2;+sip.instance="<urn:a>"`), 400, nil},
		{"a Call-ID of a mile", nil, register{cseq: 5, callID: strings.Repeat("x", maxCallID+1), lines: []string{here}}, 400, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, transport.TCP, desk)
			for _, r := range tt.before {
				if got := h.register(r); got.Status() != 200 {
					t.Fatalf("before: got %d", got.Status())
				}
			}
			got := h.register(tt.send)
			if got.Status() != tt.status {
				t.Fatalf("got %d %s, want %d", got.Status(), got.Reason(), tt.status)
			}
			if diff := cmp.Diff(tt.want, contacts(got)); diff != "" {
				t.Errorf("contacts (-want +got):\n%s", diff)
			}
			value, ok := got.Header(message.MinExpires)
			if ok != (tt.status == 423) || ok && value != "60" {
				t.Errorf("got Min-Expires %q", value)
			}
			if leaks := "pw"; strings.Contains(h.log.String(), leaks) {
				t.Errorf("the log has the password: %s", h.log.String())
			}
		})
	}
}

func TestRefusedNetworkCostsNoPassword(t *testing.T) {
	h := newHouse(t, transport.UDP, alien)
	for range 3 {
		if got := h.send(h.text(register{cseq: 1, lines: []string{here}}.withDefaults(), "")); got.Status() != 403 {
			t.Fatalf("got %d, want 403", got.Status())
		}
	}
	if got := h.registrar.Counters(); got != (Counters{ForbiddenNetwork: 3}) {
		t.Errorf("got %+v", got)
	}
	if n := strings.Count(h.log.String(), "\n"); n < 1 || n > 2 {
		t.Errorf("%d lines in the log, want one a second", n)
	}
}

func TestUnreadableCredentials(t *testing.T) {
	h := newHouse(t, transport.UDP, desk)
	if got := h.send(h.text(register{cseq: 1}.withDefaults(), `Digest username="201`)); got.Status() != 400 {
		t.Errorf("got %d, want 400", got.Status())
	}
	if got := h.send(h.text(register{cseq: 1}.withDefaults(), "NoOneKnowsThisScheme opaque-data=here")); got.Status() != 401 {
		t.Errorf("got %d, want 401 (RFC 4475 section 3.3.7)", got.Status())
	}
}

func TestReplayIsStale(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	r := register{cseq: 1, lines: []string{here}}.withDefaults()
	authorization := r.answer(h.send(h.text(r, "")))
	if got := h.send(h.text(r, authorization)); got.Status() != 200 {
		t.Fatalf("got %d, want 200", got.Status())
	}
	r.lines = []string{"Contact: <sip:thief@127.0.0.9>"}
	got := h.send(h.text(r, authorization))
	if value, _ := got.Header(message.WWWAuthenticate); got.Status() != 401 || !strings.Contains(value, "stale=true") {
		t.Errorf("got %d %q, want a stale challenge", got.Status(), value)
	}
	if h.bindings.Count() != 1 {
		t.Error("the replay registered")
	}
}

func TestRetransmissionIsAnsweredAlike(t *testing.T) {
	h := newHouse(t, transport.UDP, desk)
	r := register{cseq: 1, lines: []string{there}}.withDefaults()
	text := h.text(r, r.answer(h.send(h.text(r, ""))))
	h.send(text)
	first := h.answers[0]
	h.send(text)
	if h.answers[0] != first || !strings.HasPrefix(first, "SIP/2.0 200 ") {
		t.Errorf("got %q and %q, want 200 twice", first, h.answers[0])
	}
}

func TestUDPPhoneBehindNAT(t *testing.T) {
	h := newHouse(t, transport.UDP, desk)
	h.register(register{cseq: 1, lines: []string{"Contact: <sip:201@192.168.1.10:5060>"}})
	got := h.bindings.Of("201")
	if len(got) != 1 || got[0].Source != desk || got[0].Flow != h.flow.ID() || got[0].Transport != "udp" {
		t.Errorf("got %+v, want to know where it came from", got)
	}
}

func TestReconnect(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	contact := here + `;+sip.instance="<` + urn + `>"`
	h.register(register{cseq: 1, lines: []string{contact}})
	old := h.flow
	h.connect(transport.TCP, desk)
	h.register(register{cseq: 1, callID: "after-a-restart", lines: []string{contact}})
	h.bindings.FlowClosed(old.ID())
	got := h.bindings.Of("201")
	if len(got) != 1 || got[0].Flow != h.flow.ID() || got[0].State(time.Now()) != live.BindingUp {
		t.Errorf("got %+v, want one binding on the new flow", got)
	}
}

func TestFlowThatClosedMeanwhile(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	r := register{cseq: 1, lines: []string{here}}.withDefaults()
	text := h.text(r, r.answer(h.send(h.text(r, ""))))
	h.flow.Close()
	m, _ := message.ParseString(text)
	h.layer.Receive(h.flow, m)
	got := h.bindings.Of("201")
	if len(got) != 1 || got[0].State(time.Now()) != live.BindingDown {
		t.Errorf("got %+v, want it down", got)
	}
}

func TestPath(t *testing.T) {
	proxied := "Via: SIP/2.0/UDP 127.0.0.7;branch=z9hG4bKp\r\n"
	path := []string{"Path: <sip:p2;lr>, <sip:p1;lr;ob>"}
	flow := here + `;reg-id=1;+sip.instance="<urn:a>"`
	tests := []struct {
		name     string
		r        register
		status   int
		told     bool     // the Path is in the answer
		path     []string // that is kept
		outbound bool
	}{
		{"supported", register{lines: append([]string{here, "Supported: path"}, path...)}, 200, true, []string{"<sip:p2;lr>", "<sip:p1;lr;ob>"}, false},
		{"not supported", register{lines: append([]string{here}, path...)}, 200, false, []string{"<sip:p2;lr>", "<sip:p1;lr;ob>"}, false},
		{"no proxy", register{lines: []string{here, "Supported: path"}}, 200, false, nil, false},
		{"no proxy, a flow", register{lines: []string{flow, "Supported: path, outbound"}}, 200, false, nil, true},
		{"a proxy that keeps the flow", register{via: proxied, lines: append([]string{flow, "Supported: path, outbound"}, path...)}, 200, true, []string{"<sip:p2;lr>", "<sip:p1;lr;ob>"}, true},
		{"a proxy that does not", register{via: proxied, lines: []string{flow, "Supported: path, outbound", "Path: <sip:p1;lr>"}}, 439, false, nil, false},
		{"a proxy that says nothing", register{via: proxied, lines: []string{flow, "Supported: path, outbound"}}, 439, false, nil, false},
		{"a proxy and a phone that asks for nothing", register{via: proxied, lines: []string{flow, "Supported: path"}}, 200, false, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, transport.TCP, desk)
			got := h.register(tt.r)
			var path []string
			for v := range got.Values(message.Path) {
				path = append(path, v)
			}
			var told []string
			if tt.told {
				told = tt.path
			}
			if diff := cmp.Diff(told, path); got.Status() != tt.status || diff != "" {
				t.Errorf("got %d, want %d; Path (-want +got):\n%s", got.Status(), tt.status, diff)
			}
			if tt.status != 200 {
				return
			}
			route, _ := got.Header(message.ServiceRoute)
			if want := "<sip:127.0.0.1:5060;transport=tcp;lr>"; (route == want) != (tt.path != nil) || tt.path == nil && route != "" {
				t.Errorf("got Service-Route %q", route)
			}
			x := h.bindings.Of("201")[0]
			if diff := cmp.Diff(tt.path, x.Path); diff != "" {
				t.Errorf("stored Path (-want +got):\n%s", diff)
			}
			if got.HasToken(message.Require, "outbound") != tt.outbound || (x.RegID != 0) != tt.outbound {
				t.Errorf("outbound is not %v", tt.outbound)
			}
			if timer, _ := got.HeaderNamed("Flow-Timer"); (timer == "60") != (tt.outbound && tt.path == nil) {
				t.Errorf("got Flow-Timer %q", timer)
			}
		})
	}
}

func TestExpiryAndRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, transport.TCP, desk)
		refresh := func(cseq int, want int) {
			t.Helper()
			if got := contacts(h.register(register{cseq: cseq, lines: []string{here}})); len(got) != want {
				t.Errorf("CSeq %d: got %q, want %d", cseq, got, want)
			}
		}
		refresh(1, 1)
		for cseq := 2; cseq < 10; cseq++ {
			time.Sleep(59 * time.Second)
			refresh(cseq, 1)
		}
		time.Sleep(30*time.Second + 500*time.Millisecond)
		got := contacts(h.register(register{cseq: 20}))
		if len(got) != 1 || !strings.HasSuffix(got[0], ";expires=30") {
			t.Errorf("got %q, want 30 seconds left", got)
		}
		time.Sleep(30 * time.Second)
		if got := contacts(h.register(register{cseq: 21})); len(got) != 0 {
			t.Errorf("got %q after the end", got)
		}
	})
}

func TestTooManyContacts(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	for i := range 10 {
		r := register{cseq: 1, callID: strconv.Itoa(i), lines: []string{"Contact: <sip:201@127.0.0." + strconv.Itoa(10+i) + ">"}}
		if got := h.register(r); got.Status() != 200 {
			t.Fatalf("phone %d: got %d", i, got.Status())
		}
	}
	eleventh := register{cseq: 1, callID: "x", lines: []string{here}}
	if got := h.register(eleventh); got.Status() != 403 {
		t.Errorf("phone 11: got %d, want 403", got.Status())
	}
	h.bindings.FlowClosed(h.flow.ID())
	h.connect(transport.TCP, desk)
	if got := h.register(eleventh); got.Status() != 200 || len(contacts(got)) != 10 {
		t.Errorf("phone 11 after the others vanished: got %d with %d contacts, want 200 with 10", got.Status(), len(contacts(got)))
	}
}

// TestFetchWritesNothing: neither other nodes nor the disk hear of a request
// that changes nothing, nor of a refresh.
func TestFetchWritesNothing(t *testing.T) {
	h := newHouse(t, transport.TCP, desk)
	h.register(register{cseq: 1, lines: []string{here}})
	var written []string
	h.bindings.OnChange(func(key string) { written = append(written, key) })
	h.register(register{cseq: 2})
	if len(written) != 0 {
		t.Errorf("a fetch wrote %q", written)
	}
	h.register(register{cseq: 3, lines: []string{here}})
	if len(written) != 0 {
		t.Errorf("a refresh wrote %q", written)
	}
	h.connect(transport.TCP, desk)
	h.register(register{cseq: 4, lines: []string{here}})
	if len(written) != 1 {
		t.Errorf("a new connection wrote %q, want one key", written)
	}
}

func ExampleRegistrar_Register() {
	h := newHouse(new(testing.B), transport.TCP, desk)
	r := register{cseq: 1, lines: []string{here + ";expires=3600"}}.withDefaults()
	challenge := h.send(h.text(r, ""))
	answer := h.send(h.text(r, r.answer(challenge)))
	fmt.Println(challenge.Status(), answer.Status(), contacts(answer))
	// Output: 401 200 [<sip:201@127.0.0.2:40000;transport=tcp>;expires=60]
}

// TestSentAway: a phone that is to go elsewhere hears 503, after its password, and
// stays registered meanwhile; it may take itself off.
func TestSentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, transport.TCP, desk)
		h.register(register{cseq: 1, lines: []string{here}})
		h.registrar.o.Leaves = func(user, device string, _ time.Time) (int, bool) { return 7, user == "201" && device != "" }
		time.Sleep(50 * time.Second)
		got := h.register(register{cseq: 2, lines: []string{here}})
		if after, _ := got.Header(message.RetryAfter); got.Status() != 503 || after != "7" {
			t.Errorf("got %d, Retry-After %q, want 503 and 7", got.Status(), after)
		}
		if got := h.register(register{cseq: 1, user: "202", lines: []string{there}}); got.Status() != 200 {
			t.Errorf("another user: got %d, want 200", got.Status())
		}
		wrong := register{cseq: 3, password: "wrong", lines: []string{here}}.withDefaults()
		if got := h.send(h.text(wrong, wrong.answer(h.send(h.text(wrong, ""))))); got.Status() != 401 {
			t.Errorf("a stranger: got %d, want 401", got.Status())
		}
		time.Sleep(100 * time.Second)
		if all := h.bindings.Of("201"); len(all) != 1 || all[0].State(time.Now()) != live.BindingUp {
			t.Errorf("while it looks for another node: got %+v", all)
		}
		if got := h.register(register{cseq: 4, lines: []string{here + ";expires=0"}}); got.Status() != 200 || len(h.bindings.Of("201")) > 0 {
			t.Errorf("it takes itself off: got %d", got.Status())
		}
		if got := h.registrar.Counters(); got.SentAway != 1 {
			t.Errorf("got %+v", got)
		}
	})
}
