package message

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// seeds are small messages of many shapes.
func seeds() []string {
	return []string{
		crlf("OPTIONS sip:a SIP/2.0\nv: SIP/2.0/UDP h;rport\nf: <sip:b>;tag=1\nt: <sip:c>\ni: d\nCSeq: 1 OPTIONS\nl: 0\n\n"),
		crlf("SIP/2.0 200 OK\nVia: SIP/2.0/TCP h, SIP/2.0/UDP [::1]:5;branch=x\nFrom: \"A, B\" <sip:b>\nTo: sip:c;tag=2\nCall-ID: d\nCSeq: 1 BYE\n\n"),
		"INVITE tel:1 SIP/2.0\nVia: SIP / 2.0 /UDP h\n ;received=1.2.3.4\nContent-Length: 2\n\nabc",
		crlf("\n\nACK sip:a SIP/3.0\nVia : x\nNo colon\n: y\nRoute: <sip:a>,\n\t<sip:b;lr>\n\n"),
		crlf("BYE  sip:a SIP/2.0 \nVia:\nContent-Length: 7\nContent-Length: 7\n\n1234567BYE"),
		"\r\n\r\n", "INFO x SIP/2.0\r\nVia: \r\r\n\r\n",
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		reused := bytes.Clone(raw)
		m, err := Parse(reused)
		clear(reused)
		var wrong *SyntaxError
		if err != nil && (!errors.As(err, &wrong) || wrong.Status < 400 || wrong.Reason == "") {
			t.Fatalf("got error %v, want a SyntaxError with a status", err)
		}
		if m == nil {
			return
		}
		if err == nil && m.IsRequest() && (m.MethodName() == "" || m.RequestURI() == "") {
			t.Errorf("a request without method or Request-URI: %q", m.Raw())
		}
		checkTiling(t, m)
		checkAccessors(t, m)
		checkReply(t, m, err)
		checkReceived(t, m, raw, netip.MustParseAddrPort("[2001:db8::1%eth0]:65535"))
		if v, ok := m.TopVia(); ok {
			if addr, isAddr := HostAddr(v.Host); isAddr {
				checkReceived(t, m, raw, netip.AddrPortFrom(addr, 9))
			}
		}
		if again, errAgain := ParseString(m.Raw()); err == nil && (errAgain != nil || again.Raw() != m.Raw() || again.Lines() != m.Lines()) {
			t.Errorf("parsed again: got %v, %v", again, errAgain)
		}
	})
}

// checkTiling checks that start line, header lines, empty line and body make up the text, without gap or overlap.
func checkTiling(t *testing.T, m *Message) {
	t.Helper()
	at := int(m.head)
	for i := range m.Lines() {
		l := m.at(i)
		if int(l.start) != at || l.value < l.start+uint16(l.width) || l.end < l.value || int(l.end) > m.lineEnd(i) {
			t.Fatalf("line %d: %+v, want it from %d on", i, *l, at)
		}
		at = m.lineEnd(i)
	}
	if at != int(m.tail) || m.body < m.tail || int(m.body) > len(m.raw) || m.to < m.from || m.to > m.head {
		t.Fatalf("tail %d, want %d; body %d, length %d", m.tail, at, m.body, len(m.raw))
	}
}

func checkAccessors(t *testing.T, m *Message) {
	t.Helper()
	_, _, _, _ = m.Status(), m.Reason(), m.RequestURI(), m.CallID()
	_, _ = m.TopVia()
	_, _ = m.CSeq()
	_ = m.Validate()
	count := map[Name]int{}
	for i := range m.Lines() {
		n, name, value := m.Line(i)
		if got, ok := m.Header(n); count[n] == 0 && (!ok || got != value) {
			t.Errorf("Header(%v): got %q, want %q", n, got, value)
		}
		if _, ok := m.HeaderNamed(name); name != "" && !ok {
			t.Errorf("HeaderNamed(%q): not found", name)
		}
		count[n]++
		for v := range m.Values(n) {
			if v == "" || v != trimSpace(v) {
				t.Errorf("Values(%v): got %q", n, v)
			}
		}
	}
	for n := range Name(len(names)) {
		if m.Count(n) != count[n] || m.Has(n) != (count[n] > 0) {
			t.Errorf("Count(%v): got %d, want %d", n, m.Count(n), count[n])
		}
	}
}

// checkReply checks that what answers a valid request is a valid response. What is wrong with a request may come back to its
// sender in the lines that an answer copies.
func checkReply(t *testing.T, m *Message, wrong error) {
	t.Helper()
	if !m.IsRequest() {
		return
	}
	r := m.Reply(400, "Bad\r\nThing", "t1")
	r.Add(UserAgent, "x\r\ny")
	reply, err := ParseString(string(r.AppendTo(nil)))
	valid := wrong == nil && m.Validate() == nil
	if reply == nil || err != nil {
		if valid {
			t.Fatalf("reply to a valid request: %v", err)
		}
		return
	}
	if valid && (reply.Validate() != nil || reply.ToTag() == "" || reply.Method() != m.Method()) {
		t.Errorf("reply to a valid request: %v, tag %q: %q", reply.Validate(), reply.ToTag(), reply.Raw())
	}
}

// checkReceived checks the stamp, and that it is the same made while parsing.
func checkReceived(t *testing.T, m *Message, raw []byte, source netip.AddrPort) {
	t.Helper()
	stamped := m.Received(source)
	checkTiling(t, stamped)
	if both, _ := ParseFrom(raw, source); both.Raw() != stamped.Raw() || both.lines != stamped.lines {
		t.Errorf("ParseFrom: got %q, want %q", both.Raw(), stamped.Raw())
	}
	v, ok := m.TopVia()
	if !ok || !m.IsRequest() {
		if stamped != m {
			t.Error("a message without top Via, or a response, was stamped")
		}
		return
	}
	got, ok := stamped.TopVia()
	want := v
	from := source.Addr().Unmap().WithZone("")
	want.Received, want.Params = from.String(), got.Params
	if want.HasRPort {
		want.RPort = source.Port()
	}
	if addr, _ := HostAddr(v.Host); addr == from && !v.HasRPort {
		want.Received = ""
	}
	if !ok || got != want {
		t.Errorf("stamped: got %+v, want %+v", got, want)
	}
	if stamped.Lines() != m.Lines() || stamped.Body() != m.Body() || stamped.RequestURI() != m.RequestURI() {
		t.Error("the stamp changed something else")
	}
}

// FuzzFrame reads a stream at once, byte by byte and in two pieces: the same messages, the same end.
func FuzzFrame(f *testing.F) {
	all := strings.Join(seeds()[:2], "")
	f.Add([]byte(all), uint16(9))
	for _, s := range seeds() {
		f.Add([]byte(s+s), uint16(len(s)-1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		want := frames(stream, len(stream))
		at := min(int(cut), len(stream))
		for _, sizes := range [][]int{slices.Repeat([]int{1}, len(stream)), {at, len(stream) - at}} {
			if got := frames(stream, sizes...); !slices.Equal(got, want) {
				t.Fatalf("in pieces of %v: got %q, want %q", sizes, got, want)
			}
		}
		for _, text := range want {
			m, err := ParseString(text)
			if text = strings.TrimLeft(text, "\r\n"); err == nil && m.Body() != text[len(text)-len(m.Body()):] {
				t.Errorf("body: got %q of %q", m.Body(), text)
			}
		}
	})
}

// frames feeds a stream in pieces and returns the messages, and the error as the last one.
func frames(stream []byte, sizes ...int) (messages []string) {
	start, end, scanned := 0, 0, 0
	for _, size := range sizes {
		end += size
		for {
			n, rescan, err := Frame(stream[start:end], scanned)
			scanned = rescan
			if err != nil {
				return append(messages, err.Error())
			}
			if n == 0 {
				break
			}
			messages = append(messages, string(stream[start:start+n]))
			start += n
		}
	}
	return messages
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"sip:a:b@h:5060;lr;x=%41?h=v", "SIPS:[::1]", "tel:+1-2;phone-context=x", "urn:service:sos", "sip:a;b=c@h", "sip:%zz@h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			if u != (URI{}) {
				t.Errorf("got %+v with an error", u)
			}
			return
		}
		again, err := ParseURI(u.String())
		if err != nil || again != u {
			t.Errorf("%q: got %+v, %v, want %+v", u.String(), again, err, u)
		}
		if !u.Equal(again) {
			t.Errorf("%+v is not equal to itself", u)
		}
		_ = u.UserUnescaped()
		if _, ok := u.Param("lr"); ok && u.Params == "" {
			t.Error("a parameter of nothing")
		}
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport", "SIP / 2.0 / TCP [::1] : 5 ; received = ::1 ;rport=1", "SIP/2.0/UDP h;;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVia(s)
		if err != nil {
			return
		}
		port := ""
		if v.Port != 0 {
			port = fmt.Sprintf(":%d", v.Port)
		}
		if v.Params != "" {
			port += ";" + v.Params
		}
		again, err := ParseVia("SIP/2.0/" + v.Transport + " " + v.Host + port)
		if err != nil || again != v {
			t.Errorf("got %+v, %v, want %+v", again, err, v)
		}
		if branch, ok := v.Param("branch"); ok && v.Branch == "" && branch != "" {
			t.Errorf("branch: got %q", branch)
		}
	})
}

func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{
		`"A \"B\"" <sip:a@h;lr>;tag=1`, "sip:a@h;tag=1", "T. Watson <sip:w>", "< sip:a >", "*", `a;x="b;c"`, "a\\ <b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseNameAddr(s)
		if err != nil {
			return
		}
		again, err := ParseNameAddr(a.String())
		if err != nil || again != a {
			t.Errorf("%q: got %+v, %v, want %+v", a.String(), again, err, a)
		}
		for name, value := range Params(a.Params) {
			if _, ok := a.Param(name); !ok {
				t.Errorf("parameter %q=%q is not found", name, value)
			}
		}
	})
}

// FuzzReplaces: what was read, written again, says the same; no tag carries more than a tag into the header of another INVITE.
func FuzzReplaces(f *testing.F) {
	for _, s := range []string{
		"a@h;to-tag=1;from-tag=2;early-only", "a", "a;to-tag=0", " a ; FROM-TAG = 2 ;x=y", "a;to-tag=;to-tag=1", "a;to-tag=1;to-tag=2", "a,b;to-tag=1", ";to-tag=1", "a b", "a;to-tag=1\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReplaces(s)
		if err != nil {
			if r != (ReplacesValue{}) {
				t.Errorf("an error, and %+v", r)
			}
			return
		}
		text := r.CallID
		for name, tag := range map[string]string{"to-tag": r.ToTag, "from-tag": r.FromTag} {
			if tag != "" {
				text += ";" + name + "=" + tag
			}
		}
		if r.EarlyOnly {
			text += ";early-only"
		}
		if again, err := ParseReplaces(text); err != nil || again != r {
			t.Errorf("%q: got %+v, %v, want %+v", text, again, err, r)
		}
		if r.CallID == "" || strings.ContainsAny(r.CallID+r.ToTag+r.FromTag, "; \t\r\n") {
			t.Errorf("got %+v", r)
		}
	})
}
